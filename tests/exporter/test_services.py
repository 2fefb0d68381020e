"""Services as a whole, with a systemd and a service of our own, on virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter.collector import State
from exporter.collectors.services import Services
from exporter.config import Probe, Service, TcpProbe
from exporter.cutting import cut
from exporter.probes import NotMade
from exporter.serving import Probed
from exporter.units import SystemBus
from tests.exporter.fakes import EPOCH, FakeProber, FakeSystemd, OddProber, loop_clock, unit

pytestmark = pytest.mark.looptime(start=0)

ODD = Probe(TcpProbe("x..y", 80), interval=10.0)
PROBE = Probe(TcpProbe("::1", 80), interval=10.0, timeout=2.0, fall=2)
NGINX = Service("nginx", "nginx.service", "web", PROBE)
CRON = Service("cron", "cron.service", "web")


@asynccontextmanager
async def running(
    systemd: FakeSystemd | None, prober: FakeProber, *services: Service
) -> AsyncIterator[Services]:
    collector = Services(services, systemd, loop_clock(), lambda how: prober)
    task = asyncio.create_task(collector.run())
    yield collector
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def up(services: Services, name: str = "nginx") -> str | None:
    """The value of hale_service_up, None when the series is absent."""
    for row in services.latest().body.decode().splitlines():
        if row.startswith(f'hale_service_up{{service="{name}",'):
            return row.split()[-1]
    return None


def systemd_with(**units: str) -> FakeSystemd:
    systemd = FakeSystemd()
    systemd.units = {f"{name}.service": unit(active) for name, active in units.items()}
    return systemd


async def test_a_healthy_service_is_up_after_its_first_probe() -> None:
    async with running(systemd_with(nginx="active"), FakeProber(), NGINX) as services:
        await asyncio.sleep(1)
        assert up(services) == "1"
        assert services.latest().state is State.OK


async def test_without_declared_services_there_is_nothing_here() -> None:
    async with running(FakeSystemd(), FakeProber()) as services:
        await services.settled()
        assert (services.latest().state, services.latest().body) == (State.ABSENT, b"")


async def test_of_too_many_series_whether_a_service_serves_is_cut_last() -> None:
    async with running(
        systemd_with(nginx="active", cron="failed"), FakeProber(), NGINX, CRON
    ) as ours:
        await asyncio.sleep(1)
        kept, out = cut(ours.latest().body, 2)
    assert out > 0
    assert [row for row in kept.decode().splitlines() if not row.startswith("#")] == [
        'hale_service_up{service="nginx",service_group="web"} 1',
        'hale_service_up{service="cron",service_group="web"} 0',
    ]


async def test_a_unit_that_fails_is_down_in_the_same_moment() -> None:
    systemd = systemd_with(nginx="active")
    async with running(systemd, FakeProber(), NGINX) as services:
        await asyncio.sleep(1)
        systemd.signal("nginx.service", unit("failed", "failed"))
        assert up(services) == "0"


async def test_a_service_that_hangs_is_down_after_fall_probes() -> None:
    prober = FakeProber()
    async with running(systemd_with(nginx="active"), prober, NGINX) as services:
        await asyncio.sleep(1)
        prober.takes = 1000  # it accepts and never answers
        await asyncio.sleep(13)
        assert up(services) == "1"  # one attempt timed out
        await asyncio.sleep(10)
        assert up(services) == "0"


async def test_a_service_whose_name_is_not_resolved_in_time_is_unknown_and_not_down() -> None:
    prober = FakeProber()
    async with running(systemd_with(nginx="active"), prober, NGINX) as services:
        await asyncio.sleep(1)
        prober.takes, prober.asked = 1000, False
        with capture_logs() as lines:
            await asyncio.sleep(60)
        assert up(services) is None
        assert [line["event"] for line in lines].count("probe.not_made") == 1


async def test_a_restarted_service_is_probed_at_once_not_at_its_next_turn() -> None:
    systemd, prober = systemd_with(nginx="failed"), FakeProber()
    async with running(systemd, prober, NGINX) as services:
        await asyncio.sleep(15)
        systemd.signal("nginx.service", unit("active", run="b2"))
        assert up(services) == "0"
        await asyncio.sleep(0.2)
        assert prober.attempts[-1] == 15
        assert up(services) == "1"


async def test_a_success_from_before_the_crash_does_not_bring_the_service_up() -> None:
    """The attempt began while the unit was another run, and ends after it came back."""
    systemd, prober = systemd_with(nginx="active"), FakeProber()
    async with running(systemd, prober, NGINX) as services:
        await asyncio.sleep(1)
        prober.takes = 1.5
        await asyncio.sleep(9.5)  # an attempt is under way
        systemd.signal("nginx.service", unit("failed", "failed"))
        prober.answer = Probed.FAILURE
        systemd.signal("nginx.service", unit("active", run="b2"))
        await asyncio.sleep(1)
        assert up(services) == "0"


async def test_a_failure_from_before_the_restart_does_not_keep_the_service_down() -> None:
    systemd, prober = systemd_with(nginx="active"), FakeProber()
    prober.answer = Probed.FAILURE
    async with running(systemd, prober, NGINX) as services:
        await asyncio.sleep(12)
        assert up(services) == "0"
        prober.answer = Probed.SUCCESS
        systemd.signal("nginx.service", unit("active", run="b2"))
        await asyncio.sleep(0.2)
        assert up(services) == "1"


async def test_systemds_own_restart_is_not_told_as_a_failure() -> None:
    systemd, prober = systemd_with(nginx="active"), FakeProber()
    async with running(systemd, prober, NGINX) as services:
        await asyncio.sleep(1)
        prober.answer = Probed.FAILURE
        systemd.signal("nginx.service", unit("activating", "auto-restart"))
        await asyncio.sleep(25)
        assert up(services) == "1"
        assert b'state="auto-restart"} 1' in services.latest().body
        assert b'state="activating"} 0' in services.latest().body


async def test_a_bus_that_never_answers_is_timed_out_and_its_services_unknown() -> None:
    """Unknown is an absent series, never a 0."""
    systemd = FakeSystemd()
    systemd.silent = True
    async with running(systemd, FakeProber(), NGINX, CRON) as services:
        await asyncio.sleep(20)
        assert services.latest().state is State.TIMED_OUT
        assert (up(services), up(services, "cron")) == (None, None)
        assert b"hale_service_unit_state" not in services.latest().body
        assert b"hale_service_probe_success" in services.latest().body


async def test_a_bus_that_breaks_is_connected_again() -> None:
    systemd = systemd_with(nginx="active")
    async with running(systemd, FakeProber(), NGINX) as services:
        await asyncio.sleep(1)
        systemd.break_connection()
        await asyncio.sleep(0.1)
        assert (services.latest().state, up(services)) == (State.FAILED, None)
        await asyncio.sleep(2)
        assert (services.latest().state, up(services)) == (State.OK, "1")


async def test_a_flapping_unit_does_not_make_probes_a_load() -> None:
    systemd, prober = systemd_with(nginx="active"), FakeProber()
    async with running(systemd, prober, NGINX):
        await asyncio.sleep(1)
        before = len(prober.attempts)
        for turn in range(1000):
            systemd.signal("nginx.service", unit("active", run=f"{turn:x}"))
            await asyncio.sleep(0.001)
        assert len(prober.attempts) - before <= 11


async def test_a_probe_that_cannot_be_made_leaves_the_service_unknown() -> None:
    prober = FakeProber()
    async with running(systemd_with(nginx="active"), prober, NGINX) as services:
        await asyncio.sleep(1)
        prober.answer = Probed.NOT_MADE
        await asyncio.sleep(10)
        assert up(services) is None
        assert b"hale_service_probe_success" not in services.latest().body


async def test_the_end_of_a_certificate_is_told_while_an_attempt_has_seen_it() -> None:
    prober = FakeProber()
    prober.earliest_expiry = 1_800_000_000.0
    told = b'\nprobe_ssl_earliest_cert_expiry{service="nginx",probe="http"} 1800000000.0\n'
    async with running(systemd_with(nginx="active"), prober, NGINX) as services:
        await asyncio.sleep(1)
        assert told in services.latest().body
        prober.earliest_expiry = None
        await asyncio.sleep(10)
        assert b"probe_ssl_earliest_cert_expiry" not in services.latest().body


async def test_where_there_is_no_systemd_probes_decide_and_nothing_is_said_of_units() -> None:
    prober = FakeProber()
    async with running(None, prober, NGINX, CRON) as services:
        await asyncio.sleep(100)
        latest = services.latest()
        assert (latest.state, latest.last_success) == (State.OK, EPOCH + 90)
        assert (up(services), up(services, "cron")) == ("1", None)
        assert b"hale_service_unit" not in latest.body
        assert b"hale_service_restarts_total{" not in latest.body
        prober.answer = Probed.FAILURE
        await asyncio.sleep(20)
        assert up(services) == "0"


async def test_without_a_bus_the_log_says_where_it_was_looked_for_and_what_to_do(
    tmp_path: Path,
) -> None:
    services = Services([NGINX], SystemBus(f"unix:path={tmp_path}/none"), loop_clock())
    with capture_logs() as logs:
        task = asyncio.create_task(services.run())
        await services.settled()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    (entry,) = logs
    assert entry["reason"] == (
        f"D-Bus at unix:path={tmp_path}/none: [Errno 2] No such file or directory;"
        " a machine that never has systemd needs --collector.services.without-systemd"
    )


async def test_why_a_probe_could_not_be_made_is_in_the_log_once() -> None:
    odd = OddProber(NotMade("/nowhere/program: no such program"))
    services = Services([NGINX], systemd_with(nginx="active"), loop_clock(), lambda _: odd)
    with capture_logs() as logs:
        task = asyncio.create_task(services.run())
        await asyncio.sleep(35)
        assert (up(services), odd.attempts) == (None, 5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    said = [log for log in logs if log["event"] == "probe.not_made"]
    assert [(log["service"], log["reason"]) for log in said] == [
        ("nginx", "/nowhere/program: no such program")
    ]


async def test_an_odd_probe_costs_nobody_else_anything_and_is_logged_once() -> None:
    """Such as a host that the resolver's encoding refuses."""
    systemd, good, odd = systemd_with(nginx="active", cron="active"), FakeProber(), OddProber()
    probers = {PROBE.how: good, ODD.how: odd}
    services = Services(
        [NGINX, Service("cron", "cron.service", "web", ODD)],
        systemd,
        loop_clock(),
        lambda how: probers[how],
    )
    with capture_logs() as logs:
        task = asyncio.create_task(services.run())
        await asyncio.sleep(35)
        assert (up(services), up(services, "cron")) == ("1", None)
        assert services.latest().state is State.OK
        assert (len(good.attempts), odd.attempts, len(systemd.watched)) == (5, 5, 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [log["service"] for log in logs if log["event"] == "probe.fell_over"] == ["cron"]


async def test_a_watcher_that_falls_over_is_a_failed_collector_and_all_is_unknown() -> None:
    systemd = systemd_with(nginx="active")
    services = Services([NGINX], systemd, loop_clock(), lambda how: FakeProber())
    task = asyncio.create_task(services.run())
    await asyncio.sleep(1)
    assert up(services) == "1"
    systemd.fall_over(ZeroDivisionError("a bug of ours"))
    with pytest.raises(ExceptionGroup):
        await task
    assert (services.latest().state, up(services)) == (State.FAILED, None)


async def test_an_ordinary_restart_is_not_told_as_a_failure() -> None:
    """`systemctl restart` of a unit that takes eight seconds to start."""
    systemd, prober = systemd_with(nginx="active", cron="active"), FakeProber()
    told = set[str | None]()
    async with running(systemd, prober, NGINX, CRON) as services:
        await asyncio.sleep(1)
        prober.answer = Probed.FAILURE
        for name in ("nginx.service", "cron.service"):
            for seen in (
                unit("deactivating", "stop-sigterm", job=True),
                unit("inactive", "dead", job=True),
                unit("activating", "start", "b2", job=True),
            ):
                systemd.signal(name, seen)
                told |= {up(services), up(services, "cron")}
        await asyncio.sleep(8)
        told |= {up(services), up(services, "cron")}
    assert told == {"1"}


async def test_a_declared_service_is_named_whatever_is_known_of_it() -> None:
    systemd = FakeSystemd()
    systemd.silent = True
    info = 'hale_service_info{service="cron",service_group="web",unit="cron.service"} 1'
    async with running(systemd, FakeProber(), CRON) as services:
        assert info in services.latest().body.decode().splitlines()
        await asyncio.sleep(20)
        assert services.latest().state is State.TIMED_OUT
        assert info in services.latest().body.decode().splitlines()


async def test_a_service_with_slow_probes_is_waited_for_as_long_as_they_need() -> None:
    """Two attempts of 50 s and their time-outs are longer than the least patience."""
    slow = Service("nginx", "nginx.service", "web", replace(PROBE, interval=50.0))
    systemd = systemd_with(nginx="active")
    async with running(systemd, FakeProber(), slow) as services:
        await asyncio.sleep(1)
        systemd.signal("nginx.service", unit("activating", "auto-restart"))
        await asyncio.sleep(100)
        assert up(services) == "1"
        await asyncio.sleep(10)
        assert up(services) == "0"


async def test_a_new_declaration_keeps_what_is_known_of_services_that_stay() -> None:
    systemd, prober = systemd_with(nginx="active", cron="active"), FakeProber()
    async with running(systemd, prober, NGINX) as services:
        await asyncio.sleep(1)
        prober.takes = 1.5  # so that no fresh probe can be the reason
        services.declare([CRON, NGINX])
        await asyncio.sleep(0.1)
        assert (up(services), up(services, "cron")) == ("1", "1")
        services.declare([CRON])
        await asyncio.sleep(0.1)
        assert (up(services), up(services, "cron")) == (None, "1")
        assert systemd.watched[-1] == ("cron.service",)


async def test_two_services_may_share_a_unit() -> None:
    web = Service("web", "nginx.service", "web")
    async with running(systemd_with(nginx="active"), FakeProber(), NGINX, web) as services:
        await asyncio.sleep(1)
        assert (up(services), up(services, "web")) == ("1", "1")


async def test_a_unit_that_systemd_will_not_speak_of_costs_only_its_own_series() -> None:
    async with running(systemd_with(nginx="active", cron="active"), FakeProber(), NGINX, CRON) as s:
        await asyncio.sleep(1)
        s.unit_refused("cron.service", "Unit name cron.service is not valid.")
        assert (up(s), up(s, "cron")) == ("1", None)
