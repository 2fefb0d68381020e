"""What each node gets written to its disks before its first boot.

Everything is written from the host into the node's own tree, and a node keeps its disks over
power cuts and reboots. Only the healer's journal is made later, on the running cluster.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath

from cluster.listening import etcd_members
from cluster.model import Cluster
from cluster.packaged import rule_files
from cluster.render import render
from cluster.render.etcd import MEMBER_CERTIFICATE, MEMBER_KEY
from cluster.render.journal import VACUUM
from lab import backups, layer
from lab.certificates import AUTHORITY, HEALER, Certificates
from lab.commands import run
from lab.node import INIT, KERNEL_LOG, Node
from lab.ports import HOST_ADDRESS, LabError
from lab.scenario import Scenario
from lab.tree import Tree

GATE_KEYS = "/etc/hale/gate_keys"
FENCER, FENCER_SECRET = "/usr/sbin/fence_lab", "/etc/fence_lab/passwd"
_HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
_UNITS = "/etc/systemd/system"
_EXPORTER = "hale-exporter.service"
_ON_EVERY_NODE = (_EXPORTER, "hale-gate.socket", "hale-gate-marks.service")
_SENDING = ("systemd-journal-upload.service",)
_RECEIVING = ("systemd-journal-remote.socket", f"{VACUUM}.timer")

_GATES_SECONDS = 300.0  # for all of them to answer, after the boot, while other labs boot too

# nspawn mounts version 1 controllers read-only although a cgroup namespace shows only the
# node's own subtree. Once systemd runs it is too late: MemoryMax= would be ignored in silence.
_INIT_SCRIPT = """#!/bin/sh
for name in {controllers}; do mount -o remount,rw,bind "/sys/fs/cgroup/$name"; done
for file in meminfo stat uptime swaps; do
    if [ -e "/var/lib/lxcfs/proc/$file" ]; then
        mount --bind "/var/lib/lxcfs/proc/$file" "/proc/$file"
    fi
done
exec /lib/systemd/systemd "$@"
"""

_NETWORK = """[Match]
Name=host0

[Network]
Address={address}/24
LinkLocalAddressing=no
IPv6AcceptRA=no
LLDP=no
"""

_ACCOUNTING = """[Manager]
DefaultMemoryAccounting=yes
DefaultCPUAccounting=yes
DefaultTasksAccounting=yes
"""


@dataclass(frozen=True, slots=True)
class Keys:
    """Directory of the ssh keys of one lab, made new for each."""

    directory: Path

    def make(self, nodes: tuple[str, ...]) -> None:
        """Make a host key for every node and one key for the healer."""
        self.directory.mkdir(mode=0o700)
        for name in (*(f"host-{node}" for node in nodes), "healer"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name,
                "-f", self.directory / name)  # fmt: skip

    def certify(self, cluster: Cluster) -> None:
        """Make the certificates of an etcd that speaks TLS, and of those who copy their journals over it."""
        members = etcd_members(cluster)
        nodes = set(members) if any(end.scheme == "https" for end in members.values()) else set()
        if cluster.monitoring.journal is not None:
            nodes |= set(cluster.nodes)
        if nodes:
            addresses = {name: node.address for name, node in cluster.nodes.items()}
            self.certificates.make({name: addresses[name] for name in sorted(nodes)})

    @property
    def certificates(self) -> Certificates:
        """The lab's certificates; there may be none."""
        return Certificates(self.directory / "certificates")

    def private(self, name: str) -> bytes:
        """Return a private key: `healer` or `host-NODE`."""
        return (self.directory / name).read_bytes()

    def public(self, name: str) -> str:
        """Return a public key as one line."""
        return (self.directory / f"{name}.pub").read_text().strip()

    def known_hosts(self, scenario: Scenario) -> str:
        """Return ssh's known_hosts with every node's key, by address and by name."""
        lines = []
        for name, node in scenario.cluster.nodes.items():
            kind, key, *_ = self.public(f"host-{name}").split()
            lines.append(f"{node.address},{name} {kind} {key}\n")
        return "".join(lines)


