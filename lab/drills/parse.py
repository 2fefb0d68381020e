"""A drill's file from text to a Drill, or every mistake in it with file, line and column."""

from collections.abc import Mapping
from pathlib import Path as FilePath

from cluster.document import Value, parse
from cluster.errors import ConfigErrors, Path
from lab.drills.facts import FACTS
from lab.drills.facts.ruling import Fact
from lab.drills.model import (
    Drill,
    Expected,
    ExtraService,
    Given,
    Journal,
    Limits,
    Load,
    Step,
)
from lab.drills.reading import Reader
from lab.faults import FAULTS

_KEYS = (
    "name",
    "purpose",
    "given",
    "load",
    "fault",
    "expected",
    "never",
    "limits",
    "watch",
    "settle",
)
_GIVEN = (
    *("redundancy", "quiet", "monitoring", "cluster", "services"),
    *("journal", "leader", "asynchronous", "facts", "within"),
)


def load_drill(file: FilePath) -> Drill:
    """Read a drill.

    Raises:
        OSError: The file cannot be read.
        ConfigErrors: Every mistake in it, in the order of the file.
    """
    return parse_drill(file.read_bytes(), str(file))


def parse_drill(data: bytes, name: str) -> Drill:
    """Make a drill from a file's content; `name` is what mistakes call the file.

    Raises:
        ConfigErrors: Every mistake in it, in the order of the file.
    """
    reading = _DrillReader(parse(data, name))
    drill = reading.drill()
    if reading.problems:
        raise ConfigErrors(reading.problems)
    return drill


class _DrillReader(Reader):
    """Reads the parts of a drill; each returns something neutral where it noted a mistake."""

    def drill(self) -> Drill:
        top = self.document.value
        self.known(top, _KEYS, ())
        for key in ("name", "purpose", "fault", "expected"):
            if key not in top:
                self.wrong((), f"'{key}' is missing.")
        settle = top.get("settle")
        return Drill(
            name=self.text(top.get("name", "?"), ("name",)),
            purpose=self.text(top.get("purpose", "?"), ("purpose",)),
            given=self._given(top.get("given", {})),
            load=self.make(Load, self.mapping(top.get("load", {}), ("load",)), ("load",)) or Load(),
            steps=self._steps(top.get("fault", [])),
            expected=self._expected(top.get("expected", [])),
            never=self._facts(top.get("never", []), ("never",)),
            limits=self._limits(top.get("limits", {})),
            watch=self.seconds(top.get("watch", "10s"), ("watch",)),
            settle=None if settle is None else self.seconds(settle, ("settle",)),
        )

    def _given(self, value: Value) -> Given:
        path: Path = ("given",)
        entries = self.mapping(value, path)
        self.known(entries, _GIVEN, path)
        redundancy = entries.get("redundancy", "full")
        if redundancy not in ("full", "any"):
            self.wrong((*path, "redundancy"), f"{redundancy!r} is unknown.", "Known: any, full.")
        monitoring = entries.get("monitoring", "kept")
        if monitoring not in ("kept", "anew"):
            self.wrong((*path, "monitoring"), f"{monitoring!r} is unknown.", "Known: anew, kept.")
        overrides = entries.get("cluster")
        if overrides is not None:
            self.mapping(overrides, (*path, "cluster"))
        return Given(
            quiet=self.boolean(entries.get("quiet", True), (*path, "quiet")),
            monitoring_anew=monitoring == "anew",
            redundant=redundancy == "full",
            overrides=overrides,
            services=self._services(entries.get("services", [])),
            leader=self._leader(entries),
            journal=self._journal(entries.get("journal", Journal.KEPT.value)),
            asynchronous=self.boolean(entries.get("asynchronous", False), (*path, "asynchronous")),
            facts=self._facts(entries.get("facts", []), (*path, "facts")),
            within=self.seconds(entries.get("within", "90s"), (*path, "within")),
        )

    def _leader(self, entries: Mapping[str, Value]) -> str | None:
        return self.text(entries["leader"], ("given", "leader")) if "leader" in entries else None

    def _journal(self, value: Value) -> Journal:
        words = [journal.value for journal in Journal]
        if value in words:
            return Journal(value)
        self.wrong(("given", "journal"), f"{value!r} is unknown.", f"Known: {', '.join(words)}.")
        return Journal.KEPT

    def _services(self, value: Value) -> tuple[ExtraService, ...]:
        found = []
        for number, item in enumerate(self.items(value, ("given", "services"))):
            path: Path = ("given", "services", number)
            service = self.make(ExtraService, self.mapping(item, path), path)
            found += [service] if service else []
        return tuple(found)

    def _steps(self, value: Value) -> tuple[Step, ...]:
        found = []
        for number, item in enumerate(self.items(value, ("fault",))):
            step = self._step(item, ("fault", number))
            found += [step] if step else []
        # A step that waits for something has no time of its own: it and all after it stay in order.
        waits = next((n for n, step in enumerate(found) if step.when), len(found))
        return (*sorted(found[:waits], key=lambda step: step.at), *found[waits:])

    def _step(self, value: Value, path: Path) -> Step | None:
        entries = self.mapping(value, path)
        self.known(entries, ("kind", "node", "args", "at", "when"), path)
        kind = entries.get("kind")
        if kind not in FAULTS:
            self.wrong((*path, "kind"), f"unknown fault {kind!r}.", f"Known: {', '.join(FAULTS)}.")
            return None
        args = dict(self.mapping(entries.get("args", {}), (*path, "args")))
        if "node" in entries:
            args["node"] = entries["node"]
        fault = self.make(FAULTS[str(kind)], args, (*path, "args"))
        at = self.seconds(entries.get("at", "0s"), (*path, "at"))
        when = entries.get("when")
        waits = None if when is None else self._fact(self.mapping(when, path), (*path, "when"))
        return Step(str(kind), fault, at, waits) if fault else None

    def _expected(self, value: Value) -> tuple[Expected, ...]:
        found = []
        for number, item in enumerate(self.items(value, ("expected",))):
            path: Path = ("expected", number)
            entries = dict(self.mapping(item, path))
            if "within" not in entries:
                self.wrong(path, "'within' is missing.", "A fact without a limit proves nothing.")
            within = self.seconds(entries.pop("within", "1s"), (*path, "within"))
            fact = self._fact(entries, path)
            found += [Expected(fact, within)] if fact else []
        return tuple(found)

    def _facts(self, value: Value, path: Path) -> tuple[Fact, ...]:
        found = []
        for number, item in enumerate(self.items(value, path)):
            at = (*path, number)
            fact = self._fact(self.mapping(item, at), at)
            found += [fact] if fact else []
        return tuple(found)

    def _fact(self, entries: Mapping[str, Value], path: Path) -> Fact | None:
        if len(entries) != 1:
            self.wrong(path, f"{len(entries)} facts in one item.", "Write one fact per item.")
            return None
        word, value = next(iter(entries.items()))
        at = (*path, word)
        if word not in FACTS:
            self.wrong(at, "unknown fact.", f"Known: {', '.join(FACTS)}.")
            return None
        return self.make(FACTS[word], self.mapping({} if value is None else value, at), at)

    def _limits(self, value: Value) -> Limits:
        path: Path = ("limits",)
        return self.make(Limits, self.mapping(value, path), path) or Limits()
