"""Facts about what the healer decided and what the gates did."""

from collections.abc import Iterator
from dataclasses import dataclass

from lab.drills.facts.ruling import Came, NotYet, Ruling, Spoiled, Watch, named, newest, since
from lab.drills.observation import Entry, Incident, Observation
from lab.drills.reading import Seconds


@dataclass(frozen=True, slots=True)
class IncidentReaches:
    """The healer has an incident for a cause, and it reaches a state.

    Attributes:
        cause: Name of the alert that is the incident's cause.
        state: Lower or upper case; empty means that it is enough that there is one.
    """

    cause: str
    node: str = ""
    service: str = ""
    state: str = ""

    def judge(self, seen: Observation) -> Ruling:
        """Come true when the state is reached after the fault, by the healer's own time."""
        meant = _meant(seen, self.cause, self.node, self.service)
        if not self.state:
            times = [at for at, one in meant if one.opened is None or one.opened >= seen.began]
        else:
            times = [at for place in meant for at in self._reached(*place, seen.began)]
        return Came(min(times)) if times else NotYet(_incidents(seen))

    def _reached(self, at: float, incident: Incident, began: float) -> Iterator[float]:
        """Yield when one incident reached the state; what it was before the fault proves nothing."""
        wanted = self.state.upper()
        told = [step.at for step in incident.states if step.word == wanted]
        yield from (step for step in told if step >= began)
        if incident.state == wanted and not told:  # the healer does not say since when
            yield at

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def __str__(self) -> str:
        what = f"an incident for {named(self.cause, self.node, self.service)}"
        return f"{what} reaches {self.state.upper()}" if self.state else f"{what} is opened"


@dataclass(frozen=True, slots=True)
class Held:
    """The healer says that it does not act on an incident, and the word is `reason`."""

    reason: str
    node: str = ""
    service: str = ""
    count: int = 1

    def judge(self, seen: Observation) -> Ruling:
        """Come true when enough incidents are held, or were told no, for that reason."""
        for at, entry in since(seen.incidents, seen.began):
            incidents = [i for i in entry.incidents or () if self._is_held(i, seen.began)]
            if len(incidents) >= self.count:
                return Came(at)
        words = {s.word for _, i in _meant(seen, "", self.node, self.service) for s in i.reasons}
        return NotYet(f"reasons given: {', '.join(sorted(words)) or 'none'}")

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def _is_held(self, incident: Incident, began: float) -> bool:
        if not _is_of(incident, "", self.node, self.service):
            return False
        given = {step.word for step in incident.reasons if step.at >= began}
        return self.reason in given | {incident.holding}

    def __str__(self) -> str:
        where = f" on {named(self.node, self.service)}" if self.node or self.service else ""
        many = f" for {self.count} incidents" if self.count > 1 else ""
        return f"the healer holds with reason {self.reason}{where}{many}"


@dataclass(frozen=True, slots=True)
class Explained:
    """The explanation of an incident names every one of these guards with have and need."""

    guards: tuple[str, ...]
    node: str = ""
    service: str = ""

    def judge(self, seen: Observation) -> Ruling:
        """Come true when one incident names them all."""
        named_at_best: set[str] = set()
        for at, incident in _meant(seen, "", self.node, self.service):
            full = {v.guard for v in incident.guards if v.have and v.need}
            if full >= set(self.guards):
                return Came(at)
            named_at_best = max(named_at_best, full, key=len)
        missing = sorted(set(self.guards) - named_at_best)
        return NotYet(f"not named with have and need: {', '.join(missing)}")

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def __str__(self) -> str:
        return f"the explanation names {', '.join(self.guards)} with have and need"


@dataclass(frozen=True, slots=True)
class VerbsCounted:
    """The ledgers of the gates hold exactly so many new verbs.

    Attributes:
        node: Whose gate; empty means the sum over all nodes.
        verb: Which verb; empty means any but action.settle, which touches nothing.
        state: `done`, `failed`, `refused` or `unknown`; empty means any.
    """

    exactly: int
    node: str = ""
    verb: str = ""
    state: str = ""
    reason: str = ""

    def judge(self, seen: Observation) -> Ruling:
        """Come true at the last of them; one too many cannot be taken back."""
        if all(entry.entries is None for entry in seen.ledgers):
            return NotYet("no ledger could be read")
        entries = verbs(seen, self.node)
        meant = [(at, entry) for at, entry in entries if self._is_meant(entry)]
        if len(meant) > self.exactly:
            return Spoiled(f"{len(meant)}: {_listed(meant)}")
        if len(meant) < self.exactly:
            return NotYet(f"{len(meant)}; all verbs: {_listed(entries)}")
        return Came(max((at for at, _ in meant), default=seen.began))

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def _is_meant(self, entry: Entry) -> bool:
        return (
            self.verb in ("", entry.verb)
            and self.state in ("", entry.state)
            and self.reason in ("", entry.reason)
        )

    def __str__(self) -> str:
        gate = f"the gate of {self.node}" if self.node else "the gates together"
        how = f" ended {named(self.state, self.reason)}" if self.state or self.reason else ""
        return f"{gate} ran exactly {self.exactly} {self.verb or 'verbs'}{how}"


@dataclass(frozen=True, slots=True)
class ActedBefore:
    """Some gate began a verb earlier than so long after the fault."""

    before: Seconds

    def judge(self, seen: Observation) -> Ruling:
        """Come true when a verb that was not refused began too early."""
        for at, entry in verbs(seen):
            began = entry.started_at or at
            if entry.state != "refused" and began < seen.began + self.before:
                return Came(began)
        return NotYet("nothing began before")

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def __str__(self) -> str:
        return f"a gate acts in the first {self.before:.0f} s"


def verbs(seen: Observation, node: str = "") -> list[tuple[float, Entry]]:
    """Return the newest form of every new ledger entry, with when it was first seen, in order."""
    first: dict[tuple[str, str], float] = {}
    latest: dict[tuple[str, str], Entry] = {}
    for ledger in seen.ledgers:
        for entry in ledger.entries or ():
            if node in ("", ledger.node) and entry.verb != "action.settle":
                # A voided id never began: settling one that the gate had not seen writes it down.
                if entry.state == "voided":
                    continue
                first.setdefault((ledger.node, entry.id), ledger.at)
                latest[ledger.node, entry.id] = entry
    return sorted(((first[key], entry) for key, entry in latest.items()), key=lambda pair: pair[0])


def _meant(seen: Observation, cause: str, node: str, service: str) -> list[tuple[float, Incident]]:
    return [
        (at, incident)
        for at, entry in since(seen.incidents, seen.began)
        for incident in entry.incidents or ()
        if _is_of(incident, cause, node, service)
    ]


def _is_of(incident: Incident, cause: str, node: str, service: str) -> bool:
    return (
        cause in ("", incident.cause)
        and node in ("", incident.node)
        and service in ("", incident.service)
    )


def _incidents(seen: Observation) -> str:
    last = newest(seen.incidents)
    if last is None or last.incidents is None:
        return "the healer did not answer"
    texts = [f"{named(i.cause, i.node, i.service)} {i.state}" for i in last.incidents]
    return f"incidents: {', '.join(texts) or 'none'}"


def _listed(entries: list[tuple[float, Entry]]) -> str:
    return ", ".join(f"{e.verb} {named(e.state, e.reason)}" for _, e in entries) or "none"
