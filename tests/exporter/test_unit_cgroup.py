"""What a service took and how long it waited, from a cgroup that is played with files."""

from pathlib import Path

import pytest

from exporter.unit_cgroup import CPU, OOM_KILLS, STALLED, TASKS, WAITING, Reading, UnitCgroup

PSI = "some avg10=0.00 avg60=0.04 avg300=0.12 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=250000\n"
CPU_STAT = "usage_usec 2750000\nuser_usec 2500000\nsystem_usec 250000\nnr_periods 0\n"
EVENTS = "low 0\nhigh 3\nmax 12\noom 2\noom_kill 1\noom_group_kill 0\n"
CGROUP = "/system.slice/nginx.service"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "system.slice/nginx.service").mkdir(parents=True)
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    (folder / "system.slice/nginx.service" / name).write_text(text)


def read(folder: Path, cgroup: str = CGROUP) -> list[Reading]:
    return list(UnitCgroup(folder).of(cgroup))


def test_both_sums_of_each_resource_are_in_seconds(folder: Path) -> None:
    write(folder, "io.pressure", PSI)
    assert read(folder) == [
        Reading(WAITING, 1.5, "resource", "io"),
        Reading(STALLED, 0.25, "resource", "io"),
    ]


def test_what_it_took_is_in_seconds_by_mode(folder: Path) -> None:
    write(folder, "cpu.stat", CPU_STAT)
    assert read(folder) == [
        Reading(CPU, 2.5, "mode", "user"),
        Reading(CPU, 0.25, "mode", "system"),
    ]


def test_tasks_and_those_that_were_killed_for_memory_are_counts(folder: Path) -> None:
    write(folder, "pids.current", "17\n")
    write(folder, "memory.events", EVENTS)
    assert read(folder) == [Reading(TASKS, 17), Reading(OOM_KILLS, 1)]


def test_an_older_kernel_has_no_full_of_the_processors(folder: Path) -> None:
    write(folder, "cpu.pressure", PSI.split("full")[0])
    assert read(folder) == [Reading(WAITING, 1.5, "resource", "cpu")]


def test_where_both_kinds_of_cgroups_are_mounted_it_is_in_the_unified_one(folder: Path) -> None:
    unified = folder / "unified/system.slice/nginx.service"
    unified.mkdir(parents=True)
    (unified / "memory.pressure").write_text(PSI)
    assert [one.of for one in read(folder)] == ["memory"] * 2


@pytest.mark.parametrize("name", ["io.pressure", "cpu.stat", "pids.current", "memory.events"])
@pytest.mark.parametrize("text", ["", "\0\xff", PSI[:-20], PSI + PSI, "some\n", "oom_kill -1\n"])
def test_what_is_not_understood_is_no_series(folder: Path, name: str, text: str) -> None:
    write(folder, name, text)
    assert read(folder) == []


@pytest.mark.parametrize(
    "cgroup", ["", "system.slice/nginx.service", "/../outside", "/gone.service"]
)
def test_a_unit_without_a_cgroup_has_none_and_nothing_else_is_read(
    folder: Path, cgroup: str
) -> None:
    outside = folder.parent / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "io.pressure").write_text(PSI)
    write(folder, "io.pressure", PSI)
    assert read(folder, cgroup) == []
