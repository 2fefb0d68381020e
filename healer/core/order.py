"""What is asked of a gate, and what it answers: values that cross the core's border."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from healer.core.alert import Alert
from healer.core.attempt import Outcome


@dataclass(frozen=True, slots=True, order=True)
class Token:
    """What fences one leadership off from the next. Compared by era, then term.

    Attributes:
        era: Set by `store init`, above the highest that any gate reports.
        term: Counts the starts of a healer on this store.
        store: Names the store and this start, random.
    """

    era: int
    term: int
    store: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """One request to a gate, complete but for the nonce.

    Attributes:
        action_id: `era.term.number`.
        verb: As in the gate's list.
        args: What the verb is told, as names and values.
        expect: What the decision rested on, as JSON, word for word what the journal has.
    """

    action_id: str
    node: str
    verb: str
    args: tuple[tuple[str, str], ...]
    expect: str
    deadline_seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """How the gate says an action ended."""

    outcome: Outcome
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Sight:
    """One reading of every Alertmanager peer.

    Attributes:
        alerts: Every alert that any peer has firing, silenced and inhibited ones included.
            One that peers disagree on is silenced if any says so, and began when the earliest says.
        rejected: Alerts that can never be taken, each with the reason.
        silent: Of each peer that did not answer the node that it stands on; its URL where that is no node of ours.
        watchdog_at: When the Watchdog alert of this cluster was last refreshed, epoch seconds.
        of_groups: Alerts about a group as a whole, which start nothing: that its address has no owner, say.
        silenced: The alerts that a person silenced; a storm's decisions each ask for them.
        silenced_groups: The groups that a silenced alert is about, with that alert's name.
    """

    alerts: tuple[Alert, ...]
    rejected: tuple[tuple[Alert, str], ...]
    silent: tuple[str, ...]
    watchdog_at: float | None
    of_groups: tuple[Alert, ...] = ()
    silenced: tuple[Alert, ...] = field(init=False, repr=False, compare=False)
    silenced_groups: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Pick out the silenced ones, once."""
        object.__setattr__(self, "silenced", tuple(one for one in self.alerts if one.silenced))
        groups = {one.label("group"): one.name for one in self.of_groups if one.silenced}
        object.__setattr__(self, "silenced_groups", groups)


@dataclass(frozen=True, slots=True)
class OwnAlert:
    """An alert that the healer raises about its own work.

    Attributes:
        over: Whether this says that it ended; else it holds until it is not repeated any more.
    """

    labels: tuple[tuple[str, str], ...]
    annotations: tuple[tuple[str, str], ...]
    over: bool = False
