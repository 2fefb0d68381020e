"""What the clock is set by: reports that chrony 4.3 of Debian 12 wrote, and timesyncd played on a real bus."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from exporter import chrony, timesync
from exporter.collector import Absent, Malformed
from exporter.collectors.clock import TimeSource
from exporter.programs import Ended
from exporter.timesync import MANAGER, NAME, Synced, TimesyncOnBus
from tests.exporter.golden import same_as_golden
from tests.exporter.systemd_on_bus import dbus_daemon

TRACKING = (
    b"7F000001,127.0.0.1,4,1795788418.254402532,-0.000001615,-0.000000002,0.000000179,"
    b"0.019,-0.001,0.281,0.000006608,0.000003871,1.0,Normal\n"
)
ALONE = (
    b"7F7F0101,,3,1795788410.494594191,0.000000000,0.000000000,0.000000000,"
    b"0.000,0.000,0.000,0.000000000,0.000000000,0.0,Normal\n"
)
# The second line was taken after the server had been silent for some polls.
SOURCES = (
    b"^,*,127.0.0.1,3,0,377,2,0.000000015,0.000000013,0.000003339\n"
    b"^,?,127.0.0.2,3,6,340,8,0.000000015,0.000000013,0.000003339\n"
)
GONE = Ended(1, b"506 Cannot talk to daemon\n", b"")


@dataclass
class Chronyc:
    """Answers for each report; None is a machine without the program."""

    answers: dict[str, Ended] | None = field(
        default_factory=lambda: {
            "tracking": Ended(0, TRACKING, b""),
            "sources": Ended(0, SOURCES, b""),
        }
    )

    async def run(self, argv: tuple[str, ...], deadline: float, about: str = "") -> Ended:
        if self.answers is None:
            raise Absent("chronyc: no such program")
        return self.answers[argv[-1]]


@dataclass
class Follows:
    """timesyncd, as the test has it."""

    synced: Synced | None = None

    async def ask(self) -> Synced | None:
        return self.synced


async def shown(chronyc: Chronyc, synced: Synced | None = None) -> bytes:
    found: list[bytes] = []
    await TimeSource(chronyc, Follows(synced)).collect(found.append)
    return b"".join(found)


async def test_the_exposition_is_the_golden_one(request: pytest.FixtureRequest) -> None:
    same_as_golden(request, "clock", await shown(Chronyc()))


async def test_a_chronyd_that_follows_its_own_clock_says_so() -> None:
    body = await shown(Chronyc({"tracking": Ended(0, ALONE, b""), "sources": Ended(0, b"", b"")}))
    assert b"\nchrony_tracking_remote_reference 0\n" in body
    assert b'\nhale_clock_source_info{source="chrony",server=""} 1\n' in body
    assert b"chrony_sources" not in body


async def test_a_chronyd_that_is_stopped_is_down_and_timesyncd_is_asked_instead() -> None:
    body = await shown(Chronyc({"tracking": GONE, "sources": GONE}), Synced("ntp.example", 2, 0.25))
    assert b"\nchrony_up 0\n" in body
    assert b'\nhale_clock_source_info{source="timesyncd",server="ntp.example"} 1\n' in body
    assert b"\nhale_clock_offset_seconds 0.25\n" in body


async def test_a_timesyncd_without_a_server_has_no_offset_rather_than_0() -> None:
    body = await shown(Chronyc(None), Synced("", None, None))
    assert b'\nhale_clock_source_info{source="timesyncd",server=""} 1\n' in body
    assert b"hale_clock_offset" not in body


async def test_a_node_with_neither_has_nothing_of_the_kind() -> None:
    with pytest.raises(Absent):
        await shown(Chronyc(None))


@pytest.mark.parametrize(
    "text", [b"", b"\xff", TRACKING[:40], TRACKING.replace(b"0.281", b"x"), TRACKING + TRACKING]
)
def test_a_tracking_report_of_another_form_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed, match="chronyc"):
        chrony.parse_tracking(text)


@pytest.mark.parametrize(
    "text",
    [b"x\n", b"!" + SOURCES, SOURCES.replace(b"377", b"999"), SOURCES.replace(b",0,", b",9999,")],
)
def test_a_sources_report_of_another_form_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed, match="chronyc"):
        chrony.parse_sources(text)


async def test_another_failure_of_chronyc_is_told_with_what_it_said() -> None:
    with pytest.raises(Malformed, match="exit status 2: b'Unknown option"):
        await shown(Chronyc({"tracking": Ended(2, b"Unknown option -n\n", b"")}))


# --- timesyncd ------------------------------------------------------------------------------

MESSAGE = [0, 4, 4, 2, -20, 1000, 2000, b"\x7f\0\0\x01", 1_000_000, 1_300_000, 1_300_100, 1_000_300]


def properties(message: list[object] | None = None, server: str = "ntp.example") -> timesync.Raw:
    return {"ServerName": server, "NTPMessage": [*(message or MESSAGE), False, 7, 20]}


def test_the_offset_is_half_of_both_ways() -> None:
    assert timesync.parse(properties()) == Synced("ntp.example", 2, 0.2999)


def test_before_the_first_packet_there_is_no_offset() -> None:
    empty = [0] * len(MESSAGE)
    raw = {"ServerName": "", "NTPMessage": [*empty, False, 0, 0]}
    assert timesync.parse(raw) == Synced("", None, None)


@pytest.mark.parametrize("raw", [{}, {"ServerName": 7}])
def test_the_properties_of_somebody_else_are_refused(raw: timesync.Raw) -> None:
    with pytest.raises(Malformed, match="wanted ServerName"):
        timesync.parse(raw)


@asynccontextmanager
async def timesyncd_on(address: str) -> AsyncIterator[None]:
    """Play timesyncd on a bus."""
    bus = await MessageBus(bus_address=address).connect()

    def answer(message: Message) -> Message | bool:
        if message.message_type is not MessageType.METHOD_CALL or message.body != [MANAGER]:
            return False
        packet = Variant("(uuuuittayttttbtt)", [*MESSAGE, False, 7, 20])
        said = {"ServerName": Variant("s", "ntp.example"), "NTPMessage": packet}
        return Message.new_method_return(message, "a{sv}", [said])

    bus.add_message_handler(answer)
    await bus.request_name(NAME)
    try:
        yield
    finally:
        bus.disconnect()


async def test_it_is_asked_on_the_bus_and_is_not_there_when_nobody_has_its_name(
    tmp_path: Path,
) -> None:
    with dbus_daemon(tmp_path) as address:
        assert await TimesyncOnBus(address).ask() is None
        async with timesyncd_on(address):
            assert await TimesyncOnBus(address).ask() == Synced("ntp.example", 2, 0.2999)


async def test_where_there_is_no_bus_nobody_is_on_it() -> None:
    assert await TimesyncOnBus("unix:path=/nowhere").ask() is None


async def test_a_bus_that_refuses_is_an_error_and_no_absence(tmp_path: Path) -> None:
    (tmp_path / "bus").touch()
    with pytest.raises(OSError, match="D-Bus"):
        await TimesyncOnBus(f"unix:path={tmp_path}/bus").ask()
