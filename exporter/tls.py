"""TLS as web-config.yml wants it, as far as Python's ssl can express it.

Names are Go's, as in the file: https://pkg.go.dev/crypto/tls#pkg-constants. What OpenSSL calls them: ciphers(1).
"""

import ipaddress
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}

CLIENTS = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}

CURVES = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
    "X25519": "X25519",
}

# Those of TLS 1.2 that Go counts as secure.
CIPHERS = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}

# Those of TLS 1.3 are always on, in Go too, whatever the file says.
ALWAYS = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")


class Unusable(Exception):
    """TLS cannot be had so.

    Attributes:
        key: Which of the file's values is at fault, without `_file`: cert, client_ca, curve_preferences.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(reason)
        self.key = key


@dataclass(frozen=True, slots=True)
class Pem:
    """A certificate or key: a file, or the text itself."""

    path: Path | None = None
    text: str = ""

    @contextmanager
    def as_file(self) -> Iterator[str]:
        """Give a path to read it by; text goes into memory that has one, since OpenSSL reads files alone."""
        if self.path is not None:
            yield str(self.path)
            return
        descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, self.text.encode())
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Tls:
    """What stands under `tls_server_config`.

    Attributes:
        client_ca: Whose clients are believed; None for the system's authorities, where clients are asked at all.
        allowed_sans: One of which a client's certificate has to have; empty for any.
        ciphers: OpenSSL's names for TLS 1.2; empty for OpenSSL's own choice.
        curve: OpenSSL's name; None for OpenSSL's own choice.
        ours_first: Whether the order of `ciphers` decides, and not the client's.
    """

    cert: Pem
    key: Pem
    client_ca: Pem | None = None
    clients: ssl.VerifyMode = ssl.CERT_NONE
    allowed_sans: frozenset[str] = frozenset()
    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: tuple[str, ...] = ()
    curve: str | None = None
    ours_first: bool = True

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it was made of."""
        pems = (self.cert, self.key, self.client_ca)
        return tuple(pem.path for pem in pems if pem is not None and pem.path is not None)

    def context(self) -> ssl.SSLContext:
        """Return what a handshake needs, from the files as they are.

        Raises:
            Unusable: A file cannot be used, or Python's ssl cannot do what is wanted.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version, context.maximum_version = self.minimum, self.maximum
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        if not self.ours_first:
            context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        context.set_alpn_protocols(["http/1.1"])
        if self.ciphers:
            context.set_ciphers(":".join(self.ciphers))
        if self.curve is not None:
            self._choose_curve(context, self.curve)
        self._load_own(context)
        self._ask_clients(context)
        return context

    def _choose_curve(self, context: ssl.SSLContext, curve: str) -> None:
        try:
            context.set_ecdh_curve(curve)
        except (ValueError, ssl.SSLError) as error:
            raise Unusable("curve_preferences", f"Python's ssl cannot choose {curve}") from error

    def _load_own(self, context: ssl.SSLContext) -> None:
        try:
            with self.cert.as_file() as cert, self.key.as_file() as key:
                # An encrypted key would ask at the terminal.
                context.load_cert_chain(cert, key, password=_none)
        except (OSError, ValueError) as error:
            raise Unusable("cert", f"cannot be used with the key: {_reason(error)}") from error

    def _ask_clients(self, context: ssl.SSLContext) -> None:
        context.verify_mode = self.clients
        if self.clients is ssl.CERT_NONE:
            return
        if self.client_ca is None:
            context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
            return
        try:
            with self.client_ca.as_file() as authorities:
                context.load_verify_locations(authorities)
        except OSError as error:
            raise Unusable("client_ca", f"cannot be used: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):  # the files are not what they should be
        return f"OpenSSL says {error.reason or error}"
    return getattr(error, "strerror", None) or str(error)


def _none() -> str:
    raise ValueError("the key is encrypted; it is needed as it is")


def sans(certificate: Mapping[str, object]) -> frozenset[str]:
    """Return a certificate's Subject Alternative Names as Go writes them.

    Args:
        certificate: As ssl's getpeercert returns it.
    """
    found = set[str]()
    names: object = certificate.get("subjectAltName", ())
    for kind, value in names if isinstance(names, tuple) else ():
        if kind in ("DNS", "email", "URI"):
            found.add(value)
        elif kind == "IP Address":
            found.add(_spelled(value))
    return frozenset(found)


def _spelled(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address.strip()))
    except ValueError:
        return address
