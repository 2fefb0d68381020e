"""What a verb is to a session: four steps, called in this order, of which only the last touches anything."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from gate import machine
from gate.clock import Clock, Deadline
from gate.config import Config
from gate.expect import Expect
from gate.haproxy import Balancer
from gate.machine import Machine
from gate.marks import Marks
from gate.mounts import Disks
from gate.patroni import Patroni
from gate.process import Ran
from gate.sentinel import Sentinel
from gate.strict_json import JsonObject
from gate.units import Systemd
from gate.words import Outcome


class Programs(Protocol):
    """Runs a command that gate.json or a constant declares."""

    def __call__(
        self, argv: tuple[str, ...], seconds: float, keep: int = ..., told: bytes = ...
    ) -> Ran:
        """Run it to its end or for `seconds`, with `told` on its standard input, or raise NotStarted."""
        ...


class Interfaces(Protocol):
    """Says which addresses this node has."""

    def __call__(self, address: str, interface: str) -> bool:
        """Tell whether the interface has the address now, or raise netlink.Unreadable."""
        ...


def never() -> bool:
    """Tell that nobody asks us to stop."""
    return False


@dataclass(frozen=True, slots=True)
class Node:
    """All that a verb may know and use of this node.

    Attributes:
        machine: Says what this machine is called and whether it waits for a boot.
        stopping: Whether this session was asked to end, which a verb may wait for.
    """

    config: Config
    systemd: Systemd
    programs: Programs
    clock: Clock
    marks: Marks
    balancer: Balancer
    patroni: Patroni
    sentinel: Sentinel
    has_address: Interfaces
    disks: Disks
    machine: Callable[[], Machine] = machine.look
    stopping: Callable[[], bool] = never


@dataclass(frozen=True, slots=True)
class Job:
    """One request as its verb sees it.

    Attributes:
        target: What `TakingVerb.target` made of the arguments.
    """

    target: str
    args: JsonObject
    expect: Expect
    deadline: Deadline
    node: Node


class TakingVerb(ABC):
    """A verb that touches the node. Each is one module in gate/verbs.

    Attributes:
        without_ledger: Whether it may run, noted in /run, while the ledger cannot be written.
        once_a_boot: Whether its least spacing counts from the start of this boot as well.
    """

    without_ledger: ClassVar[bool] = False
    once_a_boot: ClassVar[bool] = False

    @abstractmethod
    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Check the arguments and return what the verb works on, a name that gate.json lists.

        Raises:
            Refused: bad_argument or not_listed; nothing was touched.
        """

    def check(self, job: Job) -> None:  # noqa: B027  # most verbs need none
        """Ask whether the target would come back. May take seconds; for most verbs nothing has to agree.

        Raises:
            Refused: config_check, or why the target could not be taken away at all; nothing was touched.
        """

    @abstractmethod
    def compare(self, job: Job) -> None:
        """Compare what the decision rested on with what is. Must be quick.

        Raises:
            Refused: changed, with both values, or why it must not be now; nothing was touched.
        """

    @abstractmethod
    def run(self, job: Job) -> Outcome | None:
        """Do it. Called once for an id, after `begun` is durable. Never raises on purpose.

        Returns:
            None when only the next boot can tell how it ended; the record stays `begun`.
        """
