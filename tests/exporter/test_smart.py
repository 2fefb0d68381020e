"""SMART: what disks of every kind say, and what a round over them makes of those that sleep, hang or refuse.

fixtures/smart has captured answers of smartctl_exporter's testdata (Apache-2.0), file for file;
ata-logs.json is written by the format of smartmontools' ataprint.cpp, for logs that nobody captured.
"""

import asyncio
import fcntl
import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from exporter import smart, smart_document, spool
from exporter.collector import Absent, Malformed
from exporter.collectors.smartctl import Smartctl
from exporter.gathered import written
from exporter.privileged.asking import LOCKED
from exporter.privileged.smart import ASLEEP, Device, Round, device
from exporter.programs import Ended, Programs
from exporter.spool import OLD, Answer, Outcome
from tests.exporter.fakes import still_clock
from tests.exporter.golden import same_as_golden

CAPTURED = Path(__file__).parent / "fixtures/smart"
SDA, BUS = Device("/dev/sda", "sat"), Device("/dev/bus/0", "megaraid,3")


def said(name: str) -> str:
    return (CAPTURED / f"{name}.json").read_text()


class Disks:
    """A smartctl with disks of which each answers as the test says; a time-out is an exception."""

    def __init__(self, **disks: Ended | Exception) -> None:
        self.disks = disks
        self.asked: list[tuple[str, ...]] = []
        self.refused: dict[str, str] = {}
        self.scanned: list[Device] = [SDA]

    async def run(self, argv: Sequence[str], deadline: float, about: str = "") -> Ended:
        self.asked.append(tuple(argv))
        if argv[0] == "smartctl":
            return Ended(
                0,
                json.dumps(
                    {"devices": [self._listed(argv[2], one) for one in self.scanned]}
                ).encode(),
                b"",
            )
        answer = self.disks[about]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _listed(self, how: str, disk: Device) -> dict[str, str]:
        listed = {"name": disk.path, "type": disk.type}
        if how == "--scan-open" and disk.path in self.refused:
            listed["open_error"] = self.refused[disk.path]
        return listed

    def opened(self) -> int:
        return sum("--scan-open" in argv for argv in self.asked)


def ended(name: str, status: int = 0) -> Ended:
    return Ended(status, said(name).encode(), b"")


def asleep(mode: str) -> Ended:
    """What smartctl 7.3 writes of a disk in a low-power mode."""
    message = {"string": f"Device is in {mode} mode, exit({ASLEEP})", "severity": "information"}
    return Ended(ASLEEP, json.dumps({"smartctl": {"messages": [message]}}).encode(), b"")


async def round_of(disks: Disks, folder: Path, *more: Device) -> None:
    await Round(folder, disks.run, still_clock()).all(more)


def shown(folder: Path, now: float = 0.0) -> str:
    return Smartctl(folder, lambda: now).collect().decode()


