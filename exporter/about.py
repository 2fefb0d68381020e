"""The series about the collectors themselves: how the newest run of each ended, its duration, its last success.

While every collector stays in its state only durations and times change. The rest of the text is kept, and handed out
as parts of its own, so that nothing behind looks at it again.
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

WITHOUT_DATA = frozenset(
    {
        *("bcachefs", "bonding", "conntrack", "dmi", "drbd", "ethtool", "fibrechannel", "hwmon"),
        *("infiniband", "ipvs", "kernel_hung", "mdadm", "nfs", "nfsd", "nvme", "nvmesubsystem"),
        *("os", "pcidevice", "pressure", "rapl", "schedstat", "tapestats", "timex"),
        *("udp_queues", "wifi", "zfs"),
    }
)
"""node_exporter's collectors that do not succeed where their source is absent: ErrNoData in its collector/*.go.

All others succeed there, and so do those that only we have, or its rules would call a node for what it never had.
"""


# As fine as the clock; more digits would only be noise, and take five times as long to write.
NANOSECONDS = b"%.9f"

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
# no duration and no time of success, and what was cut.
Shape = tuple[str, State, bool, bool, int]


class _Text(NamedTuple):
    """What stands still for some shapes, and templates for what does not."""

    states: bytes
    times: bytes
    cuts: bytes
    node_durations: bytes
    node_successes: bytes


NOTHING = _Text(b"", b"", b"", b"", b"")


class About:
    """Remembers the text of the shapes seen last."""

    def __init__(self) -> None:
        self._shapes: list[Shape] = []
        self._text = NOTHING

    def __call__(self, results: Sequence[Result]) -> tuple[bytes, ...]:
        """Return the series about these collectors, in this order, in parts of whole families."""
        durations = [latest.duration_seconds for _, latest, _ in results]
        successes = [latest.last_success for _, latest, _ in results]
        shapes = [
            (name, latest.state, latest.duration_seconds is None, latest.last_success is None, cut)
            for name, latest, cut in results
        ]
        if shapes != self._shapes:
            self._text, self._shapes = _made(shapes), shapes
        text = self._text
        timed = [one for one in durations if one is not None]
        succeeded = [one for one in successes if one is not None]
        return (
            text.states,
            text.times % (*timed, *succeeded),
            text.cuts,
            text.node_durations % tuple(timed),
            text.node_successes,
        )


def _made(shapes: Sequence[Shape]) -> _Text:
    timed = [name for name, _, untimed, _, _ in shapes if not untimed]
    succeeded = [name for name, _, _, never, _ in shapes if not never]
    states = [
        line(STATE.series(collector=name, state=one.value), one is state)
        for name, state, *_ in shapes
        for one in State
    ]
    successes = [
        line(NODE_SUCCESS.series(collector=name), _succeeds(name, state))
        for name, state, *_ in shapes
    ]
    cuts = [line(SERIES_CUT.series(collector=name), cut) for name, *_, cut in shapes]
    durations = block(DURATION, _places(DURATION, timed, NANOSECONDS))
    return _Text(
        states=block(STATE, states),
        times=durations + block(LAST_SUCCESS, _places(LAST_SUCCESS, succeeded)),
        cuts=block(SERIES_CUT, cuts),
        node_durations=block(NODE_DURATION, _places(NODE_DURATION, timed, NANOSECONDS)),
        node_successes=block(NODE_SUCCESS, successes),
    )


def _succeeds(name: str, state: State) -> bool:
    return state is State.OK or (state is State.ABSENT and name not in WITHOUT_DATA)


def _places(family: Family, names: Sequence[str], place: bytes = b"%a") -> list[bytes]:
    return [family.series(collector=name) + place + b"\n" for name in names]
