"""Make the TLS certificates of one chain's published engines: an authority's, a server's and a client's."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from inception.errors import InceptionError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_VALID = timedelta(days=365)
_CLOCK_SKEW = timedelta(hours=1)
SERVER = ("server-cert.pem", "server-key.pem")
"""File names of the proxy's certificate and key; those of a client are the ones that the Docker CLI looks for."""


def make_certificates(directory: Path, names: Iterable[str]) -> None:
    """Write `ca.pem`, `cert.pem` and `key.pem` for clients, and SERVER for the server, into `directory`.

    `names` are the DNS names and IP addresses at which clients reach the server, valid ones without zones. The
    authority's key is not written, so nobody can add a client. Raises InceptionError if cryptography is missing.
    """
    try:
        from cryptography import x509
        from cryptography.x509.oid import ExtendedKeyUsageOID
    except ImportError as error:
        raise InceptionError(
            "TLS needs the library cryptography", remedy="install it with: pip install 'inception-dind[tls]'"
        ) from error
    authority_key = _new_key()
    authority = _certificate(
        "inception authority",
        authority_key,
        issuer=None,
        issuer_key=authority_key,
        extensions=[
            x509.BasicConstraints(ca=True, path_length=0),
            _signing_usage(),
            x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()),
        ],
    )
    directory.mkdir(mode=0o700)
    _write(directory / "ca.pem", _pem(authority))
    alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
    # Python refuses a certificate without this from 3.13 on, as RFC 5280 asks.
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    for (certificate_file, key_file), usage, more in (
        (("cert.pem", "key.pem"), ExtendedKeyUsageOID.CLIENT_AUTH, []),
        (SERVER, ExtendedKeyUsageOID.SERVER_AUTH, [alternatives]),
    ):
        key = _new_key()
        constraints = x509.BasicConstraints(ca=False, path_length=None)
        extensions = [constraints, x509.ExtendedKeyUsage([usage]), issued_by, *more]
        made = _certificate("inception", key, issuer=authority, issuer_key=authority_key, extensions=extensions)
        _write(directory / certificate_file, _pem(made))
        _write(directory / key_file, _key_pem(key))


def _signing_usage() -> x509.KeyUsage:
    """Return the usage of an authority's key: it signs certificates, and nothing else."""
    from cryptography import x509

    others = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    never = dict.fromkeys((*others, "crl_sign", "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(key_cert_sign=True, **never)


def _general_name(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _new_key() -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _certificate(
    name: str,
    key: EllipticCurvePrivateKey,
    *,
    issuer: x509.Certificate | None,
    issuer_key: EllipticCurvePrivateKey,
    extensions: list[x509.ExtensionType],
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _VALID)
    )
    for extension in extensions:
        critical = isinstance(extension, x509.BasicConstraints | x509.KeyUsage)
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer_key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(file: Path, content: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
