"""A dead node is fenced, another one takes over, and a person lets the first one come back, step by step."""

import asyncio
import io
import json
import os
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from healer import archive
from healer.admission import Admission
from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.look import Mark
from healer.core.order import Ended
from healer.core.states import State
from healer.core.upkeep_events import Kind
from healer.errors import Refused
from tests.healer.core.replicated import whole, with_main
from tests.healer.core.test_fenced import pair
from tests.healer.core.world import alert
from tests.healer.tier import tier
from tests.healer.village import Village, simple

pytestmark = pytest.mark.looptime(start=0)

FENCED = "gate mon1 node.fence web1"
TAKEN = "gate web2 service.restart nginx.service"


def store() -> Village:
    """Three nodes, of which one runs nginx at a time: web1 does. Three, so that a majority is left to see."""
    topology = pair(web=3)
    numbers = replace(topology.numbers, owner_settled=0.0, cooldown=0.0)
    village = Village(replace(topology, numbers=numbers))
    village.cluster.down |= {Target("web2", "nginx"), Target("web3", "nginx")}
    village.prometheus.at_boot[Target("web1", "nginx")] = 0.0
    return village


@asynccontextmanager
async def fenced() -> AsyncIterator[Village]:
    """web1 died, was fenced, and web2 took over."""
    village = store()
    async with village.armed():
        village.vanish("web1")
        village.fail("web1", heal="fence-node")
        village.fail("web2/nginx")
        await asyncio.sleep(150)
        yield village


def admission(village: Village) -> Admission:
    return Admission(village.journal, village.gatherer, village.watch, village.operators)


async def refused(village: Village, node: str = "web1") -> str:
    with pytest.raises(Refused) as no:
        await admission(village).admit(node, "ann")
    return no.value.reason


async def test_another_node_takes_over_only_after_the_dead_one_was_fenced():
    async with fenced() as village:
        acts = [line for line in village.diary if line.startswith("gate")]
        assert acts[:2] == [FENCED, TAKEN]
        assert village.incident(1).state is State.MITIGATED


async def test_while_the_fencing_fails_nothing_is_taken_over():
    village = store()
    village.gates.refuse["node.fence"] = "not_listed"
    async with village.armed():
        village.vanish("web1")
        village.fail("web1", heal="fence-node")
        village.fail("web2/nginx")
        await asyncio.sleep(150)
        assert TAKEN not in village.diary
        assert village.hold(2) == "not_fenced"
        assert village.incident(1).state is State.ESCALATED


async def test_a_fenced_node_is_switched_on_by_a_persons_word_and_then_checked():
    async with fenced() as village:
        said = await admission(village).admit("web1", "ann")
        assert said["admitted"] is False
        await asyncio.sleep(5)
        assert "gate mon1 node.unfence web1" in village.diary
        assert await refused(village) == "gate_silent"  # it boots
        village.cluster.dark.clear()
        village.mend("web1")
        village.cluster.down.add(Target("web1", "nginx"))
        await asyncio.sleep(10)
        village.prometheus.booted["web1"] = village.clock.wall()
        said = await admission(village).admit("web1", "ann")
        assert said["admitted"] is True
        await asyncio.sleep(60)
        assert village.incident(1).state is State.CLOSED


async def back(village: Village) -> None:
    """Let web1 boot, and start what it was to write with: web2 does that too."""
    await asyncio.sleep(5)
    village.cluster.dark.clear()
    village.mend("web1")
    await asyncio.sleep(10)
    village.prometheus.booted["web1"] = village.clock.wall()


async def test_a_node_is_not_admitted_while_it_runs_what_another_one_runs_too():
    async with fenced() as village:
        await admission(village).admit("web1", "ann")
        await back(village)
        village.cluster.down.discard(Target("web1", "nginx"))
        await asyncio.sleep(5)
        assert village.cluster.serves(Target("web2", "nginx"))
        with pytest.raises(Refused) as no:
            await admission(village).admit("web1", "ann")
        assert no.value.reason == "runs_twice"
        assert "nginx: has serves, and another node serves too" in no.value.detail
        village.cluster.down.add(Target("web1", "nginx"))
        await asyncio.sleep(5)
        assert (await admission(village).admit("web1", "ann"))["admitted"] is True


@pytest.mark.parametrize(("said", "reason"), [(1.0, "starts_at_boot"), (None, "start_unknown")])
async def test_a_node_whose_boot_may_start_a_second_writer_stays_off(said, reason):
    async with fenced() as village:
        del village.prometheus.at_boot[Target("web1", "nginx")]
        if said is not None:
            village.prometheus.at_boot[Target("web1", "nginx")] = said
        shown = await admission(village).asked("web1")
        assert (shown["admits"], shown["steps"][0]["reason"]) == (False, reason)
        with pytest.raises(Refused) as no:
            await admission(village).admit("web1", "ann")
        assert no.value.reason == reason
        assert "hale-healer admit web1 --starts-nothing HOW" in no.value.detail
        await asyncio.sleep(10)
        assert "gate mon1 node.unfence web1" not in village.diary
        await admission(village).admit(
            "web1", "ann", "its unit is disabled, seen from a rescue disk"
        )
        await asyncio.sleep(5)
        assert "gate mon1 node.unfence web1" in village.diary
        kept = village.incident(1).admitted_by or ""
        assert (
            kept == "ann, who says it starts nothing: its unit is disabled, seen from a rescue disk"
        )