def install(
    tree: Tree, scenario: Scenario, node: str, keys: Keys, controllers: tuple[str, ...]
) -> None:
    """Write everything that makes a copy of the image this node.

    Args:
        tree: The node's /.
        scenario: What it is part of.
        node: Its name.
        keys: The lab's ssh keys.
        controllers: Version 1 controllers of this machine; none on version 2.

    Raises:
        LabError: Something that a unit or user needs is not in the image.
    """
    _system(tree, scenario, node, keys, controllers)
    units = list(scenario.units(node))
    if scenario.lab.install:
        units += _hale(tree, scenario, node, keys)
    for source, path in _own_files(scenario.directory, node):
        tree.write(path, source.read_bytes(), mode=source.stat().st_mode & 0o777)
    if units:
        run("systemctl", f"--root={tree.root}", "--quiet", "enable", *dict.fromkeys(units))


def _system(
    tree: Tree, scenario: Scenario, node: str, keys: Keys, controllers: tuple[str, ...]
) -> None:
    """Name, address, ssh keys, and what a container needs to be a node."""
    tree.write(INIT, _INIT_SCRIPT.format(controllers=" ".join(controllers)), mode=0o755)
    tree.write("/etc/hostname", f"{node}\n")
    tree.write("/etc/hosts", _hosts(scenario))
    tree.write("/etc/resolv.conf", "# Nodes have no name server and no way out.\n")
    address = scenario.cluster.nodes[node].address
    tree.write("/etc/systemd/network/10-host0.network", _NETWORK.format(address=address))
    tree.write("/etc/systemd/system.conf.d/10-lab.conf", _ACCOUNTING)
    tree.directory("/var/log/journal")
    tree.write(_HOST_KEY, keys.private(f"host-{node}"), mode=0o600)
    tree.write(f"{_HOST_KEY}.pub", keys.public(f"host-{node}") + "\n")
    tree.link(f"{_UNITS}/console-getty.service", "/dev/null")
    tree.link(f"{_UNITS}/default.target", "/lib/systemd/system/multi-user.target")
    tree.link(
        f"{_UNITS}/multi-user.target.wants/systemd-networkd.service",
        "/lib/systemd/system/systemd-networkd.service",
    )


def _hosts(scenario: Scenario) -> str:
    nodes = "".join(f"{each.address} {name}\n" for name, each in scenario.cluster.nodes.items())
    return f"127.0.0.1 localhost\n::1 localhost ip6-localhost\n{HOST_ADDRESS} labhost\n{nodes}"


def _hale(tree: Tree, scenario: Scenario, node: str, keys: Keys) -> list[str]:
    """Write Hale's configuration and keys, and return the units that the node must start."""
    for file in render(scenario.loaded, rule_files()).of(node).files:
        tree.write(f"/{file.path}", file.text)
    tree.write(GATE_KEYS, keys.public("healer") + "\n")
    units = [*_ON_EVERY_NODE, *_copying_the_journal(scenario.cluster, node)]
    tree.write(f"{_UNITS}/{_EXPORTER}.d/10-lab.conf", _reading_the_kernels_log(tree))
    _certify_the_store(tree, scenario.cluster, node, keys.certificates)
    _certify_the_journal(tree, scenario.cluster, node, keys.certificates)
    backups.install(tree, scenario.cluster, node, keys.directory, keys.known_hosts(scenario))
    healer = scenario.cluster.healer
    if node in healer.nodes:
        tree.write(healer.key, keys.private("healer"), mode=0o600, owner="hale-healer")
        tree.write(healer.known_hosts, keys.known_hosts(scenario))
        journal = PurePosixPath(
            healer.store.history if healer.store.etcd else healer.store.sqlite
        ).parent
        tree.directory(str(journal), mode=0o700, owner="hale-healer")
    return units


