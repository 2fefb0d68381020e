"""Collects what happens during a drill into an Observation.

The eyes, the pager and the load write files of their own; units, ledgers and journals are asked on
the nodes. Rule: a node that does not answer is noted as unknown and left alone for a while.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import load, pager
from lab.drills import watched
from lab.drills.facts.ruling import Watch, WatchLog, WatchUnit
from lab.drills.fleet import Fleet
from lab.drills.observation import (
    AlertsAt,
    AnswerAt,
    Difference,
    Entry,
    FreezesAt,
    IncidentsAt,
    LedgerAt,
    LogAt,
    Observation,
    Page,
    QueryAt,
    RedundancyAt,
    Unit,
    UnitAt,
)
from lab.eyes import NODES, SERVICES
from lab.ports import Completed, Lab, LabError

_ASK = 5.0  # seconds that a node may take to answer
_LEAVE_ALONE = 5.0  # seconds
_LEDGERS_EVERY = 2.0  # seconds; the ledger has its own times, so this costs no precision
_UNITS_EVERY = 0.5
_STATUS_CODES = frozenset({0, 3, 4})  # would act, held, unusable: each prints the status


@dataclass(slots=True)
class Tail:
    """Reads a growing file, whole lines only."""

    file: Path
    offset: int = 0

    def lines(self) -> list[str]:
        """Return the lines that were completed since the last call."""
        try:
            with self.file.open("rb") as stream:
                stream.seek(self.offset)
                data = stream.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self.offset += len(whole)
        return whole.decode("utf-8", "replace").splitlines()


@dataclass(slots=True)
class Gatherer:
    """Looks, and keeps every history.

    Attributes:
        clock: Epoch seconds.
    """

    lab: Lab
    fleet: Fleet
    directory: Path
    watches: tuple[Watch, ...]
    clock: Callable[[], float]
    began: float = float("inf")
    differences: tuple[Difference, ...] | None = None
    _alerts: list[AlertsAt] = field(default_factory=list)
    _incidents: list[IncidentsAt] = field(default_factory=list)
    _freezes: list[FreezesAt] = field(default_factory=list)
    _queries: list[QueryAt] = field(default_factory=list)
    _answers: list[AnswerAt] = field(default_factory=list)
    _redundancy: list[RedundancyAt] = field(default_factory=list)
    _ledgers: list[LedgerAt] = field(default_factory=list)
    _units: list[UnitAt] = field(default_factory=list)
    _logs: list[LogAt] = field(default_factory=list)
    _pages: list[Page] = field(default_factory=list)
    _requests: list[load.Request] = field(default_factory=list)
    _serving: frozenset[tuple[str, str]] = frozenset()
    _heard: frozenset[str] = frozenset()
    _old: set[tuple[str, str]] = field(default_factory=set)
    _alone_until: dict[str, float] = field(default_factory=dict)
    _due: dict[str, float] = field(default_factory=dict)
    _tails: dict[str, Tail] = field(default_factory=dict)

    def look(self, *, thoroughly: bool = False) -> Observation:
        """Look at everything that is due, or at everything, and return all that is known."""
        for line in self._tail("watch.jsonl"):
            self._take(watched.parse_line(line))
        for line in self._tail("pages.jsonl"):
            if event := pager.parse_line(line):
                firing = event.status == "firing"
                self._pages.append(Page(event.at, event.path, event.alert, firing, event.labels))
        found = (load.parse_line(line) for line in self._tail("load.jsonl"))
        self._requests += [request for request in found if request]
        if self._is_due("units", _UNITS_EVERY) or thoroughly:
            self._look_at_units()
        if self._is_due("ledgers", _LEDGERS_EVERY) or thoroughly:
            for node in self.fleet.nodes:
                self._read_ledger(node)
            self._look_at_logs()
        return self.observation()

    def forget_old_entries(self) -> None:
        """Take every ledger entry that is there now as older than the drill."""
        for node in self.fleet.nodes:
            self._old |= {(node, entry.id) for entry in self._ledger(node) or ()}
        self._ledgers.clear()

    def observation(self) -> Observation:
        """Return all that is known, without looking."""
        return Observation(
            began=self.began,
            now=self.clock(),
            alerts=tuple(self._alerts),
            incidents=tuple(self._incidents),
            freezes=tuple(self._freezes),
            ledgers=tuple(self._ledgers),
            units=tuple(self._units),
            queries=tuple(self._queries),
            answers=tuple(self._answers),
            logs=tuple(self._logs),
            redundancy=tuple(self._redundancy),
            pages=tuple(self._pages),
            requests=tuple(self._requests),
            differences=self.differences,
        )

    def _tail(self, name: str) -> list[str]:
        return self._tails.setdefault(name, Tail(self.directory / name)).lines()

    def _is_due(self, what: str, every: float) -> bool:
        now = self.clock()
        if now < self._due.get(what, 0.0):
            return False
        self._due[what] = now + every
        return True

    def _take(self, told: tuple[watched.Told, Any] | None) -> None:
        match told:
            case (AlertsAt() as one, _):
                self._alerts.append(one)
            case (IncidentsAt() as one, _):
                self._incidents.append(one)
            case (FreezesAt() as one, _):
                self._freezes.append(one)
            case (AnswerAt() as one, _):
                self._answers.append(one)
            case (QueryAt() as one, value):
                self._queries.append(one)
                self._reckon(one, value or [])

    def _reckon(self, one: QueryAt, samples: Iterable[Any]) -> None:
        up = [sample["labels"] for sample in samples if sample["value"] == "1"]
        if one.expr == SERVICES:
            self._serving = frozenset((at.get("node", ""), at.get("service", "")) for at in up)
        elif one.expr == NODES:
            self._heard = frozenset(at.get("node", "") for at in up)
        else:
            return
        missing = self.fleet.missing(self._serving, self._heard)
        if not self._redundancy or self._redundancy[-1].missing != missing:
            self._redundancy.append(RedundancyAt(one.at, missing))

    def _look_at_units(self) -> None:
        wanted = {w for w in self.watches if isinstance(w, WatchUnit)}
        wanted |= {WatchUnit(member.node, member.unit) for member in self.fleet.members}
        for node in sorted({watch.node for watch in wanted}):
            units = sorted(watch.unit for watch in wanted if watch.node == node)
            done = self._ask(
                node, ["systemctl", "show", "-p", "Id,ActiveState,InvocationID", *units]
            )
            blocks = done.stdout.strip().split("\n\n") if done else []
            for index, unit in enumerate(units):
                self._note_unit(node, unit, _unit(blocks[index]) if index < len(blocks) else None)

    def _note_unit(self, node: str, unit: str, seen: Unit | None) -> None:
        known = [entry for entry in self._units if (entry.node, entry.unit) == (node, unit)]
        if not known or known[-1].seen != seen:
            self._units.append(UnitAt(self.clock(), node, unit, seen))

    def _read_ledger(self, node: str) -> None:
        entries = self._ledger(node)
        if entries is not None:
            entries = tuple(entry for entry in entries if (node, entry.id) not in self._old)
        # The status names only the newest few; what was seen once stays known by `ledgers` itself.
        known = [ledger for ledger in self._ledgers if ledger.node == node]
        if not known or known[-1].entries != entries:
            self._ledgers.append(LedgerAt(self.clock(), node, entries))

    def _ledger(self, node: str) -> tuple[Entry, ...] | None:
        argv = ["hale-gate", "status", "--output", "json"]
        done = self._ask(node, argv, fine=_STATUS_CODES)
        try:
            return watched.parse_ledger(done.stdout) if done else None
        except ValueError:
            return None

    def _look_at_logs(self) -> None:
        for watch in self.watches:
            if isinstance(watch, WatchLog):
                argv = ["journalctl", "--no-pager", "--output=cat", f"--unit={watch.unit}"]
                done = self._ask(watch.node, argv)
                count = done.stdout.count(watch.text) if done else None
                self._logs.append(LogAt(self.clock(), watch.node, watch.unit, watch.text, count))

    def _ask(
        self, node: str, argv: list[str], fine: frozenset[int] = frozenset({0})
    ) -> Completed | None:
        if self.clock() < self._alone_until.get(node, 0.0):
            return None
        try:
            done = self.lab.exec(node, argv, timeout=_ASK)
        except LabError:
            self._alone_until[node] = self.clock() + _LEAVE_ALONE
            return None
        return done if done.code in fine else None


def _unit(block: str) -> Unit | None:
    found = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
    if "ActiveState" not in found:
        return None
    return Unit(found["ActiveState"], found.get("InvocationID", ""))
