"""What the exporter says of its own process, beside what prometheus-client says of the same one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import (
    CollectorRegistry,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.parser import text_string_to_metric_families

from exporter.collector import Malformed
from exporter.selfmetrics import Process, SelfMetrics, count_open, parse

# Of a process that calls itself `a) R (b`, with the fields of proc(5) counted up.
STAT = b"7 (a) R (b) S " + b" ".join(b"%d" % n for n in range(4, 53)) + b"\n"

MOVING = {"process_resident_memory_bytes", "process_virtual_memory_bytes"}


def told(text: bytes) -> dict[str, tuple[str, dict[str, str], float]]:
    return {
        sample.name: (family.type, sample.labels, sample.value)
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_the_names_types_labels_and_values_are_those_of_prometheus_client() -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    made = SelfMetrics()
    made()
    theirs, ours = told(generate_latest(registry)), told(made())
    ours.pop("hale_exporter_build_info")
    assert {name: one[:2] for name, one in ours.items()} == {
        name: one[:2] for name, one in theirs.items()
    }
    for name in theirs.keys() - MOVING:
        # Theirs counts the descriptor by which it counts; and both processes' ticks go on.
        assert ours[name][2] == pytest.approx(theirs[name][2], abs=2), name


def test_the_fields_are_those_of_proc_5_whatever_the_process_is_called() -> None:
    assert parse(STAT) == Process((14 + 15) / 100, 22 / 100, 23, 24 * 4096)


def test_open_descriptors_are_counted(tmp_path: Path) -> None:
    before = count_open()
    with (tmp_path / "file").open("w"):
        assert count_open() == before + 1


def test_a_folder_whose_size_does_not_tell_is_listed() -> None:
    """As all of /proc on older kernels; the listing's own descriptor is taken off."""
    folder = Path("/proc/self/task")
    assert folder.stat().st_size == 0
    assert count_open(folder) == len(list(folder.iterdir())) - 1


@pytest.mark.parametrize("data", [b"", b"7 (x) S 1\n", STAT.replace(b" 15 ", b" x "), b"\xff\0"])
def test_a_process_that_cannot_be_right_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="self/stat"):
        parse(data)


@given(data=st.binary(max_size=200))
def test_no_bytes_whatever_bring_out_another_error(data: bytes) -> None:
    for text in (data, b"7 (x) " + data):
        try:
            parse(text)
        except Malformed:
            pass


def test_without_proc_the_version_is_told_all_the_same(tmp_path: Path) -> None:
    body = SelfMetrics(tmp_path)()
    assert b"hale_exporter_build_info" in body
    assert b"process_" not in body
