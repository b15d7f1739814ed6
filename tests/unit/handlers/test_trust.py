"""Whom a connection to a database trusts."""

import hashlib
import re
import ssl

import pytest

from handlers import trust

# https://www.amazontrust.com/repository/
AMAZON_TRUST_SERVICES = {
    "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
    "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
    "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
    "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
    "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
}


def fingerprints(name):
    text = (trust.ROOT / "handlers" / "certificates" / name).read_text()
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.DOTALL)
    return {hashlib.sha256(ssl.PEM_cert_to_DER_cert(block)).hexdigest() for block in blocks}


def test_a_proxy_is_vouched_for_by_amazon_trust_services_and_nobody_else():
    assert fingerprints("proxy.pem") == AMAZON_TRUST_SERVICES
    assert fingerprints("rds.pem") > AMAZON_TRUST_SERVICES


@pytest.mark.parametrize("name", ["rds.pem", "proxy.pem"])
def test_a_connection_trusts_its_bundle_alone_and_checks_the_name(name):
    context = trust.tls(f"handlers/certificates/{name}")
    assert len(context.get_ca_certs()) == len(fingerprints(name))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