def let_fence(tree: Tree, scenario: Scenario, node: str, secret: str) -> None:
    """Give a fencing host the lab's agent, under the path that cluster.yml has, and the controller's secret.

    One of lab.yml's `fencers` has them where Pacemaker looks for agents, with a script that says the secret.
    """
    agent = resources.files("lab").joinpath("fence_lab.py").read_bytes()
    if node in scenario.lab.fencers:
        tree.write(FENCER, agent, mode=0o755)
        tree.write(FENCER_SECRET, f"#!/bin/sh\necho {secret}\n", mode=0o700)
    devices = [one for one in scenario.cluster.power.values() if node in one.hosts]
    for device in devices:
        tree.write(device.agent, agent, mode=0o755)
        if device.secrets is not None:
            tree.write(device.secrets, f"passwd={secret}\n", mode=0o600)


def _copying_the_journal(cluster: Cluster, node: str) -> tuple[str, ...]:
    """Return the units that a person enables for `monitoring.journal` (docs/cluster.md)."""
    if cluster.monitoring.journal is None:
        return ()
    return _RECEIVING if node == cluster.monitoring.nodes[0] else _SENDING


def _reading_the_kernels_log(tree: Tree) -> str:
    """Return what lets the exporter read the lines of the kernel's that a node's journal does not get."""
    unit = tree.read(f"{layer.UNITS}/{_EXPORTER}").decode()
    (command,) = (line for line in unit.splitlines() if line.startswith("ExecStart="))
    return f"[Service]\nExecStart=\n{command} --path.kmsg={KERNEL_LOG}\n"


def _certify_the_store(tree: Tree, cluster: Cluster, node: str, made: Certificates) -> None:
    """Write what members of the store and healers show each other."""
    etcd, members = cluster.healer.store.etcd, etcd_members(cluster)
    if etcd is None or etcd.ca is None or not members:
        return
    tree.write(etcd.ca, made.certificate(AUTHORITY).read_bytes())
    found = [(MEMBER_CERTIFICATE, MEMBER_KEY, node, "etcd")] if node in members else []
    if etcd.cert and etcd.key and node in cluster.healer.nodes:
        found.append((etcd.cert, etcd.key, HEALER, "hale-healer"))
    for certificate, key, name, owner in found:
        tree.write(certificate, made.certificate(name).read_bytes())
        tree.write(key, made.key(name).read_bytes(), mode=0o600, owner=owner)


def _certify_the_journal(tree: Tree, cluster: Cluster, node: str, made: Certificates) -> None:
    """Write what the sender of a journal and its receiver show each other; the key is root's."""
    journal = cluster.monitoring.journal
    if journal is None:
        return
    tree.write(journal.ca, made.certificate(AUTHORITY).read_bytes())
    tree.write(journal.cert, made.certificate(node).read_bytes())
    tree.write(journal.key, made.key(node).read_bytes(), mode=0o600)


def start_healers(nodes: Sequence[Node]) -> None:
    """Make the healers' journal, as a person does once on a real cluster, and start them.

    Every gate must answer first: the journal's era is set above the highest that one has obeyed. On a
    machine that has more to do than to boot nodes they take their time, so it is asked again.

    Raises:
        LabError: The journal could not be made or a healer did not start.
    """
    healer = "/usr/bin/hale-healer"
    init = (healer, "store", "init", "--config", "/etc/hale/cluster.yml")
    until = time.monotonic() + _GATES_SECONDS
    while said := _failed(nodes[0], ("runuser", "-u", "hale-healer", "--", *init)):
        if "do not answer" not in said or time.monotonic() > until:
            raise LabError(said)
    for node in nodes:
        if said := _failed(
            node, ("systemctl", "enable", "--now", "--quiet", "hale-healer.service")
        ):
            raise LabError(said)


def _failed(node: Node, argv: Sequence[str]) -> str:
    """Run a command on a node and return what it said if it failed; empty if it did not."""
    done = node.exec(argv, timeout=_GATES_SECONDS, stdin=None)
    if not done.code:
        return ""
    said = (done.stderr or done.stdout).strip()
    return f"{node.plan.name}: {' '.join(argv)}: status {done.code}: {said}"


def _own_files(directory: Path, node: str) -> Iterator[tuple[Path, str]]:
    """Yield the scenario's own files for a node; files/NODE wins over files/all."""
    for part in ("all", node):
        base = directory / "files" / part
        for source in sorted(base.rglob("*")):
            if source.is_file():
                yield source, f"/{source.relative_to(base)}"
