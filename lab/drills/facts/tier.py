"""Facts about a load-balanced tier: who holds an address, what is marked, what HAProxy says."""

from dataclasses import dataclass

from lab.drills.facts.ruling import Came, NotYet, Ruling, Watch, named, since
from lab.drills.observation import MarksAt, Observation, OwnersAt, ServersAt
from lab.drills.reading import Seconds

_AT_ONCE = Seconds(0.0)
_LONG = Seconds(2.0)


@dataclass(frozen=True, slots=True)
class OwnerIs:
    """Exactly one node holds a virtual address at the end.

    Attributes:
        node: Which; empty means any.
    """

    address: str
    node: str = ""

    def judge(self, seen: Observation) -> Ruling:
        """Come true with the last change after which it is so."""
        came: float | None = None
        owners: tuple[str, ...] = ()
        for at, entry in since(_owners(seen, self.address), seen.began):
            owners = entry.owners
            alone = len(owners) == 1 and self.node in ("", owners[0])
            came = None if not alone else at if came is None else came
        return NotYet(f"held by {', '.join(owners) or 'nobody'}") if came is None else Came(came)

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def __str__(self) -> str:
        return f"{self.address} is held by {self.node or 'exactly one node'}"


@dataclass(frozen=True, slots=True)
class Owners:
    """So many nodes hold a virtual address for a while: none is an outage, two are a split brain.

    Attributes:
        exactly: 0 or 2.
        longer: For at least so long; a takeover takes its time, and a frame or two.
    """

    address: str
    exactly: int
    longer: Seconds = _LONG

    def judge(self, seen: Observation) -> Ruling:
        """Come true when it has been so for long enough."""
        entries = list(since(_owners(seen, self.address), seen.began))
        ends = [at for at, _ in entries[1:]] + [seen.now]
        for (at, entry), end in zip(entries, ends, strict=True):
            if len(entry.owners) == self.exactly and end - at >= self.longer:
                return Came(at + self.longer)
        return NotYet("at no time so long")

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def __str__(self) -> str:
        return f"{self.address} has {self.exactly} owners for {self.longer:g} s"


@dataclass(frozen=True, slots=True)
class MarkIs:
    """A node's gate has marked something, or has not, at the end.

    Attributes:
        mark: As gates name it, such as `pool.drain` or `database.bar`.
        subject: What, such as `web/web1` or `vip`.
        owner: How the name of one of its owners begins, such as `incident:`; empty means anyone's.
        present: Whether it has to be there.
    """

    node: str
    mark: str
    subject: str
    owner: str = ""
    present: bool = True

    def judge(self, seen: Observation) -> Ruling:
        """Come true with the last change after which it is so."""
        came: float | None = None
        saw = "nothing"
        for at, entry in since(_marks(seen, self.node), seen.began):
            saw = _listed(entry)
            right = entry.marks is not None and self._is_there(entry) is self.present
            came = None if not right else at if came is None else came
        return NotYet(f"marked: {saw}") if came is None else Came(came)

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def _is_there(self, entry: MarksAt) -> bool:
        return any(
            (one.kind, one.subject) == (self.mark, self.subject)
            and any(owner.startswith(self.owner) for owner in one.owners)
            for one in entry.marks or ()
        )

    def __str__(self) -> str:
        whose = f" of {self.owner}" if self.owner else ""
        verb = "has" if self.present else "has no"
        return f"{self.node} {verb} mark {self.mark} {self.subject}{whose}"


@dataclass(frozen=True, slots=True)
class ServerIs:
    """HAProxy on a balancer says a state of a pool's member at the end.

    Attributes:
        node: The balancer.
        server: As `web/web1`.
        state: `UP`, `DOWN`, `DRAIN`, `MAINT` or `NOLB`.
    """

    node: str
    server: str
    state: str

    def judge(self, seen: Observation) -> Ruling:
        """Come true with the last change into the state."""
        came: float | None = None
        last = "nothing"
        for at, entry in since(_servers(seen, self.node), seen.began):
            last = "nothing" if entry.states is None else entry.states.get(self.server, "nothing")
            came = None if last != self.state.upper() else at if came is None else came
        return NotYet(f"seen: {last}") if came is None else Came(came)

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def __str__(self) -> str:
        return f"HAProxy on {self.node} calls {self.server} {self.state.upper()}"


@dataclass(frozen=True, slots=True)
class ServerBecomes:
    """HAProxy on a balancer says a state of a pool's member at any time after the fault.

    Attributes:
        after: From so long after the fault on; what it says before does not count.
    """

    node: str
    server: str
    state: str
    after: Seconds = _AT_ONCE

    def judge(self, seen: Observation) -> Ruling:
        """Come true when it first does."""
        for at, entry in since(_servers(seen, self.node), seen.began + self.after):
            if (entry.states or {}).get(self.server) == self.state.upper():
                return Came(at)
        return NotYet("it never did")

    def watch(self) -> Watch | None:
        """Need nothing beyond what every drill looks at."""
        return None

    def __str__(self) -> str:
        when = f" later than {self.after:g} s" if self.after else ""
        return f"HAProxy on {self.node} comes to call {self.server} {self.state.upper()}{when}"


def _owners(seen: Observation, address: str) -> list[OwnersAt]:
    return [entry for entry in seen.owners if entry.address == address]


def _marks(seen: Observation, node: str) -> list[MarksAt]:
    return [entry for entry in seen.marks if entry.node == node]


def _servers(seen: Observation, node: str) -> list[ServersAt]:
    return [entry for entry in seen.servers if entry.balancer == node]


def _listed(entry: MarksAt) -> str:
    if entry.marks is None:
        return "it could not be read"
    return ", ".join(f"{one.kind} {named(one.subject)}" for one in entry.marks) or "nothing"