async def test_a_node_whose_power_nobody_cut_is_asked_what_its_exporter_says_now():
    """The power controller refused, and the node is back: its mark is given back all the same."""
    village = store()
    village.gates.ended = Ended(Outcome.FAILED, "fence_refused", "the device says no")
    async with village.armed():
        village.vanish("web1")
        village.fail("web1", heal="fence-node")
        await asyncio.sleep(150)
        assert village.incident(1).state is State.ESCALATED
        assert {mark.action for mark in village.incident(1).marks} == {"node.fence"}
        village.gates.ended = Ended(Outcome.DONE, "unfenced", "")
        village.cluster.dark.clear()
        village.mend("web1")
        await asyncio.sleep(10)
        assert (await admission(village).admit("web1", "ann"))["admitted"] is False
        await asyncio.sleep(5)
        assert "gate mon1 node.unfence web1" in village.diary


async def test_a_node_that_is_out_for_work_on_it_is_not_admitted_by_the_way():
    village = Village(tier())
    async with village.armed():
        await village.upkeeper.begin("web1", Kind.PERSON, "a fan", "ann", 3600.0)
        await asyncio.sleep(60)
        with pytest.raises(Refused) as no:
            await admission(village).admit("web1", "bob")
        assert no.value.reason == "node_locked"
        assert (
            "upkeep: has maintenance 1 by ann: a fan is away; hale-healer maintenance end web1"
            in no.value.detail
        )
        await village.upkeeper.end("web1", "ann")
        await asyncio.sleep(60)
        village.gates.marks["web1"] = (Mark("node.lock", "web1", ("person:bob",), True),)
        with pytest.raises(Refused, match="locked for person:bob; hale-gate unlock there"):
            await admission(village).admit("web1", "bob")
        village.gates.marks["web1"] = ()
        assert (await admission(village).admit("web1", "bob"))["admitted"] is True


async def test_while_prometheus_does_not_answer_nobody_knows_what_a_boot_starts():
    async with fenced() as village:
        village.prometheus.silent = True
        assert await refused(village) == "start_unknown"


async def test_a_node_that_was_fenced_and_has_not_booted_since_was_never_off():
    async with fenced() as village:
        await admission(village).admit("web1", "ann")
        village.cluster.dark.clear()
        village.mend("web1")
        village.cluster.down.add(Target("web1", "nginx"))
        await asyncio.sleep(10)
        assert await refused(village) == "boot_unknown"
        village.prometheus.booted["web1"] = village.incident(1).opened_at - 3600
        assert await refused(village) == "same_boot"
        village.prometheus.booted["web1"] = village.clock.wall()
        assert (await admission(village).admit("web1", "ann"))["admitted"] is True


@asynccontextmanager
async def kept() -> AsyncIterator[Village]:
    """Three members of a database, of which db1 leads; nothing of Hale's keeps one away."""
    village = Village(with_main(simple()))
    village.cluster.databases["main"] = whole()
    async with village.armed():
        await asyncio.sleep(3)
        yield village


async def test_a_member_of_a_database_comes_back_only_with_all_of_the_data():
    async with kept() as village:
        said = await admission(village).admit("db2", "ann")
        assert "replica, running, timeline 4, lag 0 bytes" in str(said["steps"])
        main = village.cluster.databases["main"]
        for wrong in ({"lag_bytes": None}, {"timeline": 3}, {"state": "creating replica"}):
            members = {**main.members, "db2": replace(main.members["db2"], **wrong)}
            village.cluster.databases["main"] = replace(main, members=members)
            assert await refused(village, "db2") == "not_replica"
        village.cluster.databases["main"] = replace(main, members={})
        assert await refused(village, "db2") == "not_replica"
        del village.cluster.databases["main"]
        assert await refused(village, "db2") == "copies_unknown"


async def test_a_barred_member_comes_back_since_that_is_what_is_given_back():
    async with kept() as village:
        main = village.cluster.databases["main"]
        barred = {**main.members, "db2": replace(main.members["db2"], barred=True)}
        village.cluster.databases["main"] = replace(main, members=barred)
        assert (await admission(village).admit("db2", "ann"))["admitted"] is True


async def test_nobody_switches_a_fenced_node_on_unasked():
    async with fenced() as village:
        village.cluster.dark.clear()
        village.mend("web1")
        await asyncio.sleep(120)
        assert "gate mon1 node.unfence web1" not in village.diary
        assert village.incident(1).state is State.MITIGATED


