"""Where the local world's names differ from AWS's in what a browser is told."""

import re
from typing import Any

from sandbox.engine import clients

HEADER = "content-security-policy"
CONNECT = re.compile(r"(?<![\w-])connect-src(?P<sources>[^;]*)")
NONE = " 'none'"


def localised(headers: dict[str, Any]) -> dict[str, Any]:
    """The headers, whose content security policy lets the page call the API and the sign-in at their local addresses.

    On AWS a console calls ``https://<id>.execute-api.<region>.amazonaws.com`` and
    ``https://<prefix>.auth.<region>.amazoncognito.com``, which its policy names. Here both are this server, so
    ``connect-src`` gets its addresses on top; no other directive changes, and a policy without ``connect-src`` or with
    ``'none'`` stays as it is.
    """
    return {
        name: localised_policy(value) if name.lower() == HEADER and isinstance(value, str) else value
        for name, value in headers.items()
    }


def localised_policy(policy: str) -> str:
    """The policy with the local addresses in ``connect-src``."""
    port = clients.endpoint().rpartition(":")[2]
    ours = f" http://127.0.0.1:{port} http://localhost:{port} http://*.execute-api.localhost:{port}"
    return CONNECT.sub(lambda found: found[0] if found["sources"].rstrip() in {"", NONE} else found[0] + ours, policy)
