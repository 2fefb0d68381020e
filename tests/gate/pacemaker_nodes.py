"""A Pacemaker cluster of two nodes: the real daemons, in namespaces of their own, on what `make tools` unpacked.

A node is a mount, network, host name, IPC and process namespace whose root is parts of .tools laid over this machine's
own, so that each program finds its files where Debian has them. Nothing outside is changed. There is no systemd.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from gate import process
from gate.process import Ran
from tests.cluster.native import TOOLS, as_root

NODES = ("s1", "s2")
PATIENCE = 60.0
_PROGRAMS = (
    *("usr/sbin/corosync", "usr/sbin/pacemakerd", "usr/sbin/crm_mon"),
    "usr/lib/ocf/lib/heartbeat/ocf-shellfuncs",
)
_START = """\
set -e
mount --make-rprivate /
hostname {name}
mount -t tmpfs tmpfs {home}
mkdir {home}/upper {home}/work {home}/root
mkdir -p {home}/upper/usr/sbin {home}/upper/usr/lib {home}/upper/usr/share
cd {tools}/usr
cp -a sbin/corosync* sbin/pacemakerd sbin/crm* sbin/cib* sbin/attrd_updater {home}/upper/usr/sbin
cp -a lib/pacemaker lib/ocf lib/*.so* lib/*-linux-gnu ../lib/*-linux-gnu {home}/upper/usr/lib
cp -a share/pacemaker {home}/upper/usr/share
mount -t overlay overlay -o lowerdir=/,upperdir={home}/upper,workdir={home}/work {home}/root
cd {home}/root
mount -t proc proc proc
mount --bind /dev dev
mount -t tmpfs tmpfs dev/shm
mount -t tmpfs tmpfs run
echo 'hacluster:x:990:990::/:/bin/false' >> etc/passwd
echo 'haclient:x:990:' >> etc/group
mkdir -p etc/corosync var/lib/corosync var/log/pacemaker var/lib/pacemaker/cib var/lib/pacemaker/pengine run/crm
mkdir -p var/lib/pacemaker/cores var/lib/pacemaker/blackbox run/resource-agents
chown -R 990:990 var/lib/pacemaker var/log/pacemaker run/crm
cat > etc/corosync/corosync.conf <<'END'
{corosync}END
until ip link show {link} >/dev/null 2>&1; do sleep 0.1; done
ip link set lo up
ip addr add {address}/24 dev {link}
ip link set {link} up
exec chroot . /bin/sh -c 'corosync -f & sleep 1; pacemakerd -f & while :; do sleep 60; done'
"""
_COROSYNC = """\
totem {
  version: 2
  cluster_name: store
  transport: udpu
}
nodelist {
  node {
    ring0_addr: 10.99.0.1
    name: s1
    nodeid: 1
  }
  node {
    ring0_addr: 10.99.0.2
    name: s2
    nodeid: 2
  }
}
quorum {
  provider: corosync_votequorum
  two_node: 1
  wait_for_all: 0
}
logging {
  to_stderr: yes
  to_syslog: no
}
"""


class OnNodes:
    """Both nodes; called, it runs a program on one of them, as a gate's `programs` does."""

    def __init__(self, folder: Path) -> None:
        as_root()
        if not all((TOOLS / one).exists() for one in _PROGRAMS) or shutil.which("ip") is None:
            pytest.skip("Pacemaker is not here; run make tools")
        self.started = [self._start(folder, number) for number in (1, 2)]
        links = [f"hpm{os.getpid() % 10**6}{end}" for end in "ab"]
        self._host("ip", "link", "add", links[0], "type", "veth", "peer", "name", links[1])
        for number, (link, node) in enumerate(zip(links, self.started, strict=True), 1):
            self._host(
                "ip", "link", "set", link, "netns", str(self._inside(node)), "name", f"link{number}"
            )

    def on(self, node: str, argv: tuple[str, ...], seconds: float, keep: int = process.READ) -> Ran:
        """Run a program on a node."""
        inside = str(self._inside(self.started[NODES.index(node)]))
        enter = ("nsenter", "-t", inside, "-m", "-u", "-i", "-n", "-p", "-r", "-w", "--")
        path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
        return process.run((*enter, "/usr/bin/env", path, "LC_ALL=C.UTF-8", *argv), seconds, keep)

    def do(self, *argv: str) -> str:
        """Run a program on s1 that has to succeed."""
        ran = self.on("s1", argv, 30.0)
        assert ran.code == 0, ran.output.decode()
        return ran.output.decode()

    def end(self) -> None:
        """End both, and all that runs there."""
        for node in self.started:
            subprocess.run(["kill", "-KILL", str(self._inside(node))], check=False)
            node.wait(20)

    def _start(self, folder: Path, number: int) -> "subprocess.Popen[bytes]":
        home = folder / NODES[number - 1]
        home.mkdir(parents=True)
        script = _START.format(
            name=home.name,
            home=home,
            tools=TOOLS,
            corosync=_COROSYNC,
            link=f"link{number}",
            address=f"10.99.0.{number}",
        )
        with (folder / f"{home.name}.log").open("ab") as log:
            return subprocess.Popen(
                ["unshare", "-m", "-n", "-u", "-i", "-p", "--fork", "sh", "-c", script],
                stdout=log,
                stderr=log,
            )

    def _inside(self, node: "subprocess.Popen[bytes]") -> int:
        """Return the first process of a node, which is the child of unshare."""
        deadline = time.monotonic() + PATIENCE
        children = Path(f"/proc/{node.pid}/task/{node.pid}/children")
        while not (found := children.read_text().split()):
            assert node.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return int(found[0])

    def _host(self, *argv: str) -> None:
        subprocess.run(argv, check=True, timeout=30)
