"""The series about the collectors themselves: how the newest run of each ended, its duration, its last success.

While every collector stays in its state only durations and times change, and the rest of the text is kept.
"""

from collections.abc import Sequence
from typing import NamedTuple

from exporter.collector import Latest, State
from exporter.exposition import Family, Kind, block, line

STATE = Family(
    "hale_collector_state", Kind.GAUGE, "How the collector's newest run ended; 1 for the present."
)
DURATION = Family(
    "hale_collector_duration_seconds", Kind.GAUGE, "Duration of the collector's newest run."
)
LAST_SUCCESS = Family(
    "hale_collector_last_success_timestamp_seconds",
    Kind.GAUGE,
    "When the collector last succeeded, in unixtime.",
)
SERIES_CUT = Family(
    "hale_collector_series_cut",
    Kind.GAUGE,
    "Series of the collector that this scrape leaves out, because there are too many.",
)
NODE_DURATION = Family(
    "node_scrape_collector_duration_seconds",
    Kind.GAUGE,
    "node_exporter: Duration of a collector scrape.",
)
NODE_SUCCESS = Family(
    "node_scrape_collector_success",
    Kind.GAUGE,
    "node_exporter: Whether a collector succeeded.",
)


NAMES = b"".join(
    family.header()
    for family in (STATE, DURATION, LAST_SUCCESS, SERIES_CUT, NODE_DURATION, NODE_SUCCESS)
)
"""The headers of all of these."""


class Result(NamedTuple):
    """One collector in one scrape; `cut` is how many of its series were left out."""

    name: str
    latest: Latest
    cut: int = 0


# What of a result stands in the text and not in a place of it: the name, the state, whether it has
# a duration and a time of success, and what was cut.
Shape = tuple[str, State, bool, bool, int]


def _shape(result: Result) -> Shape:
    latest = result.latest
    timed, succeeded = latest.duration_seconds is not None, latest.last_success is not None
    return result.name, latest.state, timed, succeeded, result.cut


class About:
    """Remembers the text of the shapes seen last."""

    def __init__(self) -> None:
        self._shapes: list[Shape] = []
        self._text = b""

    def __call__(self, results: Sequence[Result]) -> bytes:
        """Return the series about these collectors, in this order."""
        shapes = [_shape(result) for result in results]
        if shapes != self._shapes:
            self._text, self._shapes = _template(shapes), shapes
        durations = [
            one.latest.duration_seconds
            for one in results
            if one.latest.duration_seconds is not None
        ]
        successes = [
            one.latest.last_success for one in results if one.latest.last_success is not None
        ]
        return self._text % (*durations, *successes, *durations)


def _template(shapes: Sequence[Shape]) -> bytes:
    timed = [name for name, _, timed, _, _ in shapes if timed]
    succeeded = [name for name, _, _, succeeded, _ in shapes if succeeded]
    states = [
        line(STATE.series(collector=name, state=one.value), one is state)
        for name, state, *_ in shapes
        for one in State
    ]
    successes = [
        line(NODE_SUCCESS.series(collector=name), state is State.OK) for name, state, *_ in shapes
    ]
    cuts = [line(SERIES_CUT.series(collector=name), cut) for name, *_, cut in shapes]
    return (
        block(STATE, states)
        + block(DURATION, _places(DURATION, timed))
        + block(LAST_SUCCESS, _places(LAST_SUCCESS, succeeded))
        + block(SERIES_CUT, cuts)
        + block(NODE_DURATION, _places(NODE_DURATION, timed))
        + block(NODE_SUCCESS, successes)
    )


def _places(family: Family, names: Sequence[str]) -> list[bytes]:
    return [family.series(collector=name) + b"%a\n" for name in names]
