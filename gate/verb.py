"""What a verb is to a session: four steps, called in this order, of which only the last touches anything."""

from dataclasses import dataclass
from typing import Protocol

from gate.clock import Clock, Deadline
from gate.config import Config
from gate.process import Ran
from gate.protocol import Expect, Outcome
from gate.strict_json import JsonObject
from gate.units import Systemd


class Programs(Protocol):
    """Runs a command that gate.json declares."""

    def __call__(self, argv: tuple[str, ...], seconds: float, keep: int = ...) -> Ran:
        """Run it to its end or for `seconds`, or raise NotStarted."""
        ...


@dataclass(frozen=True, slots=True)
class Node:
    """All that a verb may know and use of this node."""

    config: Config
    systemd: Systemd
    programs: Programs
    clock: Clock


class TakingVerb(Protocol):
    """A verb that takes something away for a while. Each is one module in gate/verbs."""

    def target(self, args: JsonObject, expect: Expect, config: Config) -> str:
        """Check the arguments and return what the verb works on, a name that gate.json lists.

        Raises:
            Refused: bad_argument or not_listed; nothing was touched.
        """
        ...

    def check(self, target: str, deadline: Deadline, node: Node) -> None:
        """Ask whether the target would come back. May take seconds.

        Raises:
            Refused: config_check; nothing was touched.
        """
        ...

    def compare(self, target: str, expect: Expect, node: Node) -> None:
        """Compare what the decision rested on with what is. Must be quick.

        Raises:
            Refused: changed, with both values; nothing was touched.
        """
        ...

    def run(self, target: str, expect: Expect, deadline: Deadline, node: Node) -> Outcome:
        """Do it. Called once for an id, after `begun` is durable. Never raises on purpose."""
        ...
