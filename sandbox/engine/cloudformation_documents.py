"""Templates that CloudFormation reads from a bucket, by every form of an object's address."""

import hashlib
import re
from typing import Any
from urllib.parse import unquote, urlsplit

from ministack.services import s3
from ministack.services.cloudformation import helpers

from sandbox.engine.patching import replace
from sandbox.engine.storage import region_of

Parameters = dict[str, Any]
Found = tuple[str | None, tuple[int, dict[str, str], bytes] | None]

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
VIRTUAL_HOST = re.compile(r"(?P<bucket>.+)\.s3(?:[.-](?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com")
PATH_HOST = re.compile(r"s3(?:[.-](?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com")
KEPT = "https://templates.cloudformation.internal/"  # what StackSets keeps of a template, beyond a call's 50 KiB
MORE = "For more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"

_kept: dict[str, str] = {}


def install() -> None:
    """Replace the reading; MiniStack took the host for an endpoint, whatever it said."""
    replace(helpers, "_resolve_document", resolve, "9ad9addb675b")


def keep(text: str) -> str:
    """An address at which CloudFormation itself finds the text, as a stack set does its template."""
    url = KEPT + hashlib.sha256(text.encode()).hexdigest()
    _kept[url] = text
    return url


def resolve(parameters: Parameters, body_key: str, url_key: str, label: str) -> Found:
    """The document that a request has in it, or names: its text, or the error; neither when it names none."""
    body, url = helpers._p(parameters, body_key), helpers._p(parameters, url_key)
    if body or not url:
        return body or None, None
    if url in _kept:
        return _kept[url], None
    try:
        content = read(url, url_key)
    except ValueError as error:
        return None, helpers._error("ValidationError", str(error))
    if body_key == "TemplateBody" and len(content) > helpers.TEMPLATE_URL_MAX_BYTES:
        limit = f"{label} may not exceed {helpers.TEMPLATE_URL_MAX_BYTES} bytes in size."
        return None, helpers._error("ValidationError", limit)
    return content.decode(), None


def read(url: str, named: str = "TemplateURL") -> bytes:
    """The object at an address.

    Raises:
        ValueError: It is no address of an object, the bucket lies elsewhere, or nothing is there.
    """
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path).lstrip("/")
    found = VIRTUAL_HOST.fullmatch(host) or PATH_HOST.fullmatch(host)
    if found and "bucket" in found.groupdict():
        bucket, key = found["bucket"], path
    else:
        bucket, _, key = path.partition("/")
    if not bucket or not key:
        raise ValueError(f"{named} must be a supported URL, not {url}")
    if bucket not in s3._buckets:
        raise ValueError(f"S3 error: The specified bucket does not exist\n{MORE}")
    if found and found["region"] not in {None, region_of(bucket)}:
        raise ValueError(
            "S3 error: The bucket you are attempting to access must be addressed using the specified endpoint. "
            f"Please send all future requests to this endpoint.\n{MORE}"
        )
    content: bytes | None = s3._get_object_data(bucket, key)
    if content is None:
        raise ValueError(f"S3 error: The specified key does not exist.\n{MORE}")
    return content