@pytest.mark.parametrize("name", sorted(path.stem for path in CAPTURED.glob("*.json")))
async def test_captured_disks(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    disks = Disks(sda=ended(name))
    await round_of(disks, tmp_path)
    same_as_golden(request, f"smartctl-{name}", shown(tmp_path).encode())


def test_a_sas_disk_behind_a_controller_says_what_it_says_without_one() -> None:
    """smartctl_exporter leaves all that out, since the type is then no longer `scsi`."""
    plain = smart_document.parse(said("sas"))
    behind = smart_document.parse(said("sas").replace('"type": "scsi"', '"type": "megaraid,3"'))
    differ = written(smart.samples(plain, "d")).replace(b'"scsi"', b'"megaraid,3"')
    assert written(smart.samples(behind, "d")) == differ
    assert b"smartctl_scsi_grown_defect_list" in differ


def test_devices_are_called_as_smartctl_exporter_calls_them() -> None:
    assert smart.label("/dev/sda", "sat") == "sda"
    assert smart.label("/dev/bus/0", "sat+megaraid,3") == "bus_0_sat+megaraid_3"
    assert smart.label("/dev/disk/by-id/wwn-0x5", "auto") == "wwn-0x5"


@pytest.mark.parametrize(
    "text", ["", "no", "[]", "null", "[" * 100_000, '{"a": ' + "9" * 5000 + "}"]
)
def test_what_is_no_document_is_malformed(text: str) -> None:
    with pytest.raises(Malformed, match="smartctl"):
        smart_document.parse(text)


def test_a_document_with_nothing_of_the_right_kind_is_no_mistake() -> None:
    odd = {
        "device": [], "smart_status": 3, "temperature": [1], "ata_smart_attributes": {"table": 7},
        "ata_device_statistics": {"pages": [1, {"table": [None]}]}, "power_on_time": "long",
        "smartctl": {"version": "7"}, "user_capacity": {"bytes": {}}, "ata_smart_error_log": {"x": 1},
    }  # fmt: skip
    document = smart_document.parse(json.dumps(odd))
    assert list(smart.version(document)) == []
    assert b'smartctl_device_smart_status{device="sda"} 0' in written(
        smart.samples(document, "sda")
    )


def test_the_line_that_an_old_smartctl_writes_before_its_document_is_passed_over() -> None:
    assert (
        smart_document.parse(smart_document.STRAY + '{"model_name": "x"}').at("model_name").text()
        == "x"
    )


async def test_a_disk_that_sleeps_is_not_woken_and_keeps_its_last_answer(tmp_path: Path) -> None:
    disks = Disks(sda=ended("sata"))
    await round_of(disks, tmp_path)
    disks.disks["sda"] = asleep("STANDBY")
    await round_of(disks, tmp_path)
    assert f"--nocheck=standby,{ASLEEP}" in disks.asked[-1]
    assert disks.opened() == 1  # opening could wake it, and no other disk came
    sleeping = spool.read(tmp_path / "sda.json")
    spool.write(tmp_path, Answer(**{**fields(sleeping), "answered": -OLD - 1}))
    body = shown(tmp_path)
    assert 'hale_smart_outcome{device="sda",outcome="standby"} 1' in body
    assert 'smartctl_device_smart_status{device="sda"} 1' in body


async def test_a_disk_that_does_not_even_say_whether_it_sleeps_has_failed(tmp_path: Path) -> None:
    """smartctl 7.3 of /dev/null: it takes no answer for the deepest sleep, from which only a reset wakes a disk."""
    disks = Disks(sda=asleep("SLEEP"))
    await round_of(disks, tmp_path)
    assert 'hale_smart_outcome{device="sda",outcome="failed"} 1' in shown(tmp_path)


async def test_another_disk_has_the_list_opened_again(tmp_path: Path) -> None:
    disks = Disks(sda=ended("sata"), nvme0=ended("nvme"))
    await round_of(disks, tmp_path)
    disks.scanned = [SDA, Device("/dev/nvme0", "nvme")]
    await round_of(disks, tmp_path)
    assert disks.opened() == 2
    assert "smartctl_devices 2" in shown(tmp_path)


async def test_a_disk_that_does_not_answer_costs_only_itself(tmp_path: Path) -> None:
    disks = Disks(sda=TimeoutError("has not ended"), nvme0=ended("nvme"))
    disks.scanned = [SDA, Device("/dev/nvme0", "nvme")]
    await round_of(disks, tmp_path)
    body = shown(tmp_path)
    assert 'hale_smart_outcome{device="sda",outcome="timed_out"} 1' in body
    assert 'smartctl_device_smart_status{device="nvme0"} 1' in body
    assert 'smartctl_device_smart_status{device="sda"}' not in body


async def test_a_disk_at_which_an_earlier_smartctl_hangs_is_not_asked_again(tmp_path: Path) -> None:
    disks = Disks(sda=Ended(LOCKED, b"", b""))
    await round_of(disks, tmp_path)
    assert 'outcome="timed_out"} 1' in shown(tmp_path)


async def test_without_rights_it_says_why(tmp_path: Path) -> None:
    refused = json.dumps({"smartctl": {"messages": [{"string": "Permission denied"}]}})
    disks = Disks(sda=Ended(2, refused.encode(), b""))
    await round_of(disks, tmp_path)
    assert spool.read(tmp_path / "sda.json").reason == "Permission denied"
    assert 'hale_smart_outcome{device="sda",outcome="failed"} 1' in shown(tmp_path)


async def test_the_disks_of_a_controller_are_asked_and_its_volume_is_not(tmp_path: Path) -> None:
    disks = Disks(bus_0_megaraid_3=ended("sas"))
    disks.scanned = [SDA, BUS]
    disks.refused["/dev/sda"] = "DELL or MegaRaid controller, please try adding '-d megaraid,N'"
    await round_of(disks, tmp_path)
    assert disks.asked[-1][-2:] == ("--device=megaraid,3", "/dev/bus/0")
    assert "smartctl_devices 1" in shown(tmp_path)


async def test_a_disk_that_no_look_finds_may_be_named(tmp_path: Path) -> None:
    disks = Disks(sda=ended("sata"), sg1_cciss_0=ended("sas"))
    await round_of(disks, tmp_path, device("/dev/sg1;cciss,0"))
    assert 'smartctl_scsi_grown_defect_list{device="sg1_cciss_0"}' in shown(tmp_path)
    for wrong in ("sda", "/dev/sda;-x", "/etc/passwd"):
        with pytest.raises(ValueError, match="wanted /dev/NAME;TYPE"):
            device(wrong)


async def test_a_disk_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    disks = Disks(sda=ended("sata"))
    await round_of(disks, tmp_path)
    disks.scanned = []
    await round_of(disks, tmp_path)
    with pytest.raises(Absent, match="no disk"):
        shown(tmp_path)


async def test_no_smartctl_is_no_disk_and_a_look_that_fails_is_a_failure(tmp_path: Path) -> None:
    async def nowhere(argv: Sequence[str], deadline: float, about: str = "") -> Ended:
        raise Absent("smartctl: no such program")

    await Round(tmp_path, nowhere, still_clock()).all()
    with pytest.raises(Absent, match="install smartmontools"):
        shown(tmp_path)

    async def nonsense(argv: Sequence[str], deadline: float, about: str = "") -> Ended:
        return Ended(1, b"usage", b"")

    await Round(tmp_path, nonsense, still_clock()).all()
    with pytest.raises(Malformed, match="could not be looked for"):
        shown(tmp_path)


async def test_old_answers_are_not_shown(tmp_path: Path) -> None:
    disks = Disks(sda=ended("sata"))
    await round_of(disks, tmp_path)
    disks.disks["sda"] = TimeoutError("has not ended")
    before = spool.read(tmp_path / "sda.json")
    spool.write(tmp_path, Answer(**{**fields(before), "answered": -OLD - 1}))
    assert "smartctl_device_smart_status" not in shown(tmp_path)
    with pytest.raises(Malformed, match="has not run for long"):
        shown(tmp_path, now=OLD + 1)


def fields(answer: Answer) -> dict[str, object]:
    return {name: getattr(answer, name) for name in Answer.__dataclass_fields__}


def test_where_the_helper_does_not_run_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(Absent, match=r"hale-smart\.timer is not enabled"):
        shown(tmp_path / "nowhere")


async def test_only_what_is_new_is_taken_apart(tmp_path: Path) -> None:
    disks = Disks(sda=ended("sata"))
    await round_of(disks, tmp_path)
    collector = Smartctl(tmp_path, lambda: 0.0)
    assert collector.collect() is collector.collect()
    await round_of(disks, tmp_path)
    assert collector.collect() == shown(tmp_path).encode()


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"v":1,"device":"x"}', b'{"v": 2}']
)
def test_a_file_that_is_no_answer_is_malformed(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "sda.json").write_bytes(data)
    with pytest.raises(Malformed):
        shown(tmp_path)


