"""A certificate authority of a test's own, and what it signs."""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files."""

    cert: Path
    key: Path


@dataclass
class Authority:
    """Signs for 127.0.0.1, in a folder."""

    folder: Path
    name: str = "ours"
    _key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        own = self._names(self.name)
        made = (
            self._builder(own, self._key.public_key(), NOW + 30 * DAY)
            .issuer_name(own)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.ca = self.folder / f"{self.name}.ca"
        self.ca.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def sign(self, name: str, *, server: bool = False, ends: dt.timedelta = DAY) -> Pair:
        """Return a pair that is good for one side of a connection until `ends` from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        use = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        made = (
            self._builder(self._names(name), key.public_key(), NOW + ends)
            .issuer_name(self._names(self.name))
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(x509.SubjectAlternativeName([here]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        found = Pair(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        found.cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        found.key.touch(0o600)
        found.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return found

    def trusting(self, shown: Pair | None = None) -> ssl.SSLContext:
        """Return what a client needs that trusts this authority, and shows a certificate."""
        context = ssl.create_default_context(cafile=self.ca)
        if shown is not None:
            context.load_cert_chain(shown.cert, shown.key)
        return context

    @staticmethod
    def _names(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    @staticmethod
    def _builder(
        name: x509.Name, key: ec.EllipticCurvePublicKey, ends: dt.datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 2 * DAY)
            .not_valid_after(ends)
        )
