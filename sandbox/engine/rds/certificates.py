"""The certificate authority of one run: clients trust ``rds-ca.pem`` in the engine's directory.

On AWS: https://truststore.pki.rds.amazonaws.com, https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
"""

import datetime as dt
import functools
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_FILE = "rds-ca.pem"
LIFETIME = dt.timedelta(days=30)  # of a run, generously
SKEW = dt.timedelta(hours=1)


def make(directory: Path) -> ssl.SSLContext:
    """A server's TLS settings with a new certificate, whose authority is written to ``rds-ca.pem``."""
    both = write(directory)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(both)
    both.unlink()
    return context


def write(directory: Path) -> Path:
    """A file with a server's new certificate and its key; the authority is written to ``rds-ca.pem``."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _sign("Holdfast sandbox RDS root", authority_key.public_key(), None, authority_key)
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = _sign("localhost", key.public_key(), authority, authority_key)
    (directory / CA_FILE).write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both = directory / "rds-server.pem"
    both.touch(mode=0o600)
    both.write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + secret)
    return both


@functools.cache
def context_of(directory: Path) -> ssl.SSLContext:
    """The TLS settings of this run, made at first use."""
    return make(directory)


def _sign(
    name: str, public: ec.EllipticCurvePublicKey, issuer: x509.Certificate | None, key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """A certificate; without issuer, of an authority for itself."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = dt.datetime.now(dt.UTC) - SKEW
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(_usage(authority=issuer is None), critical=True)
    )
    if issuer:
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False).add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
    return builder.sign(key, hashes.SHA256())


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
