"""The few packets of the MySQL protocol that the gate reads or writes itself.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html
"""

import hashlib
import struct
from dataclasses import dataclass, replace
from typing import Self

COMPRESS = 1 << 5
CONNECT_WITH_DB = 1 << 3
SSL = 1 << 11
SECURE_CONNECTION = 1 << 15
PLUGIN_AUTH = 1 << 19
LENENC_AUTH = 1 << 21
ZSTD = 1 << 26
OK, ERROR, SWITCH, MORE = 0x00, 0xFF, 0xFE, 0x01
QUERY, PREPARE = 0x03, 0x16
HEADER = 4  # bytes: length and sequence number
FAST_AUTH_OK = b"\x01\x03"
CLEAR_PASSWORD = b"mysql_clear_password"
NATIVE_PASSWORD = b"mysql_native_password"
ACCESS_DENIED = (1045, b"28000")
SECURE_TRANSPORT_REQUIRED = (3159, b"HY000")
SERVER_GONE = (2006, b"HY000")
SALT_HEAD = 8


class Malformed(Exception):
    """A peer does not speak the protocol."""


def packet(sequence: int, payload: bytes) -> bytes:
    """A packet; the payload must be shorter than 16 MiB."""
    return struct.pack("<I", len(payload))[:3] + bytes([sequence & 0xFF]) + payload


def header(head: bytes) -> tuple[int, int]:
    """Length of the payload, and sequence number."""
    return int.from_bytes(head[:3], "little"), head[3]


def error(kind: tuple[int, bytes], message: str) -> bytes:
    """The payload of an error packet."""
    return struct.pack("<BH", ERROR, kind[0]) + b"#" + kind[1] + message.encode()


def switch_to_clear_password() -> bytes:
    """The payload that asks the client for its password as it is; only ever sent inside TLS."""
    return bytes([SWITCH]) + CLEAR_PASSWORD + b"\0"


@dataclass(frozen=True)
class Greeting:
    """What a server says first, as far as the gate must change or use it."""

    payload: bytes
    salt: bytes
    flags_at: int

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Read a version 10 greeting.

        Raises:
            Malformed: It is something else; an error packet of a server that is full, say.
        """
        if not payload or payload[0] != 10:  # noqa: PLR2004  # the only version in use since MySQL 3.21
            raise Malformed("no greeting")
        at = payload.index(b"\0") + 1 + 4  # version, connection id
        flags_at = at + SALT_HEAD + 1
        length = max(13, payload[flags_at + 7] - SALT_HEAD)
        tail = payload[flags_at + 18 : flags_at + 18 + length]
        return cls(payload, (payload[at : at + SALT_HEAD] + tail)[:20], flags_at)

    def offering_tls(self) -> bytes:
        """The same greeting with TLS offered and without compression, which the gate could not look into."""
        at = self.flags_at
        low, high = struct.unpack_from("<H", self.payload, at)[0], struct.unpack_from("<H", self.payload, at + 5)[0]
        flags = ((high << 16 | low) | SSL) & ~COMPRESS & ~ZSTD
        changed = bytearray(self.payload)
        struct.pack_into("<H", changed, at, flags & 0xFFFF)
        struct.pack_into("<H", changed, at + 5, flags >> 16)
        return bytes(changed)


@dataclass(frozen=True)
class Login:
    """A client's answer to the greeting."""

    flags: int
    settings: bytes  # largest packet, character set, filler
    user: bytes
    secret: bytes
    database: bytes | None
    plugin: bytes | None
    rest: bytes  # connection attributes

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Read a HandshakeResponse41.

        Raises:
            Malformed: It ends too early.
        """
        try:
            flags = struct.unpack_from("<I", payload)[0]
            user, at = _text(payload, 32)
            secret, at = _secret(payload, at, flags)
            database, at = _text(payload, at) if flags & CONNECT_WITH_DB and at < len(payload) else (None, at)
            plugin, at = _text(payload, at) if flags & PLUGIN_AUTH and at < len(payload) else (None, at)
        except (IndexError, ValueError, struct.error) as cause:
            raise Malformed("no login") from cause
        return cls(flags, payload[4:32], user, secret, database, plugin, payload[at:])

    def with_native_password(self, password: str, salt: bytes) -> Self:
        """The same login with this password instead of the client's."""
        return replace(self, secret=scramble(password, salt), plugin=NATIVE_PASSWORD)

    def payload(self) -> bytes:
        """The packet's payload, without TLS, for a server on a socket of this machine."""
        flags = (self.flags & ~SSL & ~COMPRESS & ~LENENC_AUTH & ~CONNECT_WITH_DB) | SECURE_CONNECTION | PLUGIN_AUTH
        if len(self.secret) > 255:  # noqa: PLR2004  # one byte for the length
            raise Malformed("a secret of more than 255 bytes")
        parts = [self.settings, self.user, b"\0", bytes([len(self.secret)]), self.secret]
        if self.database is not None:
            flags |= CONNECT_WITH_DB
            parts += [self.database, b"\0"]
        parts += [self.plugin or NATIVE_PASSWORD, b"\0", self.rest]
        return struct.pack("<I", flags) + b"".join(parts)


def _text(payload: bytes, at: int) -> tuple[bytes, int]:
    end = payload.index(b"\0", at)
    return payload[at:end], end + 1


def _secret(payload: bytes, at: int, flags: int) -> tuple[bytes, int]:
    if flags & LENENC_AUTH:
        length, at = _length(payload, at)
        return payload[at : at + length], at + length
    if flags & SECURE_CONNECTION:
        length = payload[at]
        return payload[at + 1 : at + 1 + length], at + 1 + length
    return _text(payload, at)


def _length(payload: bytes, at: int) -> tuple[int, int]:
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}.get(payload[at], 0)
    return (int.from_bytes(payload[at + 1 : at + 1 + size], "little") if size else payload[at]), at + 1 + size


def scramble(password: str, salt: bytes) -> bytes:
    """What proves a native password without saying it."""
    once = hashlib.sha1(password.encode()).digest()  # noqa: S324  # the protocol says SHA-1
    mask = hashlib.sha1(salt + hashlib.sha1(once).digest()).digest()  # noqa: S324
    return bytes(a ^ b for a, b in zip(once, mask, strict=True))


def native_hash(password: str) -> str:
    """A native password as the server stores it."""
    once = hashlib.sha1(password.encode()).digest()  # noqa: S324  # the protocol says SHA-1
    return "*" + hashlib.sha1(once).hexdigest().upper()  # noqa: S324
