"""What the console's pages tell the browser: load our own files, speak to our own API and login, and nothing else.

The ``site`` stack gives these headers to CloudFront, the ``api`` stack to its own ``/console`` where there is no
CloudFront. They follow from the settings alone, since neither stack can import from the other's region.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from troposphere import AWSHelperFn, Sub

from blueprints.settings import Settings

# No "preload": that list is for whole domains, and the domain's other hosts are not ours to promise for.
# https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Strict-Transport-Security
HSTS = timedelta(days=2 * 365)
FRAMES = "DENY"
# An address of ours can hold a one-time login code for a moment; no other host may see it.
REFERRER = "no-referrer"
UNUSED = ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "usb")


def security_headers(settings: Settings) -> Mapping[str, str | AWSHelperFn]:
    """Every header of every answer of the console, by name."""
    return {
        "Strict-Transport-Security": f"max-age={int(HSTS.total_seconds())}; includeSubDomains",
        "Content-Security-Policy": content_security_policy(settings),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": FRAMES,
        "Referrer-Policy": REFERRER,
        "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        # There is no build step, so a file keeps its name when it changes: a browser asks each time, by its ETag.
        "Cache-Control": "no-cache",
    }


def content_security_policy(settings: Settings) -> Sub:
    """The policy: scripts, styles and pictures of the console's own origin, no inline code, no frame, no form."""
    # https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
    # Going to the login page and back is navigation, which none of these directives is about.
    directives = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "connect-src": ["'self'", *api_origins(settings), *login_origins(settings)],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
        # Our scripts build elements and set text; whatever would turn a string into code or mark-up is refused.
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["'none'"],
    }
    return Sub("; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items()))


def api_origins(settings: Settings) -> list[str]:
    """Origins of the API, other than the console's own.

    Without a domain the name of an API holds an id that AWS chooses, and that another region can't know: then any API
    of our two regions will do. Such an API still gets no token from us: the console sends it to its own API only.
    """
    if settings.domain:
        return [f"https://api.{settings.domain.name}"]
    if not settings.site.cloudfront:
        return []  # the API itself serves the console
    return [f"https://*.execute-api.{region}.amazonaws.com" for region in settings.regions]


def login_origins(settings: Settings) -> list[str]:
    """Origins of both regions' login pages, where the console changes a code for tokens; ``Sub`` fills the account."""
    # https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-assign-domain-prefix.html
    return [
        f"https://{settings.prefix}-${{AWS::AccountId}}.auth.{region}.amazoncognito.com" for region in settings.regions
    ]
