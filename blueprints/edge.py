"""How CloudFront serves the console: from which buckets, what it does if one fails, what it keeps and what it adds."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from troposphere import Template, cloudfront

from blueprints import arns
from blueprints.headers import FRAMES, HSTS, REFERRER, security_headers
from blueprints.settings import Settings

# A region that can't be connected to is given up after two times five seconds; CloudFront's own patience is thirty.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/high_availability_origin_failover.html
CONNECTION_ATTEMPTS = 2
CONNECTION_TIMEOUT = timedelta(seconds=5)
# Not 403 or 404: without the right to list, S3 answers 403 for a file that is not there, and it is not in the other
# bucket either, since that is a replica. Asking there would double every miss, and for some minutes bring back a file
# just deleted.
FAILOVER_ON = (500, 502, 503, 504)
# How long an upload may take to be seen, without anybody telling CloudFront.
FRESH = timedelta(minutes=1)
NOT_FOUND = "/error.html"


class Source(NamedTuple):
    """Files that CloudFront gets from the same place in either region's bucket, or from each region's own.

    Attributes:
        name: Id of the group of origins.
        folder: Where in the bucket they lie, by region; nothing is the bucket itself.
    """

    name: str
    folder: dict[str, str]


def sources(settings: Settings) -> tuple[Source, Source]:
    """The console's files, and what tells them which API and which login are theirs.

    Users and API differ by region, so the other region's bucket must lead to the other region's. It is a replica, so
    either bucket holds both: ``config/<region>/config.json``.
    """
    files = Source("files", dict.fromkeys(settings.regions, ""))
    return files, Source("configuration", {region: f"/config/{region}" for region in settings.regions})


def distribution(t: Template, settings: Settings) -> dict[str, object]:
    """What a distribution's configuration says about where files come from and how they are served."""
    files, configuration = sources(settings)
    common = {
        "ViewerProtocolPolicy": "redirect-to-https",
        "AllowedMethods": ["GET", "HEAD"],
        "CachedMethods": ["GET", "HEAD"],
        "Compress": True,
        "CachePolicyId": _cache(t, settings).ref(),
        "ResponseHeadersPolicyId": _headers(t, settings).ref(),
    }
    groups = [_failover(source) for source in (files, configuration)]
    return {
        "Origins": _origins(t, settings),
        "OriginGroups": cloudfront.OriginGroups(Items=groups, Quantity=len(groups)),
        "DefaultRootObject": "index.html",
        "DefaultCacheBehavior": cloudfront.DefaultCacheBehavior(TargetOriginId=files.name, **common),
        "CacheBehaviors": [
            cloudfront.CacheBehavior(PathPattern="/config.json", TargetOriginId=configuration.name, **common)
        ],
        "CustomErrorResponses": [_not_found()],
    }


def _origins(t: Template, settings: Settings) -> list[cloudfront.Origin]:
    """The site's bucket in either region, which answer nobody but CloudFront."""
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
    control = t.add_resource(
        cloudfront.OriginAccessControl(
            "OriginAccess",
            OriginAccessControlConfig=cloudfront.OriginAccessControlConfig(
                Name=settings.name("site"),
                Description=f"{settings.prefix}: CloudFront signs what it asks of the site's buckets",
                OriginAccessControlOriginType="s3",
                SigningBehavior="always",
                SigningProtocol="sigv4",
            ),
        )
    )
    return [
        cloudfront.Origin(
            Id=_origin(source, region),
            DomainName=arns.bucket_address(settings, "site", region),
            OriginAccessControlId=control.get_att("Id"),
            S3OriginConfig=cloudfront.S3OriginConfig(
                OriginAccessIdentity=""
            ),  # there must be one, and it must be empty
            ConnectionAttempts=CONNECTION_ATTEMPTS,
            ConnectionTimeout=int(CONNECTION_TIMEOUT.total_seconds()),
            **({"OriginPath": folder} if folder else {}),
        )
        for source in sources(settings)
        for region, folder in source.folder.items()
    ]


