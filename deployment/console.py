"""The console: ``web/`` in the site's bucket, beside it what the deployment says of itself, and a login that knows it.

Only what differs is written, so that a deployment with nothing to do leaves no trace. What a release no longer has goes
from sight; the bucket keeps every version for a while (``blueprints.storage.SITE_KEPT``).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from blueprints.order import Stack
from blueprints.regions import GLOBAL

if TYPE_CHECKING:
    from deployment.aws import Aws
    from deployment.survey import Found
    from deployment.target import Target

WEB = Path(__file__).resolve().parent.parent / "web"
PAGE = "index.html"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
FRESH = "no-cache"  # a file keeps its name when it changes, so a browser asks each time
AT_ONCE = 8  # requests
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
KEYS_IN_A_DELETION = 1000


class Delivered(NamedTuple):
    """What became of the console.

    Attributes:
        page: Its address.
        written: Keys of the files that were uploaded or removed, and whose login page was told; nothing if all was so.
    """

    page: str
    written: list[str]


def deliver(target: Target, found: Mapping[Stack, Found], region: str | None = None) -> Delivered:
    """Bring the console up to date in the bucket of *region* (default: the primary's) and let its login lead back."""
    written = publish(target, configurations(target, found), region)
    for each in _apis(target, found):
        if let_in(target.aws, each.region, found[each].outputs, page(target, found, each.region)):
            written.append(f"login page in {each.region}")
    return Delivered(page(target, found, region), written)


def page(target: Target, found: Mapping[Stack, Found], region: str | None = None) -> str:
    """Where people open the console: at CloudFront, or below the API of *region* (default: the primary's)."""
    site = found.get(Stack("site", GLOBAL)) if target.settings.site.cloudfront else None
    if site and "ConsoleUrl" in site.outputs:
        return f"{site.outputs['ConsoleUrl']}/{PAGE}"
    return f"{found[Stack('api', region or target.home)].outputs['ApiUrl']}/console/{PAGE}"


def configurations(target: Target, found: Mapping[Stack, Found]) -> dict[str, dict[str, object]]:
    """What the console must know of each region's API and login; nothing of it is a secret."""
    return {
        each.region: {
            "api": found[each].outputs["ApiUrl"],
            "authority": found[each].outputs["Authority"],
            "client_id": found[each].outputs["ConsoleClient"],
            "deployment": target.settings.prefix,
            "regions": list(target.settings.regions),
        }
        for each in _apis(target, found)
    }


def publish(target: Target, configurations: Mapping[str, Mapping[str, object]], region: str | None = None) -> list[str]:
    """Keys of what was uploaded to the bucket of *region* (default: the primary's), or removed from it, in order.

    Replication takes it to the other region, and a removal with it. Each region has an API and a user pool of its own,
    so each has a ``config.json``; both buckets hold both.
    """
    where = region or target.home
    bucket = target.settings.name("site", where, target.aws.account)
    client = target.aws.client("s3", where)
    wanted = dict(_files())
    for each, about in configurations.items():
        wanted[_configuration(each)] = json.dumps(about, indent=2).encode()

    def put(key: str) -> list[str]:
        return [key] if _put(client, bucket, key, wanted[key]) else []

    with ThreadPoolExecutor(AT_ONCE, "console") as pool:
        written = [key for done in pool.map(put, sorted(wanted)) for key in done]
    kept = {*wanted, *map(_configuration, target.settings.regions)}
    superfluous = sorted(key for key in _keys(client, bucket) if key not in kept)
    for start in range(0, len(superfluous), KEYS_IN_A_DELETION):
        some = [{"Key": key} for key in superfluous[start : start + KEYS_IN_A_DELETION]]
        client.delete_objects(Bucket=bucket, Delete={"Objects": some, "Quiet": True})
    return written + superfluous


def let_in(aws: Aws, region: str, outputs: Mapping[str, str], page: str) -> bool:
    """Whether the login page had to be told to lead back to the console's *page*.

    It knows the address from its template, unless CloudFront gave it, which is later and elsewhere.

    Args:
        aws: The account.
        region: Whose login page.
        outputs: Of that region's ``api`` stack.
        page: Address of the console.
    """
    pools = aws.client("cognito-idp", region)
    which = {"UserPoolId": outputs["UserPool"], "ClientId": outputs["ConsoleClient"]}
    known = pools.describe_user_pool_client(**which)["UserPoolClient"]
    if all(page in known.get(member, []) for member in ("CallbackURLs", "LogoutURLs")):
        return False
    # An update forgets whatever it is not told again.
    # https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UpdateUserPoolClient.html
    members = pools.meta.service_model.operation_model("UpdateUserPoolClient").input_shape.members
    kept: dict[str, Any] = {member: value for member, value in known.items() if member in members and value != ""}
    for member in ("CallbackURLs", "LogoutURLs"):
        kept[member] = sorted({*kept.get(member, []), page})
    pools.update_user_pool_client(**kept)
    return True


def _apis(target: Target, found: Mapping[Stack, Found]) -> list[Stack]:
    return [stack for region in target.settings.regions if (stack := Stack("api", region)) in found]


def _configuration(region: str) -> str:
    return f"config/{region}/config.json"


def _files() -> Iterator[tuple[str, bytes]]:
    for path in WEB.rglob("*"):
        if path.suffix in TYPES:
            yield path.relative_to(WEB).as_posix(), path.read_bytes()


def _put(client: Any, bucket: str, key: str, content: bytes) -> bool:
    """Whether the object had to be written: it was not there, or other than it should be."""
    # The ETag of an object under a KMS key is no digest of it.
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    wanted = {
        "ChecksumSHA256": base64.b64encode(hashlib.sha256(content).digest()).decode(),
        "ContentType": TYPES[Path(key).suffix],
        "CacheControl": FRESH,
    }
    try:
        known = client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:  # noqa: PLR2004 (HTTP's "not found")
            raise
        known = {}
    if all(known.get(name) == value for name, value in wanted.items()):
        return False
    client.put_object(Bucket=bucket, Key=key, Body=content, ChecksumAlgorithm="SHA256", **wanted)
    return True


def _keys(client: Any, bucket: str) -> Iterator[str]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from (each["Key"] for each in page.get("Contents", []))
