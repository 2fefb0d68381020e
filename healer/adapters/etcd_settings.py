"""Where a store in etcd is, and how its healers reach it."""

from dataclasses import dataclass, field
from pathlib import Path

from healer.core.history import Keep


@dataclass(frozen=True, slots=True)
class EtcdSettings:
    """A store in etcd v3.

    Attributes:
        endpoints: Every member's URL for clients, without a slash at the end.
        prefix: Of all its keys, with a slash at its beginning and none at its end.
        cluster: Whose journal it is.
        history: This healer's own file of what is over.
        lease_seconds: How long a lease holds without being renewed.
        user: As whom, with `password_file`; None for an etcd without users (its gateway knows nobody by a certificate).
        ca: Whose servers' certificates count; None for the system's.
        cert: The client's certificate, with `key`.
        keep: How long `history` keeps what etcd has no more.
        most_bytes: Of the records in etcd, beyond which nothing new is begun.
        most_database_bytes: Of etcd's file, beyond which nothing new is begun. etcd's own limit is 2 GiB; between the
            two is the room for what was begun.
    """

    endpoints: tuple[str, ...]
    prefix: str
    cluster: str
    history: Path
    lease_seconds: float = 5.0
    user: str | None = None
    password_file: Path | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    keep: Keep = field(default_factory=Keep)
    most_bytes: int = 256 * 1024 * 1024
    most_database_bytes: int = 1536 * 1024 * 1024
