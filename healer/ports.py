"""What the healer needs from the outside. Adapters implement these; tests stand in for them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from healer.core.actions import Args
from healer.core.alert import Alert, Target
from healer.core.events import Event, Record
from healer.core.facts import Evidence, Reading
from healer.core.history import Going
from healer.core.lastlines import LoggedLine
from healer.core.look import Look
from healer.core.order import Ended, Order, OwnAlert, Sight, Token
from healer.core.picture import Picture


class Clock(Protocol):
    """Time, in seconds. Only the shell has one."""

    def wall(self) -> float:
        """Epoch seconds."""
        ...

    def boottime(self) -> float:
        """CLOCK_BOOTTIME: goes on through a suspend, never jumps."""
        ...

    @property
    def boot_id(self) -> str:
        """The kernel's id of this boot."""
        ...


class Store(Protocol):
    """The journal and the lease. One writer."""

    @property
    def token(self) -> Token:
        """The token of this leadership."""
        ...

    async def append(self, events: Sequence[Event], *, closing: bool = False) -> list[Record]:
        """Make all events durable, or none.

        Args:
            events: In order.
            closing: They end something that was begun, and may use the reserved room.

        Raises:
            StoreFull: There is no room; nothing was written.
            LeaseLost: Another healer has the lead; nothing was written.
        """
        ...

    async def read(
        self, after: int = 0, *, without: frozenset[str] = frozenset(), most: int | None = None
    ) -> list[Record]:
        """Return records with a higher seq, oldest first, renewing the lease while that takes long.

        Args:
            after: The seq before the first that is wanted.
            without: Kinds to leave out; their bodies are not even loaded.
            most: How many at once; None for all.

        Raises:
            ConfigError: The journal cannot be read. Nothing was changed.
            LeaseLost: It was lost meanwhile.
        """
        ...

    async def read_incident(
        self, incident_id: str, after: int = 0, *, most: int | None = None
    ) -> list[Record]:
        """Return an incident's records with a higher seq, oldest first, `most` of them at once.

        Raises:
            ConfigError: The journal cannot be read. Nothing was changed.
        """
        ...

    async def hint_bytes(self, since: float) -> int:
        """Return how many bytes of hints were written after this time, epoch seconds.

        Raises:
            ConfigError: The journal cannot be read. Nothing was changed.
        """
        ...

    async def prune(self, going: Going) -> Record | None:
        """Let old history go, in one step with the `Pruned` record that tells of it.

        Returns:
            That record; None where nothing goes.

        Raises:
            StoreFull: There is no room for it; nothing was changed.
            LeaseLost: Another healer has the lead; nothing was changed.
        """
        ...

    async def size(self) -> int:
        """Return how many bytes the records take up."""
        ...

    async def renew(self) -> None:
        """Renew the lease.

        Raises:
            LeaseLost: It ran out or was taken.
        """
        ...

    def lease_seconds(self) -> float:
        """Return how long the lease still holds by CLOCK_BOOTTIME; zero or less when it ran out."""
        ...

    async def mark_seen(self, wall: float) -> None:
        """Note that we saw the cluster at this time, so that a gap is known after a restart."""
        ...

    async def last_seen(self) -> float | None:
        """Return the last mark_seen, epoch seconds; None if there never was one."""
        ...

    async def room(self) -> bool:
        """Whether something new may be begun."""
        ...

    def lasting(self) -> bool:
        """Whether this healer's own history is on its disk, and not in its memory alone."""
        ...

    async def release(self) -> None:
        """Give the lease back, so that the next healer need not wait, and close."""
        ...


class Prometheus(Protocol):
    """Reads what Prometheus has. Every method raises Unreachable and changes nothing."""

    async def evidence(self, alert: Alert, metric: str) -> Evidence:
        """Evaluate the alert's own rule for its labels, and read `metric` of its target."""
        ...

    async def reading(self, target: Target, metric: str, labels: Args = ()) -> Reading:
        """Read the newest sample of `metric` with the target's labels, and these besides."""
        ...

    async def still_told(self, alert: Alert) -> bool | None:
        """Whether every series that the alert's rule saw at its target when it began has fresh samples now.

        None where nobody can say: there is no such rule, or nothing is known of then.
        """
        ...

    async def looks_back(self, names: Iterable[str]) -> Mapping[str, float]:
        """Return for alerts and recorded series how many seconds their rules look back; 0 for what has no rule."""
        ...

    async def picture(self, *, services: bool = True) -> Picture:
        """Read how every node and service of the cluster is; without `services` how its nodes are, and no service."""
        ...

    async def samples(
        self, node: str, names: str, *, before: float | None = None
    ) -> list[tuple[Mapping[str, str], float]]:
        """Return the newest sample of each series of a node whose name matches a regular expression of Prometheus'.

        Each is its labels, its name among them, and its value. With `before`, epoch seconds, the last one of the day
        before that.
        """
        ...

    async def pending(self) -> tuple[Alert, ...]:
        """Return every alert that is firing or about to, with its activeAt as `began_at`."""
        ...


