"""The certificate of the healer's port, and of whose clients it asks for one; and what the healer itself shows."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from healer.adapters.private_file import PrivateFile
from healer.errors import ConfigError


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where it stands.

    Attributes:
        client_ca: Whose clients may show a certificate; None to ask for none.
    """

    cert: Path
    key: Path
    client_ca: Path | None = None

    def version(self) -> tuple[object, ...]:
        """Return what changes when one of the files does."""
        files = (self.cert, self.key, self.client_ca)
        return tuple(PrivateFile(one).version() for one in files if one is not None)

    def context(self) -> ssl.SSLContext:
        """Return what a handshake needs.

        Raises:
            ConfigError: A file cannot be used; the message says which.
        """
        PrivateFile(self.key).text()  # a key that others can read proves nothing
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            # An encrypted key would ask at the terminal.
            context.load_cert_chain(self.cert, self.key, password=_none)
        except (OSError, ValueError) as exc:
            raise ConfigError(f"{self.cert} with {self.key}: {exc}") from exc
        if self.client_ca is not None:
            try:
                context.load_verify_locations(self.client_ca)
            except OSError as exc:
                raise ConfigError(f"{self.client_ca}: {exc}") from exc
            # Browsers have none; the webhook asks whether there was one.
            context.verify_mode = ssl.CERT_OPTIONAL
        return context


@dataclass(frozen=True, slots=True)
class ShownTls:
    """What the healer shows a server that asks whose client it is.

    Attributes:
        ca: Whose servers' certificates count; None for the system's.
    """

    cert: Path
    key: Path
    ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return what a handshake needs.

        Raises:
            ConfigError: A file cannot be used; the message says which.
        """
        PrivateFile(self.key).text()  # a key that others can read proves nothing
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except OSError as exc:
            raise ConfigError(f"{self.ca}: {exc}") from exc
        try:
            context.load_cert_chain(self.cert, self.key, password=_none)
        except (OSError, ValueError) as exc:
            raise ConfigError(f"{self.cert} with {self.key}: {exc}") from exc
        return context


def _none() -> str:
    raise ValueError("the key is encrypted; the healer needs it as it is")
