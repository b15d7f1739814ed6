"""Compressed bodies, both ways, where the API has a smallest size for it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gzip-compression-decompression.html
"""

import gzip
import zlib
from typing import Any

from ministack.services import apigateway_v1

from sandbox.engine.apigateway.calls import Call
from sandbox.engine.apigateway.validation import MOST_BYTES, Refusal

CODINGS = ("gzip", "deflate")
EITHER = 32 + zlib.MAX_WBITS  # zlib's way to say: a gzip or a zlib header


def smallest(call: Call) -> int | None:
    """How long a body must be to be compressed, None when none is."""
    found = (apigateway_v1._rest_apis.get(call.api_id) or {}).get("minimumCompressionSize")
    return None if found is None else int(found)


def unpack(call: Call) -> None:
    """Unpack the body of a request, which then is as if it had come so.

    Raises:
        Refusal: It is not what its header says, or too large.
    """
    coding = (call.header("content-encoding") or "").strip().lower()
    if coding not in CODINGS or smallest(call) is None:
        return
    unpacker = zlib.decompressobj(EITHER)
    try:
        call.body = unpacker.decompress(call.body, MOST_BYTES + 1)
    except zlib.error:
        raise Refusal("BAD_REQUEST_BODY", "Invalid request body") from None
    del call.headers["content-encoding"]


def pack(call: Call, headers: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    """The headers and the body of an answer, compressed if the caller takes that and it is long enough."""
    least = smallest(call)
    accepted = {part.partition(";")[0].strip().lower() for part in (call.header("accept-encoding") or "").split(",")}
    is_packed = any(name.lower() == "content-encoding" for name in headers)
    if least is None or len(body) < max(least, 1) or is_packed or not accepted & {*CODINGS, "*"}:
        return headers, body
    if accepted & {"gzip", "*"}:
        return {**headers, "Content-Encoding": "gzip"}, gzip.compress(body, 6)
    return {**headers, "Content-Encoding": "deflate"}, zlib.compress(body)