class Alertmanagers(Protocol):
    """Every Alertmanager peer."""

    async def read(self, missed: frozenset[str] = frozenset()) -> Sight:
        """Read all peers.

        Args:
            missed: Nodes that nobody hears of. A peer there is asked as well, and not waited for once others answered.

        Raises:
            Unreachable: No peer answered.
        """
        ...

    async def post(self, alerts: Sequence[OwnAlert]) -> None:
        """Post alerts of our own to every peer.

        Raises:
            Unreachable: No peer took them.
        """
        ...


class Silences(Protocol):
    """Silences of our own at every Alertmanager peer, each known by a name and its node."""

    async def silence(self, name: str, node: str, reason: str, seconds: float) -> None:
        """Have the alerts about a node silenced, for so long from now at the most. Asked again, that end counts alone.

        Raises:
            Unreachable: No peer took it.
        """
        ...

    async def expire(self, name: str, node: str) -> None:
        """End the silence of this name and node wherever it is; there may be none.

        Raises:
            Unreachable: A peer did not answer, and may still have it.
        """
        ...


class Gates(Protocol):
    """The nodes' gates."""

    async def look(self, node: str, names: Sequence[str]) -> Look:
        """Say hello and look; nothing is written on the node.

        Raises:
            Busy: The gate carries out an order of ours; it was not asked.
            Unreachable: No gate answered, or not with its own name and cluster.
        """
        ...

    async def act(self, order: Order) -> Ended:
        """Say hello, check the lease, send the request, wait for its end.

        Raises:
            Unreachable: The request was never sent; nothing was changed.
            OutcomeUnknown: It was sent and no end was heard.
            LeaseLost: The lease ran out before sending; nothing was changed.
        """
        ...

    async def settle(self, node: str, action_id: str, ledger_id: str) -> Ended | None:
        """Ask how an action ended, voiding it if it never began; None while it still runs.

        Args:
            node: Whose gate.
            action_id: Which action.
            ledger_id: Of the ledger that the gate had when the action was decided. With another one now, or
                none, the end is unknown, `other_ledger`, and nothing is voided. Empty where it is not known.

        Raises:
            Unreachable: The gate cannot be asked.
        """
        ...


class Probes(Protocol):
    """A service's probe, made from here: from outside its node."""

    async def serves(self, target: Target) -> bool | None:
        """Whether the service answers; None where it has no probe that works from outside."""
        ...


@dataclass(frozen=True, slots=True)
class Annotation:
    """One action as Grafana shows it.

    Attributes:
        began_at, ended_at: Epoch seconds.
        tags: By which dashboards choose what they show.
        text: A line; HTML is escaped but for a link of ours.
    """

    began_at: float
    ended_at: float
    tags: tuple[str, ...]
    text: str


class Grafana(Protocol):
    """Where people see what was done beside what was measured."""

    async def annotate(self, annotation: Annotation) -> None:
        """Place an annotation.

        Raises:
            Unreachable: It was not placed, or nobody knows.
        """
        ...


@dataclass(frozen=True, slots=True)
class Copied:
    """What the copies of the nodes' journals have of one node.

    Attributes:
        lines: Its newest, oldest first, and before them what shortly before told of a failure.
        trouble: Why there are none, or what is not known of them; empty where all is well.
    """

    lines: tuple[LoggedLine, ...]
    trouble: str


class Copies(Protocol):
    """Where every node's journal is copied to."""

    async def last_of(self, node: str) -> Copied:
        """Read the last lines of a node. It takes half a minute at the most.

        Raises:
            Unreachable: They cannot be read here; the message says why to a person.
        """
        ...


class SecondPath(Protocol):
    """How to call a person without Alertmanager."""

    async def call(self, subject: str, text: str) -> None:
        """Call.

        Raises:
            Unreachable: The call could not be placed.
        """
        ...
