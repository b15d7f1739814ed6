"""Tokens that nobody should take: changed after they were signed, or signed once more with the pool's own key."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from world import World


def opened(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of *token*."""
    header, claims, _ = (
        json.loads(_unpacked(part)) if index < 2 else {} for index, part in enumerate(token.split("."))
    )
    return header, claims


def changed(token: str, **claims: Any) -> str:
    """*token* with other *claims* under its old signature."""
    header, old = opened(token)
    return ".".join((_packed(header), _packed({**old, **claims}), token.split(".")[2]))


def unsigned(token: str) -> str:
    """*token* that says it needs no signature."""
    _, claims = opened(token)
    return f"{_packed({'alg': 'none'})}.{_packed(claims)}."


def signed_again(world: World, token: str, **claims: Any) -> str:
    """*token* with other *claims*, signed by its pool: what the pool itself would have issued at another time."""
    header, old = opened(token)
    pool = old["iss"].rpartition("/")[2]
    path = world.engine.directory / "state" / "cognito-pool-keys" / f"{pool}-access.pem"
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    return _signed(key, header, {**old, **claims})


def of_a_stranger(token: str) -> str:
    """The same claims, signed by somebody else under the pool's key id."""
    return _signed(rsa.generate_private_key(65537, 2048), *opened(token))


def _signed(key: Any, header: dict[str, Any], claims: dict[str, Any]) -> str:
    text = f"{_packed(header)}.{_packed(claims)}"
    return f"{text}.{_text(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _packed(part: dict[str, Any]) -> str:
    return _text(json.dumps(part).encode())


def _text(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def _unpacked(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
