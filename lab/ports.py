"""What drills, faults and loads may ask of a running lab, and how lab/cli.py calls them.

`lab.running.RunningLab` is the real thing; tests of drills use a fake with the same face.
Everything here is synchronous, and everything that waits has a deadline in seconds.

The command line calls, with a lab that is up:

    lab.faults.KINDS: tuple[str, ...]
    lab.faults.inject(lab, node, kind, args: Mapping[str, str]) -> str  # one line: what was done
    lab.drills.main(lab, files: Sequence[Path], report: Path | None) -> int  # 0 held, 1 did not
    lab.drills.find(scenario: Path) -> tuple[Path, ...]  # the drills of a scenario, in order
    lab.drills.stories(scenario: Path) -> tuple[Path, ...]  # those that the demo plays
    lab.drills.soaked(lab, urls, seconds: float, report: Path | None) -> int  # 0 nothing happened
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

HOST_ADDRESS = "10.77.0.1"
"""Address of the lab host on the nodes' network; pagers and loads listen and start here."""


class LabError(Exception):
    """Something that the lab was asked for did not happen; the message says what to do."""


class NodeDown(LabError):
    """The node is powered off or has not booted; nothing was run on it."""


class TimedOut(LabError):
    """The command did not end in time and was killed; what it did until then is unknown."""


@dataclass(frozen=True, slots=True)
class Completed:
    """How a command ended.

    Attributes:
        code: Its exit status; 128 + N when signal N killed it.
        stdout: UTF-8; bytes that are not become U+FFFD.
        stderr: The same.
    """

    code: int
    stdout: str
    stderr: str


class Process(Protocol):
    """A process that `Lab.spawn_host` started; it ends with the lab at the latest."""

    @property
    def pid(self) -> int:
        """Process id on the lab host."""
        ...

    def running(self) -> bool:
        """Tell whether it has not ended yet."""
        ...

    def stop(self, timeout: float = 5.0) -> int:
        """End it with SIGTERM, after `timeout` seconds with SIGKILL, and return its exit status."""
        ...


class Lab(Protocol):
    """A running lab. Every `node` is a name from cluster.yml; another name raises LabError."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of all nodes in the order of cluster.yml."""
        ...

    @property
    def scenario(self) -> Path:
        """The scenario's directory, which holds cluster.yml, lab.yml and drills/."""
        ...

    @property
    def directory(self) -> Path:
        """A directory of the lab's own for logs and scratch files; it goes with the lab."""
        ...

    def address(self, node: str) -> str:
        """Return the node's address, without a prefix length."""
        ...

    def port(self, node: str) -> str:
        """Return the node's port on the bridge, as `nft iifname` in the lab's network wants it."""
        ...

    def control_group(self, node: str, controller: str) -> Path:
        """Return the node's directory below /sys/fs/cgroup for `controller`, such as memory."""
        ...

    def disk(self, node: str, name: str) -> Path:
        """Return the file behind a node's disk: `root` (the overlay of /) or `data` (/data)."""
        ...

    def is_up(self, node: str) -> bool:
        """Tell whether the node's PID 1 runs."""
        ...

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        timeout: float = 30.0,
        input: bytes | None = None,  # noqa: A002 - the name that subprocess uses
    ) -> Completed:
        """Run a command on a node as root, as a transient unit of the node's own systemd.

        Raises:
            NodeDown: Nothing was run.
            TimedOut: It was killed after `timeout` seconds.
        """
        ...

    def ask(self, node: str, argv: Sequence[str], *, timeout: float = 30.0) -> Completed:
        """Run one of systemd's own clients, such as systemctl, on a node to read something.

        It starts nothing on the node, so it can be done often.

        Raises:
            NodeDown: Nothing was run.
            TimedOut: It was killed after `timeout` seconds.
        """
        ...

    def power_off(self, node: str) -> None:
        """Cut the node's power: every process dies at once. Nothing happens when it is off."""
        ...

    def power_on(self, node: str, *, timeout: float = 90.0) -> None:
        """Boot the node and return when its systemd has started everything; no-op when it is up.

        Raises:
            TimedOut: It did not come up in `timeout` seconds; it is left as it is.
        """
        ...

    def reboot(self, node: str, *, timeout: float = 90.0) -> None:
        """Reboot the node from inside and return when its systemd has started everything again.

        Raises:
            NodeDown: It is off; nothing was done.
            TimedOut: It did not come up in `timeout` seconds; it is left as it is.
        """
        ...

    def freeze(self, node: str) -> None:
        """Stop every process where it stands; the kernel still answers ping and TCP SYN."""
        ...

    def thaw(self, node: str) -> None:
        """Let the processes of a frozen node go on."""
        ...

    def link_down(self, node: str) -> None:
        """Pull the node's network cable: it loses its carrier."""
        ...

    def link_up(self, node: str) -> None:
        """Plug the node's network cable in again."""
        ...

    def power_controller(self, mode: str) -> None:
        """Have what cuts the nodes' power obey, refuse, hang or lie from now on."""
        ...

    def host_exec(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 30.0,
        input: bytes | None = None,  # noqa: A002
    ) -> Completed:
        """Run a command on the lab host inside the nodes' network (as 10.77.0.1).

        Raises:
            TimedOut: It was killed after `timeout` seconds.
        """
        ...

    def spawn_host(
        self, argv: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None
    ) -> Process:
        """Start a process on the lab host in the nodes' network; its outputs go to `log`."""
        ...

    def read_file(self, node: str, path: str) -> bytes:
        """Return a file of the node, running or not. Raises FileNotFoundError."""
        ...

    def changed_at(self, node: str, path: str) -> float | None:
        """Return when a file, or any file right in a directory, was last changed, in epoch seconds.

        The node may be off. None: there is nothing at `path`.
        """
        ...

    def write_file(self, node: str, path: str, content: bytes, *, mode: int = 0o644) -> None:
        """Write a file of the node, running or not, owned by root; its directories are made."""
        ...
