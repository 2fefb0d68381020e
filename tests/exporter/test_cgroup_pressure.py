"""How long a service's work waited, from a cgroup that is played with files."""

from pathlib import Path

import pytest

from exporter.cgroup_pressure import STALLED, WAITING, CgroupPressure

PSI = "some avg10=0.00 avg60=0.04 avg300=0.12 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=250000\n"
CGROUP = "/system.slice/nginx.service"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "system.slice/nginx.service").mkdir(parents=True)
    return tmp_path


def test_both_sums_of_each_resource_are_in_seconds(folder: Path) -> None:
    (folder / "system.slice/nginx.service/io.pressure").write_text(PSI)
    found = list(CgroupPressure(folder).of(CGROUP))
    assert found == [(WAITING, "io", 1.5), (STALLED, "io", 0.25)]


def test_an_older_kernel_has_no_full_of_the_processors(folder: Path) -> None:
    (folder / "system.slice/nginx.service/cpu.pressure").write_text(PSI.split("full")[0])
    assert list(CgroupPressure(folder).of(CGROUP)) == [(WAITING, "cpu", 1.5)]


def test_where_both_kinds_of_cgroups_are_mounted_it_is_in_the_unified_one(folder: Path) -> None:
    unified = folder / "unified/system.slice/nginx.service"
    unified.mkdir(parents=True)
    (unified / "memory.pressure").write_text(PSI)
    assert [resource for _, resource, _ in CgroupPressure(folder).of(CGROUP)] == ["memory"] * 2


@pytest.mark.parametrize("text", ["", "\0\xff", PSI[:-20], PSI + PSI, "some\n"])
def test_what_is_no_pressure_is_no_series(folder: Path, text: str) -> None:
    (folder / "system.slice/nginx.service/io.pressure").write_text(text)
    assert list(CgroupPressure(folder).of(CGROUP)) == []


@pytest.mark.parametrize(
    "cgroup", ["", "system.slice/nginx.service", "/../outside", "/gone.service"]
)
def test_a_unit_without_a_cgroup_has_none_and_nothing_else_is_read(
    folder: Path, cgroup: str
) -> None:
    outside = folder.parent / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "io.pressure").write_text(PSI)
    (folder / "system.slice/nginx.service/io.pressure").write_text(PSI)
    assert list(CgroupPressure(folder).of(cgroup)) == []
