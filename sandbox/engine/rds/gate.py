"""What stands at a database's public address: TLS and IAM authentication in front of a server that has neither.

RDS speaks TLS with a certificate of Amazon's authority and, for users of ``AWSAuthenticationPlugin``, takes a signed
token in place of a password: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
Everything else passes byte by byte.
"""

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass

import pymysql

from sandbox.engine.rds import iam_users, wire
from sandbox.mysql import Server

logger = logging.getLogger("holdfast.rds.gate")
HANDSHAKE_TIMEOUT = 30  # seconds; MySQL's connect_timeout is 10
LOOKED_AT = 16 * 1024  # bytes; longer statements are not about users
CHUNK = 256 * 1024  # bytes read at once


@dataclass(frozen=True)
class Rules:
    """What a gate asks about its database; asked anew at every connection.

    Attributes:
        server: The server behind the gate; None when it is stopped or being changed.
        secure_only: Whether plaintext is refused (the parameter ``require_secure_transport``).
        refusal: Why a token is not good for this user at this port; None when it is.
    """

    server: Callable[[], Server | None]
    secure_only: Callable[[], bool]
    refusal: Callable[[str, str, int], str | None]


class Denied(Exception):
    """The client gets this error and no connection."""

    def __init__(self, kind: tuple[int, bytes], message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Peer:
    """One side of a connection while it logs in: whole packets, numbered by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sequence: int = 0) -> None:
        self.reader, self.writer, self.sequence = reader, writer, sequence

    async def read(self) -> bytes:
        """The payload of the next packet."""
        length, sequence = wire.header(await self.reader.readexactly(wire.HEADER))
        self.sequence = sequence + 1
        return await self.reader.readexactly(length)

    async def write(self, payload: bytes) -> None:
        """Send a packet with the next number."""
        self.writer.write(wire.packet(self.sequence, payload))
        self.sequence += 1
        await self.writer.drain()


class Gate:
    """A listening port of 127.0.0.1 in front of a database."""

    def __init__(self, rules: Rules, context: ssl.SSLContext, port: int = 0) -> None:
        self._rules, self._context = rules, context
        self._listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self._listener.settimeout(0)
        self.port = int(self._listener.getsockname()[1])
        self._connections: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.run_coroutine_threadsafe(self._accept(), _loop())

    def close(self) -> None:
        """Stop listening and cut every connection, as when a server goes."""
        self._accepting.cancel()
        _loop().call_soon_threadsafe(self._cut)
        self._listener.close()

    def _cut(self) -> None:
        for connection in list(self._connections):
            connection.cancel()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(self._listener)
            client.settimeout(0)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = loop.create_task(self._serve(client))
            self._connections.add(connection)
            connection.add_done_callback(self._connections.discard)

    async def _serve(self, client: socket.socket) -> None:
        writers: list[asyncio.StreamWriter] = []
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                peers = await self._log_in(client, writers)
            if peers:
                await _pipe(*peers)
        except (OSError, EOFError, wire.Malformed, TimeoutError, ssl.SSLError) as cause:
            logger.debug("gate %d: connection ended: %r", self.port, cause)
        finally:
            for writer in writers:
                writer.close()
            if not writers:
                client.close()

    async def _log_in(self, client: socket.socket, writers: list[asyncio.StreamWriter]) -> tuple[Peer, Peer] | None:
        """Both sides, logged in; None when the client was refused and told so."""
        server = self._rules.server()
        if server is None:
            return None
        back = Peer(*await _connect(server))
        writers.append(back.writer)
        greeting = wire.Greeting.parse(await back.read())
        front, secure, payload = await self._greet(client, greeting)
        writers.append(front.writer)
        try:
            self._require_secure(secure=secure)
            login = await self._admit(front, server, greeting, wire.Login.parse(payload), secure=secure)
            await back.write(login.payload())
            welcome = await _relay_login(front, back)
        except Denied as denied:
            await front.write(wire.error(denied.kind, str(denied)))
            return None
        return (front, back) if welcome else None

    def _require_secure(self, *, secure: bool) -> None:
        """Refuse plaintext as MySQL does.

        Raises:
            Denied: So.
        """
        if not secure and self._rules.secure_only():
            raise Denied(
                wire.SECURE_TRANSPORT_REQUIRED,
                "Connections using insecure transport are prohibited while --require_secure_transport=ON.",
            )

    async def _greet(self, client: socket.socket, greeting: wire.Greeting) -> tuple[Peer, bool, bytes]:
        """The client's side of the connection, whether it is TLS, and its login.

        The first packet is read from the bare socket and not a byte more: what follows may already be TLS.
        """
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(client, wire.packet(0, greeting.offering_tls()))
        length, sequence = wire.header(await _exactly(client, wire.HEADER))
        first = await _exactly(client, length)
        secure = len(first) >= wire.HEADER and bool(int.from_bytes(first[:4], "little") & wire.SSL)
        reader, writer = await _streams(client, self._context if secure else None)
        front = Peer(reader, writer, sequence + 1)
        return front, secure, (await front.read() if secure else first)

    async def _admit(
        self, front: Peer, server: Server, greeting: wire.Greeting, login: wire.Login, *, secure: bool
    ) -> wire.Login:
        """The login for the server: the client's own, or the gate's for a user whose token is good.

        Raises:
            Denied: The token is not good.
        """
        user = login.user.decode(errors="replace")
        try:
            by_token = await asyncio.to_thread(iam_users.is_iam_user, server, user)
        except pymysql.Error as cause:
            raise Denied(wire.SERVER_GONE, "the database is not available") from cause
        if not by_token:
            return login
        denied = Denied(wire.ACCESS_DENIED, f"Access denied for user '{user}'@'127.0.0.1' (using password: YES)")
        if not secure:  # RDS takes tokens inside TLS only
            raise denied
        await front.write(wire.switch_to_clear_password())
        token = (await front.read()).rstrip(b"\0").decode(errors="replace")
        reason = await asyncio.to_thread(self._rules.refusal, user, token, self.port)
        if reason:
            logger.warning("gate %d: no login for %s: %s", self.port, user, reason)
            raise denied
        return login.with_native_password(iam_users.password_of(user), greeting.salt)


async def _relay_login(front: Peer, back: Peer) -> bool:
    """Whether the server let the client in, after passing on what they had to say to each other."""
    while True:
        payload = await back.read()
        await front.write(payload)
        if payload[0] in (wire.OK, wire.ERROR):
            return payload[0] == wire.OK
        if payload != wire.FAST_AUTH_OK:  # then the server goes on by itself
            await back.write(await front.read())


async def _pipe(front: Peer, back: Peer) -> None:
    """Pass everything on until one side closes."""
    both = [
        asyncio.create_task(_commands(front.reader, back.writer)),
        asyncio.create_task(_bytes(back.reader, front.writer)),
    ]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)


async def _bytes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK):
        writer.write(chunk)
        await writer.drain()


async def _commands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass a client's packets on, statements about users in the server's dialect."""
    while True:
        head = await reader.readexactly(wire.HEADER)
        length, sequence = wire.header(head)
        if sequence == 0 and length <= LOOKED_AT:
            payload = await reader.readexactly(length)
            if payload[:1] in (bytes([wire.QUERY]), bytes([wire.PREPARE])):
                payload = payload[:1] + _translated(payload[1:])
            writer.write(wire.packet(sequence, payload))
        else:
            writer.write(head)
            while length:
                chunk = await reader.read(min(length, CHUNK))
                if not chunk:
                    return
                length -= len(chunk)
                writer.write(chunk)
                await writer.drain()
        await writer.drain()


def _translated(statement: bytes) -> bytes:
    if b"user" not in statement[:200].lower():
        return statement
    return iam_users.translate(statement.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


async def _exactly(client: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        more = await asyncio.get_running_loop().sock_recv(client, size - len(found))
        if not more:
            raise EOFError("the client went away")
        found += more
    return found


async def _streams(
    connected: socket.socket, context: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=CHUNK, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, connected, ssl=context)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _connect(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if server.socket:
        return await asyncio.open_unix_connection(str(server.socket), limit=CHUNK)
    return await asyncio.open_connection("127.0.0.1", server.port, limit=CHUNK)


_lock = threading.Lock()
_started: list[asyncio.AbstractEventLoop] = []


def _loop() -> asyncio.AbstractEventLoop:
    """The event loop of all gates, on a thread of its own so that a busy engine does not slow databases."""
    with _lock:
        if not _started:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, daemon=True, name="rds-gates").start()
            _started.append(loop)
        return _started[0]
