"""An AWS integration with S3: objects served as a role, ``arn:aws:apigateway:<region>:s3:path/<bucket>/<key>``.

https://docs.aws.amazon.com/apigateway/latest/developerguide/integrating-api-with-aws-services-s3.html
"""

import http.client
import logging
import re
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Signer
from ministack.services import apigateway_v1

from sandbox.engine import clients
from sandbox.engine.apigateway.calls import Answer, Call, value_of
from sandbox.engine.apigateway.mappings import ERROR, request_body, respond
from sandbox.engine.apigateway.validation import Refusal
from sandbox.engine.permissions import NotAllowed, require_trust, session_of

SERVICE = "apigateway.amazonaws.com"
VARIABLE = re.compile(r"\{([^{}]+)\}")
TIMEOUT = 29  # seconds
logger = logging.getLogger("holdfast.apigateway")


def is_bucket(uri: str) -> bool:
    """Whether an integration's address is S3's."""
    spec = apigateway_v1._parse_service_integration_uri(uri)
    return bool(spec and spec[1] == "s3" and spec[2] == "path")


def invoke(call: Call, binary_types: list[str]) -> Answer:
    """Call S3 with the permissions of the integration's role, and map its answer.

    Raises:
        Refusal: The integration names no role, or one that API Gateway cannot assume.
    """
    region, _, _, path = apigateway_v1._parse_service_integration_uri(call.integration["uri"])
    role = call.integration.get("credentials")
    if not role:
        raise Refusal("API_CONFIGURATION_ERROR", ERROR)
    try:
        require_trust(role, SERVICE, call.arn)
    except NotAllowed as reason:
        logger.warning("%s: API Gateway does not have permission to assume the provided role: %s", call.arn, reason)
        raise Refusal("API_CONFIGURATION_ERROR", ERROR) from reason
    parameters = {
        target.removeprefix("integration.request."): value
        for target, source in (call.integration.get("requestParameters") or {}).items()
        if (value := value_of(source, call)) is not None
    }
    url = "/" + VARIABLE.sub(lambda name: quote(str(parameters.get(f"path.{name[1]}", ""))), path)
    query = {
        name.removeprefix("querystring."): value
        for name, value in parameters.items()
        if name.startswith("querystring.")
    }
    headers = {
        name.removeprefix("header."): str(value) for name, value in parameters.items() if name.startswith("header.")
    }
    body = request_body(call) if call.body else b""
    found = ask(
        call.integration["httpMethod"], url + (f"?{urlencode(query)}" if query else ""), headers, body, role, region
    )
    call.integration_status = found[0]
    status, answered, content = respond(call, found)
    return status, answered, as_text(call, answered, content, binary_types)


def ask(method: str, path: str, headers: dict[str, str], body: bytes, role: str, region: str) -> Answer:  # noqa: PLR0913, PLR0917
    """Call S3 as a session of the role."""
    who = session_of(role, "BackplaneAssumeRoleSession") or clients.root()
    request = AWSRequest(method, f"{clients.endpoint()}{path}", {**headers}, body)
    S3SigV4Auth(Signer(who.key, who.secret, who.token), "s3", region).add_auth(request)
    target = urlsplit(clients.endpoint())
    connection = http.client.HTTPConnection(str(target.hostname), target.port, timeout=TIMEOUT)
    try:
        connection.request(method, path, body, dict(request.headers.items()))
        found = connection.getresponse()
        answered: dict[str, Any] = dict(found.getheaders())
        return found.status, answered, found.read()
    finally:
        connection.close()


def as_text(call: Call, headers: dict[str, Any], content: bytes, binary_types: list[str]) -> bytes:
    """What is not declared binary goes through as text, and is spoilt when it is none.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings-workflow.html; only the
    first media type of ``Accept`` counts.
    """
    accepted = (call.header("accept") or "").partition(",")[0]
    answered = next((str(value) for name, value in headers.items() if name.lower() == "content-type"), "")
    if any(apigateway_v1._media_type_matches(kind, binary_types) for kind in (accepted, answered)):
        return content
    return content.decode(errors="replace").encode()
