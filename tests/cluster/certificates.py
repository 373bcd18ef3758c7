"""Keys and certificates of a control plane, made anew for each one."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["Credentials", "make_credentials"]

_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
_ADDRESSES = ("127.0.0.1", "10.96.0.1", "10.88.0.1")


@dataclass(frozen=True)
class Credentials:
    """Files of a control plane.

    Attributes:
        ca: certificate of the authority.
        server_certificate: of the API server.
        server_key: of the API server.
        account_key: that signs tokens of service accounts.
        account_public: that checks them.
    """

    ca: Path
    server_certificate: Path
    server_key: Path
    account_key: Path
    account_public: Path


def make_credentials(folder: Path) -> Credentials:
    """Make an authority, a server certificate and a key for service accounts."""
    folder.mkdir(parents=True, exist_ok=True)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test-cluster")])
    authority = _certificate(name, name, authority_key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    server_key = ec.generate_private_key(ec.SECP256R1())
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
    names = [
        *(x509.DNSName(each) for each in _NAMES),
        *(x509.IPAddress(ipaddress.ip_address(each)) for each in _ADDRESSES),
    ]
    server = _certificate(server_name, name, server_key.public_key()).add_extension(
        x509.SubjectAlternativeName(names), critical=False
    )
    account = ec.generate_private_key(ec.SECP256R1())
    files = Credentials(*(folder / n for n in ("ca.crt", "tls.crt", "tls.key", "sa.key", "sa.pub")))
    pem = serialization.Encoding.PEM
    files.ca.write_bytes(authority.sign(authority_key, hashes.SHA256()).public_bytes(pem))
    files.server_certificate.write_bytes(
        server.sign(authority_key, hashes.SHA256()).public_bytes(pem)
    )
    for path, key in ((files.server_key, server_key), (files.account_key, account)):
        path.write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        path.chmod(0o600)
    files.account_public.write_bytes(
        account.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return files


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=30))
    )
