"""systemd's units and logind's sessions over a real bus, on which we play both."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from dbus_fast import Variant

from exporter.clock import Clock
from exporter.collector import Malformed, State
from exporter.collectors.logind import LOGIND, Sessions
from exporter.collectors.systemd import TYPES_KEPT, UnitStates, Wanted, parse
from exporter.inventory.bus import EXCLUDE, INCLUDE
from exporter.schedule import Periodic
from exporter.units import MANAGER, MANAGER_PATH, NOT_SET, SERVICE, SYSTEMD, UNIT
from tests.exporter.golden import same_as_golden
from tests.exporter.offered import ran
from tests.exporter.played_on_bus import Played, played
from tests.exporter.systemd_on_bus import dbus_daemon

EVERYTHING = Wanted(INCLUDE.default, EXCLUDE.default, tasks=True, restarts=True, start_times=True)
USUAL = Wanted(INCLUDE.default, EXCLUDE.default)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with dbus_daemon(tmp_path) as found:
        yield found


def listed(name: str, active: str = "active", loaded: str = "loaded") -> list[object]:
    """One unit as ListUnits tells it; its path is its name, made one."""
    path = "/u/" + re.sub(r"\W", "_", name)
    return [name, "text", loaded, active, "sub", "", path, 0, "", "/"]


def list_units(systemd: Played, *units: list[object]) -> None:
    systemd.methods["ListUnits"] = ("a(ssssssouso)", list(units))


def socket(accepted: int, connections: int) -> dict[str, Variant]:
    return {"NAccepted": Variant("u", accepted), "NConnections": Variant("u", connections)}


@pytest.fixture
async def systemd(address: str) -> AsyncIterator[Played]:
    async with played(address, SYSTEMD) as systemd:
        list_units(
            systemd,
            listed("nginx.service"),
            listed("cron.service", "failed"),
            listed("gone.service", "inactive", "not-found"),
            listed("apt.timer"),
            listed("ssh.socket", "activating"),
            listed("old.socket"),
            listed("-.mount"),
            listed("multi-user.target"),
        )
        systemd.properties = {
            (MANAGER_PATH, MANAGER): {
                "Version": Variant("s", "252.39-1~deb12u1"),
                "Virtualization": Variant("s", ""),
                "SystemState": Variant("s", "degraded"),
            },
            ("/u/nginx_service", SERVICE): {
                "Type": Variant("s", "notify"),
                "NRestarts": Variant("u", 3),
                "TasksCurrent": Variant("t", 5),
                "TasksMax": Variant("t", NOT_SET),
            },
            ("/u/nginx_service", UNIT): {
                "ActiveEnterTimestamp": Variant("t", 1_700_000_000_250_000)
            },
            ("/u/apt_timer", f"{SYSTEMD}.Timer"): {
                "LastTriggerUSec": Variant("t", 1_700_000_000_000_000)
            },
            ("/u/ssh_socket", f"{SYSTEMD}.Socket"): socket(7, 2) | {"NRefused": Variant("u", 1)},
            ("/u/old_socket", f"{SYSTEMD}.Socket"): socket(9, 0),
        }
        yield systemd


async def told(source: UnitStates | Sessions) -> tuple[bytes, State]:
    return await ran(Periodic(source, Clock()))


async def test_every_unit_is_told_as_node_exporter_tells_it(
    request: pytest.FixtureRequest, address: str, systemd: Played
) -> None:
    body, state = await told(UnitStates(EVERYTHING, address))
    assert state is State.OK
    same_as_golden(request, "systemd", body)


async def test_what_is_not_asked_for_is_not_asked(address: str, systemd: Played) -> None:
    body, _ = await told(UnitStates(USUAL, address))
    names = set(re.findall(rb"^(\w+)", body, re.M))
    assert not {one for one in names if b"restart" in one or b"tasks" in one or b"start" in one}
    assert not [one for one in systemd.calls if "NRestarts" in one or "Tasks" in one]


async def test_units_are_chosen_by_their_whole_names(address: str, systemd: Played) -> None:
    wanted = Wanted(re.compile(r"nginx|.*\.timer"), re.compile("apt"))
    body, _ = await told(UnitStates(wanted, address))
    assert set(re.findall(rb'unit_state\{name="([^"]+)"', body)) == {b"apt.timer"}
    assert b'node_systemd_units{state="failed"} 1\n' in body  # of all, shown or not


async def test_a_type_is_asked_once_in_a_while(address: str, systemd: Played) -> None:
    list_units(systemd, listed("nginx.service"))
    source = UnitStates(USUAL, address)
    for _ in range(TYPES_KEPT + 1):
        await told(source)
    asked = [one for one in systemd.calls if one.startswith("Get ") and one.endswith(" Type")]
    assert len(asked) == 2


async def test_five_hundred_units_are_asked_in_one_round(address: str, systemd: Played) -> None:
    list_units(systemd, *(listed(f"a{number}.service") for number in range(500)))
    body, state = await told(UnitStates(USUAL, address))
    assert (state, body.count(b"node_systemd_unit_state{")) == (State.OK, 2500)


async def test_a_bus_or_a_systemd_that_is_not_there_is_absent(address: str) -> None:
    assert (await told(UnitStates(USUAL, address)))[1] is State.ABSENT
    assert (await told(UnitStates(USUAL, "unix:path=/nowhere")))[1] is State.ABSENT
    assert (await told(Sessions(address)))[1] is State.ABSENT


async def test_a_systemd_that_never_answers_is_timed_out(address: str, systemd: Played) -> None:
    systemd.mute = True
    source = UnitStates(USUAL, address)
    source.deadline = 0.1
    assert await told(source) == (b"", State.TIMED_OUT)


async def test_a_systemd_that_leaves_in_the_middle_is_a_failure(address: str) -> None:
    async with played(address, SYSTEMD) as systemd:
        systemd.mute = True
        collector = asyncio.create_task(told(UnitStates(USUAL, address)))
        async with asyncio.timeout(20):
            while "ListUnits" not in systemd.calls:
                await asyncio.sleep(0.01)
    assert (await collector)[1] is State.FAILED


@pytest.mark.parametrize("reply", ["text", [["a", "b"]], [[1, 2, 3, 4, 5, 6, 7]], [None]])
def test_an_answer_that_is_no_list_of_units_is_malformed(reply: object) -> None:
    with pytest.raises(Malformed, match="ListUnits"):
        parse(reply)


async def test_sessions_are_counted_by_seat_remote_type_and_class(
    request: pytest.FixtureRequest, address: str
) -> None:
    async with played(address, LOGIND) as logind:
        logind.methods = {
            "ListSeats": ("a(so)", [["seat0", "/seat0"]]),
            "ListSessions": (
                "a(susso)",
                [
                    ["1", 0, "root", "seat0", "/s1"],
                    ["2", 7, "ann", "", "/s2"],
                    ["3", 7, "ann", "", "/s3"],
                ],
            ),
        }
        session = f"{LOGIND}.Session"
        logind.properties = {
            ("/s1", session): {
                "Remote": Variant("b", False),
                "Type": Variant("s", "tty"),
                "Class": Variant("s", "user"),
            },
            ("/s2", session): {
                "Remote": Variant("b", True),
                "Type": Variant("s", "newer"),
                "Class": Variant("s", "user-early"),
            },
        }
        body, state = await told(Sessions(address))
    assert state is State.OK  # the third has ended before it was asked
    assert sum(float(row.split(b" ")[1]) for row in body.splitlines()[2:]) == 2
    same_as_golden(request, "logind", body)


async def test_a_logind_that_answers_something_else_is_a_failure(address: str) -> None:
    async with played(address, LOGIND) as logind:
        logind.methods = {"ListSeats": ("s", "what"), "ListSessions": ("a(susso)", [])}
        assert (await told(Sessions(address)))[1] is State.FAILED
