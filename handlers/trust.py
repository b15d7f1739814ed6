"""Whom a connection to a database trusts."""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent  # CA_BUNDLE is a path inside the package, or an absolute one


@cache
def tls(bundle: str) -> ssl.SSLContext:
    """The one TLS context of this process: server certificate and name are verified against *bundle* alone."""
    context = ssl.create_default_context(cafile=str(ROOT / bundle))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python 3.13 refuses certificates that lack an extension which RFC 5280 asks for; whether Amazon's servers have all
    # of them nobody says. Chain, dates and name are verified all the same. https://docs.python.org/3/library/ssl.html
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
