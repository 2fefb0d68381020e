"""What people bring for `backups` in cluster.yml (docs/backups.md): keys, a repository elsewhere, and the first backup.

Rule: every key is made new for each lab and goes with it.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cluster.backups import Backup
from cluster.model import Cluster
from lab.commands import run
from lab.node import Node
from lab.ports import LabError
from lab.tree import Tree

KEY = "backup"
"""What its ssh key is called among the lab's."""

_SSH = "/root/.ssh"
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


def start(cluster: Cluster, nodes: Sequence[Node]) -> None:
    """Make the repositories, back up once and prove it, and let the timers run, as a person does once.

    Raises:
        LabError: One of these failed; the message has what was said.
    """
    for node in nodes:
        for one in cluster.backups_on(node.plan.name):
            first = [["hale-backup", "init", one.name]] if _first(cluster, one, node) else []
            timers = [f"{unit}@{one.name}.timer" for unit, _ in one.timers]
            for argv in (
                *first,
                ["systemctl", "start", f"hale-backup@{one.name}.service"],
                *(
                    [["systemctl", "start", f"hale-backup-drill@{one.name}.service"]]
                    if one.drill
                    else []
                ),
                ["systemctl", "enable", "--now", "--quiet", *timers],
            ):
                _done(node, argv)


def _first(cluster: Cluster, one: Backup, node: Node) -> bool:
    return cluster.backed_up(one.name)[0] == node.plan.name


def _done(node: Node, argv: Sequence[str]) -> None:
    until = time.monotonic() + _MINUTES
    done = node.exec(argv, timeout=_MINUTES, stdin=None)
    if done.code and time.monotonic() < until:
        said = (done.stderr or done.stdout).strip()
        journal = ["journalctl", "-n", "5", "-o", "cat", "-u", "hale-backup*"]
        more = node.exec(journal, timeout=20, stdin=None).stdout.strip()
        raise LabError(f"{node.plan.name}: {' '.join(argv)}: status {done.code}: {said} {more}")
