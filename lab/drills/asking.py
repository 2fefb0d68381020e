"""Asks nodes about themselves: units, the gate's ledger, journals, marks and addresses.

Rule: a node that does not answer is unknown and left alone for a while; nothing is guessed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lab.drills import watched
from lab.drills.observation import Entry, Mark, Unit
from lab.ports import Completed, Lab, LabError

_ASK = 5.0  # seconds that a node may take to answer
_LEAVE_ALONE = 5.0  # seconds
_STATUS_CODES = frozenset({0, 3, 4})  # would act, held, unusable: each prints the status
_LEDGER = "/var/lib/hale-gate"
_FRESH = (
    1.0  # seconds; a file's time is that of the kernel's last tick, so two changes may share it
)
_MARKS = "/run/hale-gate/marks.json"
_ROUTES = "/proc/1/net/fib_trie"


class _Way(Protocol):
    def __call__(self, node: str, argv: Sequence[str], *, timeout: float) -> Completed: ...


@dataclass(slots=True)
class Nodes:
    """The nodes of a lab.

    Attributes:
        clock: Epoch seconds.
    """

    lab: Lab
    clock: Callable[[], float]
    _alone_until: dict[str, float] = field(default_factory=dict)
    _ledgers: dict[str, tuple[float, tuple[Entry, ...]]] = field(default_factory=dict)

    def units(self, node: str, units: Sequence[str]) -> list[Unit | None]:
        """Return each unit as the node's systemd shows it."""
        argv = ["systemctl", "show", "-p", "Id,ActiveState,InvocationID", *units]
        done = self._ask(self.lab.ask, node, argv)
        blocks = done.stdout.strip().split("\n\n") if done else []
        return [_unit(blocks[n]) if n < len(blocks) else None for n in range(len(units))]

    def ledger(self, node: str) -> tuple[Entry, ...] | None:
        """Return the newest entries of the gate's ledger, read anew only when it was written to."""
        changed = self.lab.changed_at(node, _LEDGER)
        known = self._ledgers.get(node)
        if known and changed == known[0]:
            return known[1]
        argv = ["hale-gate", "status", "--output", "json"]
        done = self._ask(self.lab.exec, node, argv, fine=_STATUS_CODES)
        try:
            entries = watched.parse_ledger(done.stdout) if done else None
        except ValueError:
            return None
        if entries is not None and changed is not None and self.clock() - changed > _FRESH:
            self._ledgers[node] = (changed, entries)
        return entries

    def count_in_log(self, node: str, unit: str, text: str) -> int | None:
        """Return how often a unit's journal holds a text."""
        argv = ["journalctl", "--no-pager", "--output=cat", f"--unit={unit}"]
        done = self._ask(self.lab.ask, node, argv)
        return done.stdout.count(text) if done else None

    def marks(self, node: str) -> tuple[Mark, ...] | None:
        """Return what the gate has marked; a gate that never marked anything has no file yet."""
        if not self.lab.is_up(node):
            return None
        try:
            return watched.parse_marks(self.lab.read_file(node, _MARKS))
        except FileNotFoundError:
            return ()
        except (OSError, ValueError):
            return None

    def holds(self, node: str, address: str) -> bool:
        """Tell whether the kernel of a node has an address on one of its interfaces; off: no."""
        try:
            routes = self.lab.read_file(node, _ROUTES)
        except OSError:
            return False
        return address in watched.parse_local_addresses(routes.decode())

    def _ask(
        self, way: _Way, node: str, argv: list[str], fine: frozenset[int] = frozenset({0})
    ) -> Completed | None:
        if self.clock() < self._alone_until.get(node, 0.0):
            return None
        try:
            done = way(node, argv, timeout=_ASK)
        except LabError:
            self._alone_until[node] = self.clock() + _LEAVE_ALONE
            return None
        return done if done.code in fine else None


def _unit(block: str) -> Unit | None:
    found = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
    if "ActiveState" not in found:
        return None
    return Unit(found["ActiveState"], found.get("InvocationID", ""))
