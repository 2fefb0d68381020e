"""Collects what happens during a drill into an Observation.

The eyes, the pager and the load write files of their own; nodes are asked about themselves. Rule: an
entry of a history is made only when something changed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from lab import load, pager, roles, writes
from lab.drills import watched
from lab.drills.asking import Nodes
from lab.drills.facts.ruling import Watch, WatchLog, WatchUnit
from lab.drills.fleet import Fleet, Serving
from lab.drills.observation import (
    AlertsAt,
    AnswerAt,
    Difference,
    FreezesAt,
    IncidentsAt,
    LedgerAt,
    LogAt,
    MarksAt,
    Observation,
    OwnersAt,
    Page,
    QueryAt,
    RedundancyAt,
    ServersAt,
    UnitAt,
)
from lab.eyes import NODES, SERVICES
from lab.ports import Lab, LabError

_NODES_EVERY = 0.5  # seconds
_DEAF = 15.0  # seconds in which a member of a database is asked some hundred times

OfNode = TypeVar("OfNode", MarksAt, UnitAt, LedgerAt, roles.Role)


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
        urls: The load's that count; another drill's may be requested as well.
    """

    lab: Lab
    fleet: Fleet
    directory: Path
    watches: tuple[Watch, ...]
    clock: Callable[[], float]
    urls: tuple[str, ...] = ()
    began: float = float("inf")
    broke: float = float("inf")
    differences: tuple[Difference, ...] | None = None
    _alerts: list[AlertsAt] = field(default_factory=list)
    _incidents: list[IncidentsAt] = field(default_factory=list)
    _freezes: list[FreezesAt] = field(default_factory=list)
    _queries: list[QueryAt] = field(default_factory=list)
    _answers: list[AnswerAt] = field(default_factory=list)
    _servers: list[ServersAt] = field(default_factory=list)
    _owners: list[OwnersAt] = field(default_factory=list)
    _marks: list[MarksAt] = field(default_factory=list)
    _redundancy: list[RedundancyAt] = field(default_factory=list)
    _ledgers: list[LedgerAt] = field(default_factory=list)
    _units: list[UnitAt] = field(default_factory=list)
    _logs: list[LogAt] = field(default_factory=list)
    _pages: list[Page] = field(default_factory=list)
    _requests: list[load.Request] = field(default_factory=list)
    _roles: list[roles.Role] = field(default_factory=list)
    _writes: list[writes.Write] = field(default_factory=list)
    _asked: float = 0.0
    _serving: Serving = field(default_factory=Serving)
    _old: set[tuple[str, str]] = field(default_factory=set)
    _due: float = 0.0
    _tails: dict[str, Tail] = field(default_factory=dict)
    _nodes: Nodes = field(init=False)

    def __post_init__(self) -> None:
        self._nodes = Nodes(self.lab, self.clock)

    def start_from(self, lines: Iterable[str], offsets: dict[str, int]) -> None:
        """Begin in the middle of what others have been writing.

        Args:
            lines: The newest line of the eyes about each source.
            offsets: How far each file was written then, in bytes.
        """
        for name, offset in offsets.items():
            self._tails[name] = Tail(self.directory / name, offset)
        for line in lines:
            self._take(watched.parse_line(line))

    def look(self, *, thoroughly: bool = False) -> Observation:
        """Look at everything that is due, or at everything, and return all that is known."""
        for line in self._tail("watch.jsonl"):
            self._take(watched.parse_line(line))
        for line in self._tail("pages.jsonl"):
            if event := pager.parse_line(line):
                firing = event.status == "firing"
                self._pages.append(Page(event.at, event.path, event.alert, firing, event.labels))
        found = (load.parse_line(line) for line in self._tail("load.jsonl"))
        self._requests += [request for request in found if request and request.url in self.urls]
        self._look_at_databases()
        self._look_at_owners()
        if self.clock() >= self._due or thoroughly:
            self._due = self.clock() + _NODES_EVERY
            self._look_at_nodes()
        return self.observation()

    def forget_old_entries(self) -> None:
        """Take every ledger entry that is there now as older than the drill."""
        for node in self.fleet.nodes:
            self._old |= {(node, entry.id) for entry in self._nodes.ledger(node) or ()}
        self._ledgers.clear()

    def observation(self) -> Observation:
        """Return all that is known, without looking."""
        return Observation(
            began=self.began,
            now=self.clock(),
            broke=self.broke,
            alerts=tuple(self._alerts),
            incidents=tuple(self._incidents),
            freezes=tuple(self._freezes),
            ledgers=tuple(self._ledgers),
            units=tuple(self._units),
            queries=tuple(self._queries),
            answers=tuple(self._answers),
            logs=tuple(self._logs),
            owners=tuple(self._owners),
            marks=tuple(self._marks),
            servers=tuple(self._servers),
            redundancy=tuple(self._redundancy),
            pages=tuple(self._pages),
            requests=tuple(self._requests),
            roles=tuple(self._roles),
            writes=tuple(self._writes),
            differences=self.differences,
        )

    def _tail(self, name: str) -> list[str]:
        return self._tails.setdefault(name, Tail(self.directory / name)).lines()

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
            case (ServersAt() as one, _):
                self._servers.append(one)
                servers = {**self._serving.servers, one.balancer: one.states or {}}
                self._reckon(one.at, replace(self._serving, servers=servers))
            case (QueryAt() as one, value):
                self._queries.append(one)
                self._take_samples(one, value or [])

    def _take_samples(self, one: QueryAt, samples: Iterable[Any]) -> None:
        up = [sample["labels"] for sample in samples if sample["value"] == "1"]
        if one.expr == SERVICES:
            services = frozenset((at.get("node", ""), at.get("service", "")) for at in up)
            self._reckon(one.at, replace(self._serving, services=services))
        elif one.expr == NODES:
            heard = frozenset(at.get("node", "") for at in up)
            self._reckon(one.at, replace(self._serving, heard=heard))

    def _reckon(self, at: float, now: Serving) -> None:
        self._serving = now
        missing = self.fleet.missing(now)
        if not self._redundancy or self._redundancy[-1].missing != missing:
            self._redundancy.append(RedundancyAt(at, missing))

    def _look_at_databases(self) -> None:
        for line in self._tail("roles.jsonl"):
            role = roles.parse_line(line)
            self._asked = self._asked if role is None else max(self._asked, role.at)
            if role is None or (
                (known := _newest(self._roles, role.node)) and known.same == role.same
            ):
                continue
            self._roles.append(role)
            told = {**self._serving.roles, role.node: role}
            self._reckon(role.at, replace(self._serving, roles=told))
        if self._roles and self.clock() > self._asked + _DEAF:
            raise LabError(f"nobody asks the database any more; see {self.directory}/roles.log")
        for line in self._tail("writes.jsonl"):
            write = writes.parse_line(line)
            if write is not None and write.request.url in self.urls:
                self._writes.append(write)
                self._requests.append(write.request)

    def _look_at_owners(self) -> None:
        for one in self.fleet.addresses:
            owners = tuple(n for n in one.candidates if self._nodes.holds(n, one.address))
            if self._serving.owners.get(one.address) != owners:
                now = self.clock()
                self._owners.append(OwnersAt(now, one.address, owners))
                known = {**self._serving.owners, one.address: owners}
                self._reckon(now, replace(self._serving, owners=known))

    def _look_at_nodes(self) -> None:
        self._look_at_units()
        self._look_at_marks()
        for node in self.fleet.nodes:
            self._read_ledger(node)
        self._look_at_logs()

    def _look_at_marks(self) -> None:
        for node in self.fleet.marked:
            marks = self._nodes.marks(node)
            known = _newest(self._marks, node)
            if known is None or known.marks != marks:
                self._marks.append(MarksAt(self.clock(), node, marks))

    def _look_at_units(self) -> None:
        wanted = {w for w in self.watches if isinstance(w, WatchUnit)}
        wanted |= {WatchUnit(member.node, member.unit) for member in self.fleet.members}
        for node in sorted({watch.node for watch in wanted}):
            units = sorted(watch.unit for watch in wanted if watch.node == node)
            for unit, seen in zip(units, self._nodes.units(node, units), strict=True):
                known = _newest([entry for entry in self._units if entry.unit == unit], node)
                if known is None or known.seen != seen:
                    self._units.append(UnitAt(self.clock(), node, unit, seen))

    def _read_ledger(self, node: str) -> None:
        entries = self._nodes.ledger(node)
        if entries is not None:
            entries = tuple(entry for entry in entries if (node, entry.id) not in self._old)
        # The status names only the newest few; what was seen once stays known by `ledgers` itself.
        known = _newest(self._ledgers, node)
        if known is None or known.entries != entries:
            self._ledgers.append(LedgerAt(self.clock(), node, entries))

    def _look_at_logs(self) -> None:
        for watch in self.watches:
            if isinstance(watch, WatchLog):
                count = self._nodes.count_in_log(watch.node, watch.unit, watch.text)
                self._logs.append(LogAt(self.clock(), watch.node, watch.unit, watch.text, count))


def _newest(history: Sequence[OfNode], node: str) -> OfNode | None:
    """Return the last entry about a node."""
    return next((entry for entry in reversed(history) if entry.node == node), None)
