"""Facts about a database: who would take writes, and who follows. Nobody's word counts but each member's own answer."""

from dataclasses import dataclass

from lab.drills.facts.ruling import Came, NotYet, Ruling, Unseen, Watch, since
from lab.drills.observation import Observation
from lab.roles import PRIMARY, REPLICA, Role, twice


@dataclass(frozen=True, slots=True)
class PrimaryIs:
    """Exactly one member is primary at the end.

    Attributes:
        node: Which; empty means any.
        other_than: Which it is not; empty means any.
    """

    node: str = ""
    other_than: str = ""

    def judge(self, seen: Observation) -> Ruling:
        """Come true with the last change after which it is so."""
        came: float | None = None
        leading: tuple[str, ...] = ()
        now: dict[str, str] = {}
        for at, role in _changes(seen):
            now[role.node] = role.word
            leading = tuple(sorted(node for node, word in now.items() if word == PRIMARY))
            wanted = self.node in ("", *leading) and self.other_than not in leading
            came = None if len(leading) != 1 or not wanted else at if came is None else came
        return NotYet(f"primary: {', '.join(leading) or 'nobody'}") if came is None else Came(came)

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill of a database looks at."""
        return None

    def __str__(self) -> str:
        other = f", and not {self.other_than}" if self.other_than else ""
        return f"{self.node or 'one member'} is the primary{other}"


@dataclass(frozen=True, slots=True)
class Primaries:
    """So many members would take writes at one time, each by its own answer.

    Attributes:
        at_least: Two, which must never be.
    """

    at_least: int = 2

    def judge(self, seen: Observation) -> Ruling:
        """Come true at the first moment at which it is so."""
        if not seen.roles:
            return Unseen("no member was asked")
        for time in twice(seen.roles, seen.now):
            if len(time.nodes) >= self.at_least and time.end > seen.began:
                return Came(max(time.start, seen.began))
        return NotYet("at no time")

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill of a database looks at."""
        return None

    def __str__(self) -> str:
        return f"{self.at_least} members answer as primary"


@dataclass(frozen=True, slots=True)
class Streaming:
    """So many replicas receive what the primary writes, at the end."""

    replicas: int

    def judge(self, seen: Observation) -> Ruling:
        """Come true with the last change after which it is so."""
        came: float | None = None
        now: dict[str, bool] = {}
        for at, role in _changes(seen):
            now[role.node] = role.word == REPLICA and role.streaming
            enough = sum(now.values()) >= self.replicas
            came = None if not enough else at if came is None else came
        return NotYet(f"{sum(now.values())} do") if came is None else Came(came)

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill of a database looks at."""
        return None

    def __str__(self) -> str:
        return f"{self.replicas} replicas stream"


@dataclass(frozen=True, slots=True)
class ReplicaIs:
    """A member is a replica that streams, at the end."""

    node: str

    def judge(self, seen: Observation) -> Ruling:
        """Come true with the last change into it."""
        came: float | None = None
        last = "nothing"
        for at, role in _changes(seen):
            if role.node == self.node:
                last = f"{role.word}, {'streaming' if role.streaming else 'not streaming'}"
                follows = role.word == REPLICA and role.streaming
                came = None if not follows else at if came is None else came
        return NotYet(last) if came is None else Came(came)

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill of a database looks at."""
        return None

    def __str__(self) -> str:
        return f"{self.node} is a replica that streams"


def _changes(seen: Observation) -> list[tuple[float, Role]]:
    """Return what each member answered when the fault came, and every change after it, in order."""
    nodes = dict.fromkeys(role.node for role in seen.roles)
    found = [
        pair
        for node in nodes
        for pair in since([role for role in seen.roles if role.node == node], seen.began)
    ]
    return sorted(found, key=lambda pair: pair[0])
