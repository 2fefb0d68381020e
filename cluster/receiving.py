"""The blocks `healer.webhook` and `healer.tls`: who may post alerts, and what proves the healer's port to be its own.

Rule: secrets stand in files alone, under the same path on the healer's nodes and on those of Alertmanager.
"""

from typing import Annotated

from pydantic import AfterValidator, model_validator

from cluster.fields import Block, File


def _username(text: str) -> str:
    # A colon would end it in HTTP's basic authentication.
    if not text.isprintable() or ":" in text or not 0 < len(text) <= 200:
        raise ValueError("a username is printable text of 1 to 200 characters without ':'.")
    return text


class BasicAuth(Block):
    """A name and a password.

    Attributes:
        password_file: Holds the password, on one line.
    """

    username: Annotated[str, AfterValidator(_username)]
    password_file: File


class Webhook(Block):
    """How Alertmanager shows that it is Alertmanager: exactly one of the first three.

    Attributes:
        bearer_file: Holds a secret, on one line.
        client_ca: Whose certificates may post.
        cert: With `client_ca`, Alertmanager's certificate on its own nodes.
        key: With `client_ca`, its private key there.
    """

    bearer_file: File | None = None
    basic: BasicAuth | None = None
    client_ca: File | None = None
    cert: File | None = None
    key: File | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "Webhook":
        if sum(way is not None for way in (self.bearer_file, self.basic, self.client_ca)) != 1:
            raise ValueError("exactly one of bearer_file, basic and client_ca is needed.")
        shown = [one is not None for one in (self.cert, self.key)]
        if self.client_ca is None and any(shown):
            raise ValueError("cert and key mean nothing without client_ca. Remove them.")
        if self.client_ca is not None and not all(shown):
            raise ValueError("client_ca needs cert and key, which Alertmanager then shows.")
        return self

    @property
    def secret(self) -> bool:
        """Whether what is shown could be read on the way."""
        return self.client_ca is None


class MonitoringTls(Block):
    """TLS before every Alertmanager, which then takes alerts and silences of nobody who shows no certificate.

    Attributes:
        cert: On the monitoring nodes, Alertmanager's certificate for the addresses in `alertmanagers`.
        key: Its private key.
        client_ca: There, whose clients may come.
        ca: On the monitoring nodes and those of healers, by what Prometheus and the healer know `cert`; None for the
            system's.
        client_cert: There, what these two show.
        client_key: Its private key.
    """

    cert: File
    key: File
    client_ca: File
    ca: File | None = None
    client_cert: File
    client_key: File


class Tls(Block):
    """TLS on the healer's port.

    Attributes:
        cert: Its certificate, with those that lead to the root, for the addresses of all healers.
        key: Its private key.
        ca: On the monitoring nodes, by what Alertmanager and Prometheus know the certificate; None for the system's.
    """

    cert: File
    key: File
    ca: File | None = None
