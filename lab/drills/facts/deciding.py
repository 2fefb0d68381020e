"""Facts about how the healer sees its cluster: frozen, thawed, many alerts or nodes as one incident, last lines."""

from dataclasses import dataclass

from lab.drills.facts.ruling import Came, NotYet, Ruling, Spoiled, Watch, since
from lab.drills.observation import Incident, LoggedLine, Observation


@dataclass(frozen=True, slots=True)
class Frozen:
    """The healer says that it would do nothing anywhere, and the word is `reason`."""

    reason: str

    def judge(self, seen: Observation) -> Ruling:
        """Come true when it first says so."""
        for at, entry in since(seen.freezes, seen.began):
            if self.reason in (entry.reasons or ()):
                return Came(at)
        said = {word for _, e in since(seen.freezes, seen.began) for word in e.reasons or ()}
        return NotYet(f"reasons given: {', '.join(sorted(said)) or 'none'}")

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def __str__(self) -> str:
        return f"the healer is frozen with reason {self.reason}"


@dataclass(frozen=True, slots=True)
class Thawed:
    """The healer was frozen for a reason and is so no more, by its own word."""

    reason: str

    def judge(self, seen: Observation) -> Ruling:
        """Come true with the last answer from which on the reason is not given."""
        was, came = False, None
        for at, entry in since(seen.freezes, seen.began):
            if entry.reasons is None:
                continue
            if self.reason in entry.reasons:
                was, came = True, None
            elif was and came is None:
                came = at
        return (
            NotYet("it is frozen" if was else "it was never frozen") if came is None else Came(came)
        )

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def __str__(self) -> str:
        return f"the healer thaws from {self.reason}"


@dataclass(frozen=True, slots=True)
class OneIncident:
    """Several alerts about a node are one incident, and there is no other about it.

    Attributes:
        alerts: Those that have to be in it, as cause or as symptom, at any time: NAME or NAME/SERVICE.
        cause: What its cause is at the end; empty means any.
    """

    node: str
    alerts: tuple[str, ...]
    cause: str = ""

    def judge(self, seen: Observation) -> Ruling:
        """Come true when the last of them has joined."""
        joined: dict[str, set[str]] = {}
        newest: dict[str, Incident] = {}
        came: float | None = None
        for at, entry in since(seen.incidents, seen.began):
            for one in entry.incidents or ():
                if one.node == self.node and (one.opened or at) >= seen.began:
                    joined.setdefault(one.id, set()).update(one.alerts)
                    newest[one.id] = one
            if any(set(self.alerts) <= names for names in joined.values()):
                came = at if came is None else came
        if len(joined) > 1:
            return Spoiled(f"{len(joined)} incidents: " + "; ".join(map(str, joined.values())))
        if came is None:
            names = set().union(*joined.values())
            return NotYet(f"joined: {', '.join(sorted(names)) or 'none'}")
        (incident,) = newest.values()
        if self.cause not in ("", incident.cause):
            return NotYet(f"its cause is {incident.cause}")
        return Came(came)

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def __str__(self) -> str:
        what = f" caused by {self.cause}" if self.cause else ""
        return f"{', '.join(self.alerts)} about {self.node} are one incident{what}"


@dataclass(frozen=True, slots=True)
class OneLoss:
    """A failure domain that is lost is one incident, which has its nodes' alerts, and beside it there is none of them.

    Attributes:
        domain: Its name in cluster.yml.
        nodes: Those that are lost with it.
        alerts: Those that have to be in the incident, as cause or as symptom: NAME or NAME/SERVICE.
    """

    domain: str
    nodes: tuple[str, ...]
    alerts: tuple[str, ...] = ("DomainLost", "NodeDown")

    def judge(self, seen: Observation) -> Ruling:
        """Come true when all of its alerts are in it; a second one, or one about a node, cannot be taken back."""
        known: dict[str, Incident] = {}
        whole: float | None = None
        for at, entry in since(seen.incidents, seen.began):
            new = [i for i in entry.incidents or () if (i.opened or at) >= seen.began]
            mine = {one.id: one for one in new if one.domain == self.domain}
            known |= mine
            beside = [one for one in new if one.node in self.nodes and one.state != "CLOSED"]
            if len(known) > 1 or (known and beside):
                about = [one.node or one.domain for one in (*known.values(), *beside)]
                return Spoiled(f"incidents about {', '.join(about)}")
            if any(set(self.alerts) <= set(one.alerts) for one in mine.values()):
                whole = at if whole is None else whole
        if whole is not None:
            return Came(whole)
        joined = sorted({name for one in known.values() for name in one.alerts})
        return NotYet(f"joined: {', '.join(joined) or 'none'}")

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def __str__(self) -> str:
        return f"the loss of {self.domain} ({', '.join(self.nodes)}) is one incident"


@dataclass(frozen=True, slots=True)
class LastLinesShown:
    """The open incident about a node shows a line that the node wrote after the fault, and what it is taken for.

    Attributes:
        contains: A part of the line.
        failure: The type of failure.
    """

    node: str
    contains: str
    failure: str

    def judge(self, seen: Observation) -> Ruling:
        """Come true when it first stands there; a line of an earlier drill does not count."""
        saw = "no open incident about it"
        for at, entry in since(seen.incidents, seen.began):
            new = [i for i in entry.incidents or () if (i.opened or at) >= seen.began]
            for one in (i for i in new if i.node == self.node and i.state != "CLOSED"):
                if any(self._is_meant(line, seen.began) for line in one.last_lines):
                    return Came(at)
                saw = f"{len(one.last_lines)} lines, and not this one. {one.lines_trouble}".strip()
        return NotYet(saw)

    def _is_meant(self, line: LoggedLine, began: float) -> bool:
        return (
            (line.node, line.failure) == (self.node, self.failure)
            and self.contains in line.text
            and line.at is not None
            and line.at >= began
        )

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def __str__(self) -> str:
        return f"the incident shows that {self.node} logged '{self.contains}', {self.failure}"