async def test_a_smartctl_that_never_ends_is_left_and_its_lock_tells_the_next_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With flock(1) and a program of its own: the one thing that only real processes show."""
    tools = tmp_path / "bin"
    tools.mkdir()
    program = tools / "smartctl"
    listed = json.dumps({"devices": [{"name": "/dev/sda", "type": "sat"}]})
    program.write_text(
        f"#!/bin/sh\ncase $2 in --scan*) echo '{listed}'; exit;; esac\nexec sleep 600\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setattr("exporter.privileged.smart.DEADLINE", 0.3)
    await Round(tmp_path, Programs().run, still_clock()).all()
    assert spool.read(tmp_path / "sda.json").outcome is Outcome.TIMED_OUT
    # As after a restart of the helper: a smartctl that nothing could kill has the lock.
    stuck = await asyncio.create_subprocess_exec(
        "flock", "--no-fork", str(tmp_path / ".sda.json.lock"), "sleep", "600"
    )
    try:
        await _until_locked(tmp_path / ".sda.json.lock")
        await Round(tmp_path, Programs().run, still_clock()).all()
        assert "still hangs" in spool.read(tmp_path / "sda.json").reason
    finally:
        stuck.kill()
        await stuck.wait()


async def _until_locked(lock: Path) -> None:
    while True:
        with lock.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
        await asyncio.sleep(0.01)
