"""Units over a real bus: a dbus-daemon of our own and a systemd that we play on it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import pytest
from dbus_fast import Message, Variant

from exporter.bus import PROPERTIES, BusLost
from exporter.unit import Unit
from exporter.units import SystemBus, parse
from tests.exporter.systemd_on_bus import SERVICE, UNIT, dbus_daemon, forge, path_of, systemd_on

NGINX = "nginx.service"
PATIENCE = 20.0  # seconds until a test that waits for something real gives up


class Heard:
    """A listener that keeps all it is told and lets tests wait for it."""

    def __init__(self) -> None:
        self.units: dict[str, Unit] = {}
        self.refused: list[str] = []
        self.syncs = 0
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def unit_seen(self, name: str, unit: Unit) -> None:
        self.units[name] = unit
        self._tell()

    def unit_refused(self, name: str, reason: str) -> None:
        assert name in reason
        self.refused.append(name)
        self._tell()

    def synced(self, duration_seconds: float) -> None:
        assert duration_seconds >= 0
        self.syncs += 1
        self._tell()

    def _tell(self) -> None:
        self._tasks.add(asyncio.ensure_future(self._notify()))

    async def _notify(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def until_state(self, name: str, active: str, sub: str) -> Unit:
        def there() -> bool:
            unit = self.units.get(name)
            return unit is not None and (unit.active_state, unit.sub_state) == (active, sub)

        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(there)
        return self.units[name]

    async def until_synced(self, times: int = 1) -> None:
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: self.syncs >= times)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with dbus_daemon(tmp_path) as found:
        yield found


@asynccontextmanager
async def watching(
    address: str, *names: str, deadline: float = PATIENCE
) -> AsyncIterator[tuple[Heard, "asyncio.Task[None]"]]:
    heard = Heard()
    task = asyncio.create_task(SystemBus(address, deadline).watch(names, heard))
    yield heard, task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_unit_is_told_at_first_and_at_every_signal(address: str) -> None:
    async with systemd_on(address) as systemd, watching(address, NGINX) as (heard, _):
        systemd.load(NGINX)
        await heard.until_synced()
        assert systemd.subscribed
        await systemd.change(
            NGINX, SERVICE, Result=Variant("s", "signal"), NRestarts=Variant("u", 3)
        )
        await systemd.change(
            NGINX, UNIT, ActiveState=Variant("s", "failed"), SubState=Variant("s", "failed")
        )
        seen = await heard.until_state(NGINX, "failed", "failed")
        assert seen == Unit(
            load_state="loaded",
            active_state="failed",
            sub_state="failed",
            result="signal",
            restarts=3,
            memory_bytes=None,
            state_changed_at=1_700_000_000.5,
            invocation_id="01" * 16,
        )


@pytest.mark.parametrize(
    ("properties", "starts"),
    [
        ({"UnitFileState": "enabled", "WantedBy": ["multi-user.target"]}, True),
        ({"UnitFileState": "enabled-runtime"}, True),
        ({"UnitFileState": "disabled", "WantedBy": [], "TriggeredBy": []}, False),
        ({"UnitFileState": "static"}, False),
        ({"UnitFileState": "static", "RequiredBy": ["store.target"]}, True),
        ({"UnitFileState": "disabled", "TriggeredBy": ["share.socket"]}, True),
        ({"UnitFileState": "disabled", "UpheldBy": ["store.target"]}, True),
        ({"UnitFileState": "masked", "LoadState": "masked", "WantedBy": ["a.target"]}, False),
        ({"UnitFileState": ""}, None),
        ({"UnitFileState": "bad"}, None),
        ({}, None),
    ],
)
def test_whether_a_boot_may_start_a_unit_is_its_links_and_what_pulls_it_in(
    properties: dict[str, object], starts: bool | None
) -> None:
    assert parse({"LoadState": "loaded", **properties}).starts_at_boot is starts


async def test_what_somebody_else_sends_in_systemds_form_is_not_heard(address: str) -> None:
    """Every user may send a signal straight to a connection; no rule of ours keeps it away."""
    lie = {"ActiveState": Variant("s", "failed"), "SubState": Variant("s", "failed")}
    async with systemd_on(address) as systemd, watching(address, NGINX, "b.service") as (heard, _):
        systemd.load(NGINX)
        systemd.load("b.service")
        await heard.until_synced()
        await forge(
            address,
            Message.new_signal(
                path_of(NGINX), PROPERTIES, "PropertiesChanged", "sa{sv}as", [UNIT, lie, []]
            ),
        )
        await systemd.change("b.service", UNIT, ActiveState=Variant("s", "inactive"))
        await heard.until_state("b.service", "inactive", "running")
        assert heard.units[NGINX].active_state == "active"


async def test_nothing_is_asked_again_while_nothing_happens(address: str) -> None:
    """Signals drive it: a change is told without a single further question."""
    async with systemd_on(address) as systemd, watching(address, NGINX) as (heard, _):
        systemd.load(NGINX)
        await heard.until_synced()
        asked = len(systemd.calls)
        await systemd.change(NGINX, UNIT, ActiveState=Variant("s", "inactive"))
        await heard.until_state(NGINX, "inactive", "running")
        assert len(systemd.calls) == asked


async def test_a_unit_that_does_not_exist_is_told_as_not_found(address: str) -> None:
    async with systemd_on(address), watching(address, "nowhere.service") as (heard, _):
        await heard.until_synced()
        assert heard.units["nowhere.service"].load_state == "not-found"


async def test_a_name_that_systemd_refuses_costs_only_itself(address: str) -> None:
    async with systemd_on(address) as systemd, watching(address, "x@.service", NGINX) as (heard, _):
        systemd.load(NGINX)
        await heard.until_synced()
        assert heard.refused == ["x@.service"]
        assert heard.units.keys() == {NGINX}


async def test_after_a_daemon_reload_everything_is_asked_anew(address: str) -> None:
    async with systemd_on(address) as systemd, watching(address, NGINX) as (heard, _):
        await heard.until_synced()
        assert heard.units[NGINX].load_state == "not-found"
        systemd.load(NGINX)
        await systemd.reloaded()
        await heard.until_synced(times=2)
        assert heard.units[NGINX].load_state == "loaded"


async def test_a_slow_resync_finds_what_no_signal_tells(address: str) -> None:
    heard = Heard()
    async with systemd_on(address) as systemd:
        systemd.load(NGINX)
        watch = SystemBus(address, PATIENCE, resync=0.01).watch([NGINX], heard)
        task = asyncio.create_task(watch)
        await heard.until_synced(times=3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_systemd_that_leaves_the_bus_is_a_lost_bus(address: str) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(systemd_on(address))
        async with watching(address, NGINX) as (heard, task):
            await heard.until_synced()
            await stack.aclose()
            async with asyncio.timeout(PATIENCE):
                with pytest.raises(BusLost, match="left the bus"):
                    await task


async def test_without_systemd_on_the_bus_the_bus_is_lost(address: str) -> None:
    async with watching(address, NGINX) as (_, task):
        with pytest.raises(BusLost, match="ServiceUnknown"):
            await task


async def test_a_systemd_that_never_answers_times_out(address: str) -> None:
    async with systemd_on(address) as systemd:
        systemd.mute = True
        async with watching(address, NGINX, deadline=0.2) as (_, task):
            with pytest.raises(TimeoutError):
                await task


async def test_a_bus_that_accepts_and_never_speaks_times_out(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "bus"))
        listener.listen()
        async with watching(f"unix:path={tmp_path}/bus", NGINX, deadline=0.2) as (_, task):
            with pytest.raises(TimeoutError):
                await task


async def test_a_bus_that_is_not_there_is_lost(tmp_path: Path) -> None:
    async with watching(f"unix:path={tmp_path}/nowhere", NGINX) as (_, task):
        with pytest.raises(BusLost, match="No such file"):
            await task


async def test_a_daemon_that_dies_is_a_lost_bus(tmp_path: Path) -> None:
    with ExitStack() as stack:
        address = stack.enter_context(dbus_daemon(tmp_path))
        async with systemd_on(address), watching(address, NGINX) as (heard, task):
            await heard.until_synced()
            stack.close()
            async with asyncio.timeout(PATIENCE):
                with pytest.raises(BusLost):
                    await task


async def test_a_job_is_told_as_long_as_there_is_one(address: str) -> None:
    """A restart passes through inactive; its job tells that from a stop."""
    async with systemd_on(address) as systemd, watching(address, NGINX) as (heard, _):
        systemd.load(NGINX)
        await heard.until_synced()
        assert heard.units[NGINX].job is False
        await systemd.change(
            NGINX,
            UNIT,
            ActiveState=Variant("s", "inactive"),
            SubState=Variant("s", "dead"),
            Job=Variant("(uo)", [7, "/org/freedesktop/systemd1/job/7"]),
        )
        assert (await heard.until_state(NGINX, "inactive", "dead")).job is True
        await systemd.change(
            NGINX, UNIT, SubState=Variant("s", "failed"), Job=Variant("(uo)", [0, "/"])
        )
        assert (await heard.until_state(NGINX, "inactive", "failed")).job is False


def test_properties_that_are_missing_or_odd_are_unknown_not_wrong() -> None:
    assert parse({}) == Unit("", "", "", "", None, None, None, "")
    odd = parse({"ActiveState": 7, "NRestarts": "3", "StateChangeTimestamp": 0})
    assert (odd.active_state, odd.restarts, odd.state_changed_at) == ("", None, None)
    assert not any(parse({"Job": job}).job for job in (7, [], "7", ["7", "/"], [0, "/"]))
