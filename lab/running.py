"""A running lab as drills, faults and the command line use it.

What another command must know about it is in one small file, `lab.json`; all else is asked of
the kernel each time, so nothing here can be out of date.
"""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import cgroups
from lab.commands import completed
from lab.commands import environment as program_environment
from lab.names import Place
from lab.network import Network
from lab.node import Node
from lab.ports import Completed, LabError, NodeDown
from lab.power import Controller
from lab.record import Record


class HostProcess:
    """A process on the lab host; `lab.ports.Process`."""

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        self._child = child

    @property
    def pid(self) -> int:
        """Process id on the lab host."""
        return self._child.pid

    def running(self) -> bool:
        """Tell whether it has not ended yet."""
        return self._child.poll() is None

    def stop(self, timeout: float = 5.0) -> int:
        """End it with SIGTERM, after `timeout` seconds with SIGKILL, and return its exit status."""
        self._child.terminate()
        try:
            self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            self._child.kill()
        return self._child.wait()


@dataclass(frozen=True, slots=True)
class RunningLab:
    """The real `lab.ports.Lab`."""

    place: Place
    layout: cgroups.Layout
    record: Record

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of all nodes in the order of cluster.yml."""
        return tuple(plan.name for plan in self.record.nodes)

    @property
    def scenario(self) -> Path:
        """The scenario's directory."""
        return self.record.scenario

    @property
    def directory(self) -> Path:
        """A directory of the lab's own for logs and scratch files; it goes with the lab."""
        scratch = self.place.directory / "scratch"
        scratch.mkdir(exist_ok=True)
        return scratch

    def node(self, name: str) -> Node:
        """Return a node.

        Raises:
            LabError: There is none of this name.
        """
        for plan in self.record.nodes:
            if plan.name == name:
                return Node(self.place, self.layout, plan)
        raise LabError(f"no node {name!r} in this lab. Known: {', '.join(self.nodes)}")

    def address(self, node: str) -> str:
        """Return the node's address."""
        return self.node(node).plan.address

    def port(self, node: str) -> str:
        """Return the node's port on the bridge."""
        return self._network.port(self.node(node).plan.name)

    def control_group(self, node: str, controller: str) -> Path:
        """Return the node's directory below /sys/fs/cgroup for `controller`."""
        return self.layout.group(self.place.name, controller) / self.node(node).plan.name

    def disk(self, node: str, name: str) -> Path:
        """Return the file behind a node's disk `root` or `data`."""
        return self.node(node).disk(name)

    def is_up(self, node: str) -> bool:
        """Tell whether the node's PID 1 runs."""
        return self.node(node).leader() is not None

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        timeout: float = 30.0,
        input: bytes | None = None,  # noqa: A002 - the name that subprocess uses
    ) -> Completed:
        """Run a command on a node as root; see `lab.ports.Lab.exec`."""
        return self.node(node).exec(argv, timeout=timeout, stdin=input)

    def ask(self, node: str, argv: Sequence[str], *, timeout: float = 30.0) -> Completed:
        """Run one of systemd's own clients on a node; see `lab.ports.Lab.ask`."""
        return completed(self.node(node).way_in(*argv), timeout=timeout)

    def power_off(self, node: str) -> None:
        """Cut the node's power."""
        self.node(node).cut()

    def power_on(self, node: str, *, timeout: float = 90.0) -> None:
        """Boot the node and return when its systemd has started everything."""
        chosen = self.node(node)
        chosen.start()
        chosen.wait(timeout)

    def reboot(self, node: str, *, timeout: float = 90.0) -> None:
        """Reboot the node from inside and return when its systemd has started everything again."""
        self.node(node).reboot(timeout)

    def freeze(self, node: str) -> None:
        """Stop every process of the node where it stands."""
        self._freeze(node, frozen=True)

    def thaw(self, node: str) -> None:
        """Let the processes of a frozen node go on."""
        self._freeze(node, frozen=False)

    def link_down(self, node: str) -> None:
        """Pull the node's network cable."""
        self._network.plug(self.node(node).plan.name, plugged=False)

    def link_up(self, node: str) -> None:
        """Plug the node's network cable in again."""
        self._network.plug(self.node(node).plan.name, plugged=True)

    def host_exec(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 30.0,
        input: bytes | None = None,  # noqa: A002
    ) -> Completed:
        """Run a command on the lab host inside the nodes' network."""
        return completed(self._network.inside(*argv), timeout=timeout, stdin=input)

    def spawn_host(
        self, argv: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None
    ) -> HostProcess:
        """Start a process on the lab host in the nodes' network; its outputs go to `log`."""
        with log.open("ab") as output:
            child = subprocess.Popen(
                self._network.inside(*argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=program_environment(environment),
                process_group=0,
            )
        return HostProcess(child)

    def read_file(self, node: str, path: str) -> bytes:
        """Return a file of the node, running or not."""
        return self.node(node).tree().read(path)

    def changed_at(self, node: str, path: str) -> float | None:
        """Return when a file, or any file right in a directory, was last changed."""
        place = self.node(node).tree().follow(path)
        try:
            files = [place, *(place.iterdir() if place.is_dir() else ())]
            return float(max(file.stat().st_mtime for file in files))
        except OSError:  # it is not there, or a file in it went just now
            return None

    def write_file(self, node: str, path: str, content: bytes, *, mode: int = 0o644) -> None:
        """Write a file of the node, running or not, owned by root."""
        self.node(node).tree().write(path, content, mode=mode)

    def power_controller(self, mode: str) -> None:
        """Have the lab's power controller behave so from now on; see `lab.power`."""
        Controller(self.place).behave(mode)

    @property
    def _network(self) -> Network:
        return Network(self.place)

    def _freeze(self, node: str, *, frozen: bool) -> None:
        if not self.is_up(node):
            raise NodeDown(f"{node}: is powered off")
        cgroups.freeze(self.layout, self.place.name, node, frozen=frozen)
