"""The block `healer.store`: where the healer keeps its journal, in one file or in etcd."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, model_validator

from cluster.fields import NOT_EMPTY, Block, Bytes, File, Flag, Period, ServerUrl, between

ETCD_LEASE = "5s"
PEER_PORT = 2380
ETCD_METRICS_PORT = 2381


def _prefix(path: str) -> str:
    if path == "/":
        raise ValueError("'/' is all of etcd. Write a name of its own, as /hale.")
    return path


class EtcdServers(Block):
    """The members of an etcd v3, and how they and their clients know each other.

    Attributes:
        endpoints: Every member's URL for clients.
        ca: Whose servers' certificates count; None for the system's.
        cert: The client's certificate, with `key`; None for none.
        manage: Whether render writes the members' own configuration; they are nodes then.
    """

    endpoints: Annotated[tuple[ServerUrl, ...], NOT_EMPTY]
    ca: File | None = None
    cert: File | None = None
    key: File | None = None
    manage: Flag = False

    @model_validator(mode="after")
    def _one_way(self) -> "EtcdServers":
        if (self.cert is None) != (self.key is None):
            raise ValueError("cert and key belong together. Write both, or none.")
        https = {url.startswith("https://") for url in self.endpoints}
        if len(https) > 1:
            raise ValueError("some endpoints are https and some are not. Write one kind.")
        if self.manage and https == {True} and self.ca is None:
            raise ValueError("members know each other by ca. Write it, or manage: false.")
        if https == {False} and (self.ca or self.cert):
            raise ValueError("ca, cert and key need https. Write https:// in every endpoint.")
        return self


class Etcd(EtcdServers):
    """An etcd v3 that several healers share.

    Attributes:
        prefix: Of all its keys; two clusters on one etcd need one each.
        user: As whom; None for an etcd without users, or one that takes the name from `cert`.
        password_file: Holds the user's password, on one line.
    """

    prefix: Annotated[File, AfterValidator(_prefix)] = "/hale"
    user: str | None = None
    password_file: File | None = None

    @model_validator(mode="after")
    def _one_user(self) -> "Etcd":
        if (self.user is None) != (self.password_file is None):
            raise ValueError("user and password_file belong together. Write both, or none.")
        if self.user is not None and not (self.user.isprintable() and 0 < len(self.user) <= 200):
            raise ValueError("user must be printable text of 1 to 200 characters.")
        return self


DAY = 86400.0


class Keep(Block):
    """How long the journal keeps what is over.

    Attributes:
        healed: What was healed or was over by itself.
        failed: Where something failed or a person was called, and what people said.
        size: Beyond so many bytes the oldest goes before its time, successes first; never what decides.
    """

    healed: Annotated[Period, between(DAY, 3650 * DAY)] = 30 * DAY
    failed: Annotated[Period, between(DAY, 3650 * DAY)] = 365 * DAY
    size: Bytes = 256 * 1024 * 1024

    @model_validator(mode="after")
    def _sensible(self) -> "Keep":
        if self.failed < self.healed:
            raise ValueError(
                "failed is shorter than healed. Failures teach more: keep them longer."
            )
        if self.size < 16 * 1024 * 1024:
            raise ValueError(
                "size is too small for what the healer decides by. Write 16MiB or more."
            )
        return self


def _lease(value: Any) -> Any:
    if isinstance(value, Mapping) and value.get("etcd") is not None and "lease" not in value:
        return {**value, "lease": ETCD_LEASE}
    return value


class Store(Block):
    """Where the healer keeps its journal.

    Attributes:
        sqlite: The journal's file; not with `etcd`.
        reserve: Room on disk kept for the moment when the disk is full; not with `etcd`.
        etcd: None for the file.
        lease: Seconds after which a healer that stopped renewing may be replaced (and 2 s more).
        keep: How long it keeps what is over.
        history: With `etcd`, what is over, in a file of each healer.
    """

    sqlite: File = "/var/lib/hale-healer/journal.db"
    reserve: Bytes = 4 * 1024 * 1024
    etcd: Etcd | None = None
    lease: Annotated[Period, between(3, 3600)] = 10.0
    keep: Keep = Keep()
    history: File = "/var/lib/hale-healer/history.db"

    @model_validator(mode="after")
    def _one_kind(self) -> "Store":
        for key in ("sqlite", "reserve") if self.etcd else ("history",):
            if key in self.model_fields_set:
                kind = "etcd" if self.etcd else "sqlite"
                raise ValueError(f"{key} means nothing to a store in {kind}. Remove it.")
        return self


StoreBlock = Annotated[Store, BeforeValidator(_lease)]
