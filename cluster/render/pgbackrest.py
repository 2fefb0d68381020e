"""pgBackRest's configuration of the databases that are backed up (https://pgbackrest.org/configuration.html).

Rule: no key is rendered. The file that has it is merged in by pgBackRest itself, as all of conf.d is.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from cluster.databases import SOCKET_DIR, Database
from cluster.model import Cluster
from cluster.stanzas import CONFIGURATION, LOCKS, DatabaseBackup
from cluster.writing import HEADER

# A lock in /tmp would be another one for each unit that has a /tmp of its own.
_GLOBAL = f"""\
[global]
lock-path={LOCKS}
log-level-console=off
log-level-file=off
log-level-stderr=warn
compress-type=zst
start-fast=y
"""

_TMPFILES = f"""\
d {LOCKS} 0750 postgres postgres -
d {CONFIGURATION}/conf.d 0755 root root -
"""


def pgbackrest_files(cluster: Cluster, node: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of what a member's node needs; nothing where no database is backed up."""
    stanzas = cluster.stanzas_on(node)
    if not stanzas:
        return
    sections = "".join(f"\n{_section(database, one)}" for database, one in stanzas)
    yield f"{CONFIGURATION[1:]}/pgbackrest.conf", HEADER + _GLOBAL + sections
    links = "".join(
        f"L+ {CONFIGURATION}/conf.d/{database.name}-secrets.conf - - - - {one.secrets}\n"
        for database, one in stanzas
    )
    yield "etc/tmpfiles.d/hale-pgbackrest.conf", HEADER + _TMPFILES + links


def _section(database: Database, one: DatabaseBackup) -> str:
    lines = {
        "pg1-path": database.data_dir,
        "pg1-port": database.postgresql.port,
        "pg1-socket-path": SOCKET_DIR,
        **_repository(one.repository),
        "repo1-cipher-type": "aes-256-cbc",
        **_retention(one),
    }
    text = "".join(f"{key}={value}\n" for key, value in lines.items())
    return f"[{database.name}]\n{text}"


def _repository(text: str) -> dict[str, str]:
    if text.startswith("/"):
        return {"repo1-path": text}
    url = urlsplit(text.removeprefix("s3:"))
    _, bucket, *rest = url.path.split("/", 2)
    return {
        "repo1-type": "s3",
        "repo1-s3-endpoint": url.netloc,
        "repo1-s3-bucket": bucket,
        "repo1-path": f"/{rest[0]}" if rest else "/",
    }


def _retention(one: DatabaseBackup) -> dict[str, str | int]:
    # Without a number pgBackRest warns of a full disk with each backup; this is its own greatest.
    keep = one.keep
    if keep is None:
        return {"repo1-retention-full": 9999999}
    found: dict[str, str | int] = {"repo1-retention-full": keep.full}
    if keep.differential is not None:
        found["repo1-retention-diff"] = keep.differential
    return found
