"""CloudFront's distributions as a browser sees them, at ``http://<label>.cloudfront.localhost:<port>/``.

MiniStack serves a distribution's origins in this process. Here: origin groups, origin access control with the bucket's
and the key's policy, and the ways in which the loopback differs from the Internet (`policies`, no TLS).
"""

from typing import Any

from ministack import app
from ministack.core.responses import get_account_id, request_scope
from ministack.services import cloudfront, kms, s3

from sandbox.engine import faults, policies
from sandbox.engine.patching import replace
from sandbox.engine.permissions import NotAllowed, require_service
from sandbox.engine.storage import SSE_KEY, region_of, s3_conditions

SERVICE = "cloudfront.amazonaws.com"
REPEATABLE = ("GET", "HEAD", "OPTIONS")  # the methods for which CloudFront fails over
UNAVAILABLE = 503

_original: dict[str, Any] = {}


def install() -> None:
    """Wrap the reading of a distribution, the way to its origins, and the headers on the way back."""
    _original["parse"] = replace(cloudfront, "parse_distribution_dataplane_config", parse, "98fedaf0ec2b")
    _original["fetch"] = replace(cloudfront, "_fetch_from_origin", fetch, "11c0079215ff")
    _original["serve"] = replace(s3, "serve_cloudfront_origin_fetch", serve, "a0742d203d91")
    _original["allows"] = replace(s3, "_cloudfront_origin_allows", allows, "5bd230ae14eb")
    _original["headers"] = replace(cloudfront, "_apply_response_headers_policy", apply_headers, "f287247ff41a")
    _original["protocol"] = replace(cloudfront, "_check_viewer_protocol_policy", check_protocol, "66512ab93e81")


def parse(distribution: dict[str, Any]) -> dict[str, Any]:
    """MiniStack's view of a distribution, in which an origin group is an origin with members.

    Also an origin without ``CustomOriginConfig`` is S3's, whether or not an empty ``S3OriginConfig`` was kept.
    """
    found: dict[str, Any] = _original["parse"](distribution)
    configuration = cloudfront._dist_config_el(distribution)
    for element in below(configuration, "Origins", "Origin"):
        origin = found["origins"][cloudfront._text(element, "Id")]
        if cloudfront._find(element, "CustomOriginConfig") is None and not origin["s3_bucket"]:
            origin["s3_bucket"] = cloudfront._s3_origin_bucket(origin["domain_name"])
    for element in below(configuration, "OriginGroups", "OriginGroup"):
        members = [
            found["origins"][cloudfront._text(member, "OriginId")]
            for member in below(element, "Members", "OriginGroupMember")
        ]
        criteria = cloudfront._find(element, "FailoverCriteria")
        codes = {int(code.text or 0) for code in below(criteria, "StatusCodes", "StatusCode")}
        group = cloudfront._text(element, "Id")
        found["origins"][group] = {**members[0], "id": group, "members": members, "codes": codes}
    return found


def below(element: Any, block: str, tag: str) -> list[Any]:
    """The items of a counted block."""
    found = cloudfront._find(element, block) if element is not None else None
    items = cloudfront._find(found, "Items") if found is not None else None
    return [item for item in (items if items is not None else ()) if cloudfront._local_tag_name(item) == tag]


async def fetch(origin: dict[str, Any], method: str, *request: Any) -> Any:
    """Ask an origin; of a group the second when the first answers one of the group's codes, or not at all.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/high_availability_origin_failover.html
    """
    members = origin.get("members") or [origin]
    for member in members[:-1]:
        try:
            answer = await _original["fetch"](member, method, *request)
        except (cloudfront.OriginTimeout, cloudfront.OriginUnreachable):
            if method not in REPEATABLE:
                raise
            continue
        if method not in REPEATABLE or answer[0] not in origin["codes"]:
            return answer
    return await _original["fetch"](members[-1], method, *request)


def serve(bucket: str, key: str, method: str, headers: Any, **origin: str) -> Any:
    """MiniStack's answer of a bucket, unless a fault was asked for it."""
    fault = faults.take_call("s3", f"{method.title()}Object", region_of(bucket), SERVICE)
    if fault:
        return s3._error(
            fault.get("error", "ServiceUnavailable"), "asked for by a fault", UNAVAILABLE, f"/{bucket}/{key}"
        )
    return _original["serve"](bucket, key, method, headers, **origin)


def allows(owner: str, bucket: str, key: str, source_arn: str, oai_id: str) -> bool:
    """Whether S3 lets CloudFront read an object: by the policy of the bucket, and of the object's key.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
    """
    if not source_arn or not app.AUTH:
        return bool(_original["allows"](owner, bucket, key, source_arn, oai_id))
    record = (s3._buckets.get(bucket) or {"objects": {}})["objects"].get(key) or {}
    kms_key = (record.get("preserved_headers") or {}).get(SSE_KEY)
    try:
        policy = s3._bucket_policies.get(bucket)
        require_service(SERVICE, policy, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}", source_arn)
        if kms_key:
            with request_scope(get_account_id(), region_of(bucket)):
                key_policy = (kms._resolve_key(kms_key) or {}).get("Policy")
            keys = s3_conditions(kms_key, bucket, key)
            require_service(SERVICE, key_policy, "kms:Decrypt", kms_key, source_arn, keys)
    except NotAllowed as reason:
        cloudfront.logger.warning("%s", reason)
        return False
    return True


def apply_headers(headers: dict[str, Any], policy: Any, origin: str, method: str) -> dict[str, Any]:
    """MiniStack's headers of a response headers policy, the content security policy with the local addresses."""
    return policies.localised(_original["headers"](headers, policy, origin, method))


def check_protocol(behaviour: Any, method: str, is_https: bool, *request: Any) -> Any:  # noqa: FBT001
    """Take every viewer for one over TLS: there is none on the loopback, and browsers trust it all the same."""
    del is_https
    return _original["protocol"](behaviour, method, True, *request)  # noqa: FBT003
