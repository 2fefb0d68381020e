"""What people bring for `backups` in cluster.yml (docs/backups.md): keys, a repository elsewhere, and the first backup.

Rule: every key is made new for each lab and goes with it.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cluster.backups import Backup
from cluster.databases import Database
from cluster.model import Cluster
from cluster.schedule import Schedule
from cluster.stanzas import DatabaseBackup
from lab.commands import run
from lab.node import Node
from lab.ports import LabError
from lab.tree import Tree

KEY = "backup"
"""What its ssh key is called among the lab's."""

_SSH = "/root/.ssh"
_USER = "postgres"
_MINUTES = 120.0
"""Seconds for a first backup and its drill, on a machine that has more to do."""


def repositories(cluster: Cluster) -> Iterator[tuple[Backup, str, str]]:
    """Yield each backup whose repository is on a node, with that node and its user: sftp:USER@ADDRESS:PATH."""
    by_address = {node.address: name for name, node in cluster.nodes.items()}
    for one in cluster.backups.values():
        scheme, _, rest = one.repository.partition(":")
        user, _, place = rest.partition("@")
        address = place.partition(":")[0]
        if scheme == "sftp" and address in by_address:
            yield one, by_address[address], user


def make_keys(directory: Path, cluster: Cluster) -> None:
    """Make the key by which nodes reach their repositories, and one for each repository's content."""
    for name, one in cluster.databases.items():
        if one.backup is not None:
            secret = run("openssl", "rand", "-hex", "32").strip()
            (directory / f"pgbackrest-{name}").write_text(f"[{name}]\nrepo1-cipher-pass={secret}\n")
    if not cluster.backups:
        return
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", KEY, "-f", directory / KEY)
    for name in cluster.backups:
        secret = run("openssl", "rand", "-hex", "32")
        (directory / f"restic-{name}").write_text(secret)


def install(tree: Tree, cluster: Cluster, node: str, keys: Path, known_hosts: str) -> None:
    """Write a node's part: who may come with which key, and where its own lie."""
    for one, store, user in repositories(cluster):
        if node == store:
            place = one.repository.rpartition(":")[2]
            tree.directory(place, mode=0o700, owner=user)
            tree.write(f"/etc/hale/backup_keys/{user}", (keys / f"{KEY}.pub").read_text())
        if node in cluster.backed_up(one.name):
            tree.directory(_SSH, mode=0o700)
            tree.write(f"{_SSH}/id_ed25519", (keys / KEY).read_bytes(), mode=0o600)
            tree.write(f"{_SSH}/known_hosts", known_hosts)
            secret = (keys / f"restic-{one.name}").read_bytes()
            tree.write(one.password_file, secret, mode=0o600)
    for database, stanza in cluster.stanzas_on(node):
        text = (keys / f"pgbackrest-{database.name}").read_bytes()
        tree.write(stanza.secrets, text, mode=0o600, owner=_USER)


def start(cluster: Cluster, nodes: Sequence[Node]) -> None:
    """Make the repositories, back up once and prove it, and let the timers run, as a person does once.

    Raises:
        LabError: One of these failed; the message has what was said.
    """
    for node in nodes:
        for one in cluster.backups_on(node.plan.name):
            if _first(cluster, one, node):
                _done(node, ["hale-backup", "init", one.name])
            _begin(node, one.name, one.timers, "hale-backup", "hale-backup-drill")
    for database in cluster.databases.values():
        if database.backup is not None:
            members = cluster.groups[database.group].nodes
            _start_stanza(database, database.backup, [n for n in nodes if n.plan.name in members])


def _start_stanza(database: Database, one: DatabaseBackup, members: Sequence[Node]) -> None:
    """Make the stanza once somebody leads, back up there, and have all list it; a new database has nothing to prove."""
    place = ["install", "-d", "-m", "750", "-o", _USER, "-g", _USER, one.repository]
    if one.repository.startswith("/"):
        _done(members[0], place)
    leader = _leader(database, members)
    for node in [leader, *(node for node in members if node is not leader)]:
        _begin(node, database.name, one.timers, "hale-backup")


def _leader(database: Database, members: Sequence[Node]) -> Node:
    """Return the member that could make the stanza, which is the one that leads."""
    until = time.monotonic() + _MINUTES
    said = ""
    while time.monotonic() < until:
        for node in members:
            done = node.exec(["hale-backup", "init", database.name], timeout=_MINUTES, stdin=None)
            if done.code == 0:
                return node
            said = done.stderr.strip()
        time.sleep(1.0)
    raise LabError(f"{database.name}: nobody leads: {said}")


def _begin(node: Node, name: str, timers: Sequence[tuple[str, Schedule]], *now: str) -> None:
    """Run some of what has a timer once, in that order, and let all timers run."""
    units = [unit for unit, _ in timers]
    for unit in (each for each in now if each in units):
        _done(node, ["systemctl", "start", f"{unit}@{name}.service"])
    enabled = [f"{unit}@{name}.timer" for unit in units]
    _done(node, ["systemctl", "enable", "--now", "--quiet", *enabled])


def _first(cluster: Cluster, one: Backup, node: Node) -> bool:
    return cluster.backed_up(one.name)[0] == node.plan.name


def _done(node: Node, argv: Sequence[str]) -> None:
    done = node.exec(argv, timeout=_MINUTES, stdin=None)
    if done.code:
        said = (done.stderr or done.stdout).strip()
        journal = ["journalctl", "-n", "5", "-o", "cat", "-u", "hale-backup*"]
        more = node.exec(journal, timeout=20, stdin=None).stdout.strip()
        raise LabError(f"{node.plan.name}: {' '.join(argv)}: status {done.code}: {said} {more}")
