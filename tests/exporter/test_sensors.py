"""What sensors and boards say, where the golden expositions do not show why."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.collectors.hwmon import named
from exporter.offers import expression
from tests.exporter.offered import FIXTURES, values


@pytest.fixture
def tree(tmp_path: Path) -> Callable[[str], Path]:
    """A node's /sys with one of its folders only."""

    def copied(folder: str) -> Path:
        shutil.copytree(FIXTURES / "sys" / folder, tmp_path / "sys" / folder, symlinks=True)
        return tmp_path

    return copied


def test_chips_of_one_device_have_a_name_each() -> None:
    names = [chip.name for chip in named(FIXTURES / "sys/class/hwmon")]
    assert len(names) == len(set(names)) == 11
    assert "platform_asus_nb_wmi_asus_wmi_sensors" in names  # by what they call themselves
    assert "platform_coretemp_0" in names  # one alone is called by its device


async def test_chips_and_sensors_may_be_left_out() -> None:
    kept = {
        "hwmon.chip-include": expression("coretemp"),
        "hwmon.sensor-exclude": expression("_0;temp1$"),
    }
    seen = await values("hwmon", **kept)
    chips = {series.partition('chip="')[2].partition('"')[0] for series in seen}
    assert chips == {"platform_coretemp_0", "platform_coretemp_1"}
    assert 'node_hwmon_temp_celsius{chip="platform_coretemp_0",sensor="temp1"}' not in seen
    assert 'node_hwmon_temp_celsius{chip="platform_coretemp_1",sensor="temp1"}' in seen


async def test_a_zone_that_is_switched_off_has_no_temperature(tree: Callable[[str], Path]) -> None:
    """Its file then gives EINVAL; an empty one is the nearest that a test can make."""
    node = tree("class/thermal")
    shutil.copytree(FIXTURES / "sys/devices/virtual/thermal", node / "sys/devices/virtual/thermal")
    (node / "sys/devices/virtual/thermal/thermal_zone0/temp").write_text("")
    seen = await values("thermal_zone", node)
    assert {series.split("{")[0] for series in seen} == {
        "node_cooling_device_cur_state",
        "node_cooling_device_max_state",
    }


async def test_memory_errors_are_told_by_where_they_were() -> None:
    seen = await values("edac")
    assert seen['node_edac_correctable_errors_total{controller="0"}'] == 1
    row = "node_edac_csrow_uncorrectable_errors_total"
    assert seen[f'{row}{{controller="0",csrow="unknown"}}'] == 6


async def test_energy_is_told_by_zone_or_by_a_label() -> None:
    plain = await values("rapl")
    assert {series.split("{")[0] for series in plain} == {
        "node_rapl_core_joules_total",
        "node_rapl_package_joules_total",
    }
    labelled = await values("rapl", **{"rapl.enable-zone-label": True})
    assert {series.split("{")[0] for series in labelled} == {"node_rapl_joules_total"}
    assert sorted(labelled.values()) == sorted(plain.values())


async def test_power_supplies_and_tapes_may_be_left_out() -> None:
    seen = await values("powersupplyclass", **{"powersupply.ignored-supplies": expression("BAT")})
    assert seen
    assert all('power_supply="AC"' in series for series in seen)
    assert await values("tapestats", **{"tapestats.ignored-devices": expression("^st1$")})


async def test_a_processor_that_is_off_has_no_speed(tree: Callable[[str], Path]) -> None:
    node = tree("devices/system/cpu")
    (node / "sys/devices/system/cpu/offline").write_text("1-3\n")
    seen = await values("cpufreq", node)
    assert {series.partition('cpu="')[2][0] for series in seen} == {"0"}