def _origin(source: Source, region: str) -> str:
    return f"{source.name}-{region}"


def _failover(source: Source) -> cloudfront.OriginGroup:
    members = [cloudfront.OriginGroupMember(OriginId=_origin(source, region)) for region in source.folder]
    return cloudfront.OriginGroup(
        Id=source.name,
        FailoverCriteria=cloudfront.OriginGroupFailoverCriteria(
            StatusCodes=cloudfront.StatusCodes(Items=list(FAILOVER_ON), Quantity=len(FAILOVER_ON))
        ),
        Members=cloudfront.OriginGroupMembers(Items=members, Quantity=len(members)),
    )


def _cache(t: Template, settings: Settings) -> cloudfront.CachePolicy:
    """A file is known by its path alone, compressed or not; whatever else a viewer sends stays at the edge."""
    known_by = cloudfront.ParametersInCacheKeyAndForwardedToOrigin(
        EnableAcceptEncodingBrotli=True,
        EnableAcceptEncodingGzip=True,
        CookiesConfig=cloudfront.CacheCookiesConfig(CookieBehavior="none"),
        HeadersConfig=cloudfront.CacheHeadersConfig(HeaderBehavior="none"),
        QueryStringsConfig=cloudfront.CacheQueryStringsConfig(QueryStringBehavior="none"),
    )
    seconds = int(FRESH.total_seconds())
    # Even of a file that says "no-cache" the edge keeps a copy that long; the browser then asks the edge.
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Expiration.html
    policy = cloudfront.CachePolicyConfig(
        Name=settings.name("site"),
        Comment=f"{settings.prefix}: files of the console",
        MinTTL=seconds,
        DefaultTTL=seconds,
        MaxTTL=seconds,
        ParametersInCacheKeyAndForwardedToOrigin=known_by,
    )
    return t.add_resource(cloudfront.CachePolicy("Cache", CachePolicyConfig=policy))


def _headers(t: Template, settings: Settings) -> cloudfront.ResponseHeadersPolicy:
    headers = dict(security_headers(settings))
    known = cloudfront.SecurityHeadersConfig(
        ContentSecurityPolicy=cloudfront.ContentSecurityPolicy(
            ContentSecurityPolicy=headers.pop("Content-Security-Policy"), Override=True
        ),
        ContentTypeOptions=cloudfront.ContentTypeOptions(Override=True),
        FrameOptions=cloudfront.FrameOptions(FrameOption=FRAMES, Override=True),
        ReferrerPolicy=cloudfront.ReferrerPolicy(ReferrerPolicy=REFERRER, Override=True),
        StrictTransportSecurity=cloudfront.StrictTransportSecurity(
            AccessControlMaxAgeSec=int(HSTS.total_seconds()), IncludeSubdomains=True, Override=True
        ),
    )
    for name in ("X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Strict-Transport-Security"):
        del headers[name]  # CloudFront has a place of its own for these, and takes them nowhere else
    others = [cloudfront.CustomHeader(Header=name, Value=value, Override=True) for name, value in headers.items()]
    policy = cloudfront.ResponseHeadersPolicyConfig(
        Name=settings.name("site"),
        Comment=f"{settings.prefix}: what the console tells the browser",
        SecurityHeadersConfig=known,
        CustomHeadersConfig=cloudfront.CustomHeadersConfig(Items=others),
    )
    return t.add_resource(cloudfront.ResponseHeadersPolicy("Headers", ResponseHeadersPolicyConfig=policy))


def _not_found() -> cloudfront.CustomErrorResponse:
    """The page for what is not there: S3 says 403, see :data:`FAILOVER_ON`. Whom the firewall refuses sees it, too."""
    return cloudfront.CustomErrorResponse(
        ErrorCode=403, ResponseCode=404, ResponsePagePath=NOT_FOUND, ErrorCachingMinTTL=int(FRESH.total_seconds())
    )
