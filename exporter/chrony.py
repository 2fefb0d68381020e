"""What chronyd follows and how well, by chronyc, which everyone on the node may ask.

Format: `chronyc -n -c`, one line of fields with commas for each report, as chrony 4.3 was seen to write it
(client.c, print_report). Names and values: chrony_exporter (github.com/SuperQ/chrony_exporter).
"""

from collections.abc import Sequence
from typing import NamedTuple

from exporter.collector import Malformed
from exporter.exposition import Family, Kind, block, line


def _gauge(word: str, text: str) -> Family:
    return Family(f"chrony_{word}", Kind.GAUGE, text)


UP = _gauge("up", "Whether the chrony server is up.")
INFO = _gauge("tracking_info", "Chrony tracking info.")
REMOTE = _gauge("tracking_remote_reference", "Chrony tracking is connected to a remote source.")
STRATUM = _gauge("tracking_stratum", "Chrony tracking client stratum.")
LAST_OFFSET = _gauge("tracking_last_offset_seconds", "Chrony tracking last offset in seconds.")
# In the order of chronyc's fields from the third on.
TRACKING = (
    STRATUM,
    _gauge("tracking_reference_timestamp_seconds", "Chrony tracking Reference timestamp."),
    _gauge("tracking_system_time_seconds", "Chrony tracking System time."),
    LAST_OFFSET,
    _gauge("tracking_rms_offset_seconds", "Chrony tracking long-term average of the offset."),
    _gauge(
        "tracking_frequency_ppms", "Rate by which the clock would be wrong, uncorrected, in PPMs."
    ),
    _gauge(
        "tracking_residual_frequency_ppms",
        "Frequency of the source against the one in use, in PPMs.",
    ),
    _gauge("tracking_skew_ppms", "The estimated error bound on the frequency, in PPMs."),
    _gauge(
        "tracking_root_delay_seconds",
        "The total of the network path delays to the stratum-1 computer.",
    ),
    _gauge(
        "tracking_root_dispersion_seconds",
        "Chrony tracking total of all measurement errors to the NTP root.",
    ),
    _gauge(
        "tracking_update_interval_seconds",
        "The time between the last two updates of the clock, in seconds.",
    ),
)
STATE_INFO = _gauge("sources_state_info", "Chrony sources state info.")
SOURCES = (
    _gauge("sources_stratum", "Chrony sources stratum."),
    _gauge("sources_polling_interval_seconds", "Chrony sources polling interval in seconds."),
    _gauge("sources_reachability_ratio", "Chrony sources ratio of packet reachability."),
    _gauge("sources_reachability_success", "Chrony sources last poll reachability success."),
    _gauge("sources_last_sample_age_seconds", "Chrony sources last good sample age in seconds."),
    _gauge("sources_last_sample_offset_seconds", "Chrony sources last sample offset in seconds."),
    _gauge(
        "sources_last_sample_error_margin_seconds",
        "Chrony sources last sample margin of error in seconds.",
    ),
)

# What chronyc writes for each, and chrony_exporter's word for it.
MODES = {"^": "client", "=": "peer", "#": "reference clock"}
STATES = {
    "*": "sync",
    "?": "unreach",
    "x": "falseticker",
    "~": "jittery",
    "+": "candidate",
    "-": "outlier",
}
# chronyd's own clock, which it follows with `local` when nobody else is there.
OWN_CLOCK = "7F7F0101"


class Tracking(NamedTuple):
    """What chronyd corrects the clock by.

    Attributes:
        refid: Of what it follows, in hexadecimal; zeros for nothing.
        address: Of what it follows; empty for nothing and for its own clock.
        values: In the order of TRACKING.
    """

    refid: str
    address: str
    values: tuple[float, ...]


class Source(NamedTuple):
    """One source of time; `values` in the order of SOURCES."""

    address: str
    state: str
    mode: str
    values: tuple[float, ...]


def parse_tracking(text: bytes) -> Tracking:
    """Read `chronyc -n -c tracking`.

    Raises:
        Malformed: It is another number of fields, or one that has to be a number is none.
    """
    fields = text.decode("utf-8", "replace").strip().split(",")
    if len(fields) != 14:
        raise Malformed(f"chronyc tracking: wanted 14 fields, saw {text[:120]!r}")
    refid, address, *numbers = fields[:-1]
    return Tracking(refid, address, tuple(map(_number, numbers)))


def parse_sources(text: bytes) -> list[Source]:
    """Read `chronyc -n -c sources`, in its order.

    Raises:
        Malformed: A line has another number of fields, or one that has to be a number is none.
    """
    return [_source(row) for row in text.decode("utf-8", "replace").splitlines() if row]


def _source(row: str) -> Source:
    fields = row.split(",")
    if len(fields) != 10 or fields[0] not in MODES or fields[1] not in STATES:
        raise Malformed(f"chronyc sources: wanted mode, state and 8 fields, saw {row[:120]!r}")
    mode, state, address, stratum, poll, reach, age, offset, _, error = fields
    try:
        register = int(reach, 8) & 0xFF  # of the last eight polls, one bit each
        interval = 2.0 ** int(poll)
    except (ValueError, OverflowError):
        raise Malformed(f"chronyc sources: wanted poll and reach, saw {row[:120]!r}") from None
    values = (
        _number(stratum),
        interval,
        register.bit_count() / 8,
        float(register & 1),
        *map(_number, (age, offset, error)),
    )
    return Source(address, STATES[state], MODES[mode], values)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Malformed(f"chronyc: wanted a number, saw {text[:60]!r}") from None


def lines(tracking: Tracking, sources: Sequence[Source]) -> bytes:
    """Return the series of a chronyd that answered."""
    address = tracking.address or "127.127.1.1"
    about = {
        "tracking_address": address,
        "tracking_name": address,
        "tracking_refid": tracking.refid,
    }
    blocks = [
        block(UP, [line(UP.series(), 1)]),
        block(INFO, [line(INFO.series(**about), 1)]),
        block(REMOTE, [line(REMOTE.series(), tracking.refid != OWN_CLOCK)]),
    ]
    blocks += [
        block(family, [line(family.series(), value)])
        for family, value in zip(TRACKING, tracking.values, strict=True)
    ]
    named = [({"source_address": one.address, "source_name": one.address}, one) for one in sources]
    blocks.append(
        block(
            STATE_INFO,
            [
                line(STATE_INFO.series(**who, source_state=one.state, source_mode=one.mode), 1)
                for who, one in named
            ],
        )
    )
    blocks += [
        block(family, [line(family.series(**who), one.values[at]) for who, one in named])
        for at, family in enumerate(SOURCES)
    ]
    return b"".join(blocks)


def down() -> bytes:
    """Return the series of a chronyd that is not there though its chronyc is."""
    return block(UP, [line(UP.series(), 0)])