async def test_each_thing_that_is_not_so_yet_has_a_word_and_all_of_them_are_told():
    village = store()
    async with village.armed():
        village.gates.holds = ("replacing a fan",)
        assert await refused(village, "web3") == "person_hold"
        village.gates.holds = ()
        village.cluster.down.add(Target("web1", "nginx"))
        assert await refused(village, "web3") == "not_serving"
        village.cluster.down.discard(Target("web1", "nginx"))
        failing = alert(
            "HardwareFailing", "web3", began=village.clock.wall(), failure="disk", heal="none"
        )
        village.alertmanagers.stuck.append(failing)
        await asyncio.sleep(3)
        with pytest.raises(Refused) as no:
            await admission(village).admit("web3", "ann")
        assert no.value.reason == "failure_open"
        assert "failures: has HardwareFailing disk, needs no alert" in no.value.detail
        assert "gate: has boot" in no.value.detail
        assert await refused(village, "web9") == "unknown_node"


async def test_a_node_that_nothing_kept_away_is_told_so():
    village = store()
    async with village.armed():
        await asyncio.sleep(3)
        said = await admission(village).admit("web1", "ann")
    assert "nothing of Hale's kept it away" in str(said["done"])
    assert [one["reason"] for one in said["steps"]] == [""] * 6  # type: ignore[attr-defined]


async def test_who_rightly_does_not_run_it_is_not_asked_from_outside():
    village = store()
    async with village.armed():
        village.fail("web2/nginx")
        await asyncio.sleep(5)
        read = village.gatherer.read
        assert (await read(village.incident(), village.watch.standing())).outside is None
        village.cluster.down.add(Target("web1", "nginx"))
        assert (await read(village.incident(), village.watch.standing())).outside is False


# --- the archive ----------------------------------------------------------------------------

ANSWER = {
    "node": "web1",
    "cluster": "first",
    "at": "2026-01-02T03:04:05.000Z",
    "problem": "",
    "incidents_left_out": 0,
    "series": [
        {"labels": {"__name__": "node_dmi_info", "product_serial": "SN42"}, "value": 1.0},
        {"labels": {"__name__": "hale_failure", "failure": "disk", "device": "sda"}, "value": 1.0},
        {"labels": {"__name__": "node_hwmon_temp_celsius", "chip": 'a"b'}, "value": 71.5},
    ],
    "incidents": [
        {
            "id": "7",
            "state": "MITIGATED",
            "cause": {"name": "HardwareFailing"},
            "timeline": [{"at": "2026-01-02T03:00:00.000Z", "text": "opened"}],
            "last_lines": [
                {
                    "lines": [
                        {"at": None, "by": "kernel", "text": "I/O error", "failure_type": "disk"},
                        {"at": None, "by": "cron", "text": "hello", "failure_type": "benign"},
                    ]
                }
            ],
        }
    ],
}


def test_the_archive_has_who_it_is_what_failed_and_what_it_measures(tmp_path: Path):
    path = tmp_path / "web1.tar.gz"
    sizes = archive.write(ANSWER, path)
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as found:
        texts = {
            one.name.removeprefix("evidence-web1/"): (found.extractfile(one) or io.BytesIO())
            .read()
            .decode()
            for one in found
        }
    assert texts.keys() == sizes.keys()
    assert json.loads(texts["identity.json"])[0]["product_serial"] == "SN42"
    assert "now: disk sda" in texts["failures.txt"]
    assert "I/O error" in texts["failures.txt"]
    assert "hello" not in texts["failures.txt"]
    assert texts["metrics.prom"].splitlines()[2] == 'node_hwmon_temp_celsius{chip="a\\"b"} 71.5'
    assert texts["timeline.txt"].splitlines()[0] == "incident 7: HardwareFailing, MITIGATED"


def test_an_archive_is_never_written_through_a_link(tmp_path: Path):
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "web1.tar.gz").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        archive.write(ANSWER, tmp_path / "web1.tar.gz")
    assert (tmp_path / "elsewhere").read_text() == "mine"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1732798765.0, "1732798765"),
        (123456789012.0, "123456789012"),
        (71.53125, "71.53125"),
        (0, "0"),
        (float("nan"), "nan"),
    ],
)
def test_a_figure_is_written_with_all_of_its_digits(value: float, written: str):
    series = [{"labels": {"__name__": "smartctl_device_bytes_written"}, "value": value}]
    (text,) = [t for name, t in archive.files({**ANSWER, "series": series}) if "prom" in name]
    assert text == f"smartctl_device_bytes_written{{}} {written}\n"


def test_an_archive_over_a_file_that_others_may_read_is_for_root_alone(tmp_path: Path):
    path = tmp_path / "web1.tar.gz"
    path.write_text("older, and longer than the new one" * 1000)
    path.chmod(0o666)
    archive.write(ANSWER, path)
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as found:
        assert found.getnames()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_an_archive_is_never_written_into_another_users_file(tmp_path: Path):
    path = tmp_path / "web1.tar.gz"
    path.write_text("theirs")
    os.chown(path, 12345, 12345)
    with pytest.raises(PermissionError, match="another user's"):
        archive.write(ANSWER, path)
    assert path.read_text() == "theirs"
