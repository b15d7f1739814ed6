"""The Cognito authorizer of a REST API: which token it takes, and what it answers otherwise.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html: a method without
scopes takes an identity token, one with scopes an access token that has one of them. For a token without the scope AWS
documents 401 only (https://repost.aws/knowledge-center/api-gateway-cognito-401-unauthorized), while some report 403, so
clients must understand both.
"""

import json
import time
from typing import Any

from ministack.services import apigateway_v1

from sandbox.engine.patching import replace

EXPIRED = "The incoming token has expired"

_original: dict[str, Any] = {}


def install() -> None:
    """Replace the check of a token."""
    _original["validate"] = replace(apigateway_v1, "_validate_cognito_authorizer", validate, "11c3eaecec67")


async def validate(authorizer: Any, method: Any, headers: Any, query: Any, stage: Any) -> tuple[Any, Any]:
    """MiniStack's check, and the use for which the token was made; ``(claims, refusal)``."""
    claims, refusal = await _original["validate"](authorizer, method, headers, query, stage)
    if refusal is not None:
        token = apigateway_v1._cognito_token_from_request(authorizer, headers, query, stage)
        if refusal.response_type == "UNAUTHORIZED" and is_expired(token or ""):
            refusal = apigateway_v1._gw_error("UNAUTHORIZED", EXPIRED)
        return None, refusal
    wanted = "access" if method.get("authorizationScopes") else "id"
    if claims.get("token_use") != wanted:
        return None, apigateway_v1._gw_error("UNAUTHORIZED", "Unauthorized")
    return claims, None


def is_expired(token: str) -> bool:
    """Whether the token says that its time is over."""
    try:
        claims = json.loads(apigateway_v1._b64url_decode(token.split(".")[1]))
        return int(claims["exp"]) <= time.time()
    except (ValueError, IndexError, KeyError, TypeError):
        return False
