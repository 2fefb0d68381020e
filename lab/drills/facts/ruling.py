"""What judging a fact can give, and what a fact has to be. Rule: a judge is pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from lab.drills.observation import Observation


@dataclass(frozen=True, slots=True)
class Came:
    """The fact is true since `at`."""

    at: float


@dataclass(frozen=True, slots=True)
class NotYet:
    """The fact is not true; `saw` says what was seen instead."""

    saw: str


@dataclass(frozen=True, slots=True)
class Unseen(NotYet):
    """Nothing was observed that could tell, so that it never came true is not known either."""


@dataclass(frozen=True, slots=True)
class Spoiled:
    """The fact is not true and cannot become true any more."""

    saw: str


Ruling = Came | NotYet | Spoiled


@dataclass(frozen=True, slots=True)
class WatchQuery:
    """A PromQL expression to ask again and again."""

    expr: str


@dataclass(frozen=True, slots=True)
class WatchUrl:
    """A URL to get again and again from the lab host."""

    url: str


@dataclass(frozen=True, slots=True)
class WatchUnit:
    """A unit of a node to look at again and again."""

    node: str
    unit: str


@dataclass(frozen=True, slots=True)
class WatchLog:
    """A text to count in a node's journal again and again."""

    node: str
    unit: str
    text: str


@dataclass(frozen=True, slots=True)
class WatchSnapshot:
    """Nodes to take snapshots of, before the load and at the end."""

    nodes: tuple[str, ...]


Watch = WatchQuery | WatchUrl | WatchUnit | WatchLog | WatchSnapshot


class Fact(Protocol):
    """Something that is true of a cluster or is not, told from what was seen."""

    def judge(self, seen: Observation) -> Ruling:
        """Say whether and since when the fact is true."""
        ...

    def watch(self) -> Watch | None:
        """Return what has to be looked at for it beyond what every drill looks at."""
        ...

    def __str__(self) -> str:
        """Return the fact as a short clause in the present tense."""
        ...


class Timed(Protocol):
    """An entry of a history."""

    @property
    def at(self) -> float:
        """When it became so, epoch seconds."""
        ...


Item = TypeVar("Item", bound=Timed)


def since(history: Sequence[Item], began: float) -> Iterable[tuple[float, Item]]:
    """Yield the entry in force at `began` and all later ones, each with the time it counts from."""
    before = [item for item in history if item.at <= began]
    if before:
        yield began, before[-1]
    for item in history:
        if item.at > began:
            yield item.at, item


def newest(history: Sequence[Item]) -> Item | None:
    """Return the last entry of a history."""
    return history[-1] if history else None


def named(*parts: str) -> str:
    """Join the parts that are not empty with slashes: `web1/nginx`."""
    return "/".join(part for part in parts if part)
