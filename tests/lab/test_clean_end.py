"""However a lab ends, the machine afterwards is the machine before."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import life, scenario
from lab.names import Place
from lab.ports import LabError
from tests.lab.conftest import BARE, PLACE, picture

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("able")]

UP = [sys.executable, "-c", "import sys; from lab.cli import main; sys.exit(main())",
      "--id", PLACE.id, "up", str(BARE)]  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_is_left():
    before = picture()
    yield
    life.down(PLACE)
    assert picture() == before


def started() -> "subprocess.Popen[bytes]":
    # Whoever runs these tests under nohup ignores SIGHUP, and hands that down.
    hears = ["env", "--default-signal=HUP,INT,TERM"]
    return subprocess.Popen([*hears, *UP], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "the lab did not come as far as that"
        time.sleep(0.005)


def up():
    return life.up(PLACE, scenario.load(BARE), Path("dist"))


HALF_WAY = {
    "locked": lambda: PLACE.lock.exists(),
    "network made": lambda: PLACE.namespace.exists(),
    "disks mounted": lambda: PLACE.disks.is_mount(),
    "first node laid out": lambda: (PLACE.node("one") / "root").is_mount(),
    "second node on": lambda: (PLACE.node("two") / "nspawn.pid").exists(),
}


@pytest.mark.parametrize("point", HALF_WAY)
def test_killed_half_way_and_taken_down_nothing_is_left(point):
    command = started()
    wait_until(HALF_WAY[point])
    command.kill()
    command.communicate()
    life.down(PLACE)
    assert not PLACE.directory.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("point", ["network made", "second node on"])
def test_interrupted_half_way_it_takes_everything_back_itself(point, number):
    before = picture()
    command = started()
    wait_until(HALF_WAY[point])
    command.send_signal(number)
    _, said = command.communicate(timeout=30)
    assert command.returncode == 130, said
    assert picture() == before


def test_two_interrupts_are_no_quicker_way_out():
    command = started()
    wait_until(HALF_WAY["second node on"])
    for _ in range(3):
        command.send_signal(signal.SIGINT)
        time.sleep(0.02)
    command.communicate(timeout=30)
    assert not PLACE.directory.exists()


def test_down_twice_and_down_of_nothing_do_nothing():
    life.down(PLACE)
    up()
    life.down(PLACE)
    life.down(PLACE)


def test_down_after_a_power_cut():
    up()
    with life.attached(PLACE) as lab:
        lab.power_off("one")
    life.down(PLACE)


def test_down_of_a_frozen_node():
    up()
    with life.attached(PLACE) as lab:
        lab.freeze("one")
    life.down(PLACE)


def test_down_takes_along_what_runs_on_the_lab_host():
    up()
    with life.attached(PLACE) as lab:
        process = lab.spawn_host(["sleep", "1000"], lab.directory / "log")
    life.down(PLACE)
    assert not process.running()


def test_down_while_up_works_is_refused_and_says_who_is_at_it():
    command = started()
    wait_until(HALF_WAY["network made"])
    with pytest.raises(LabError, match=rf"up bare \(process {command.pid}\)"):
        life.down(PLACE)
    command.communicate(timeout=60)


def test_up_twice_is_refused_and_the_first_goes_on():
    lab = up()
    with pytest.raises(LabError, match="up already"):
        up()
    assert lab.is_up("one")


def test_a_node_that_cannot_boot_takes_the_lab_back_and_shows_its_console(tmp_path):
    home = tmp_path / "broken"
    (home / "files/one/usr/sbin").mkdir(parents=True)
    (home / "files/one/usr/sbin/lab-init").write_text("#!/bin/sh\necho it will not boot\nexit 3\n")
    (home / "files/one/usr/sbin/lab-init").chmod(0o755)
    for name in ("cluster.yml", "lab.yml"):
        (home / name).write_text((BARE / name).read_text())
    with pytest.raises(LabError, match=r"(?s)one: ended while it booted: .*it will not boot"):
        life.up(PLACE, scenario.load(home), Path("dist"))
    assert not PLACE.directory.exists()


def test_two_labs_of_one_machine_do_not_meet():
    other = Place(id="other")
    up()
    try:
        life.up(other, scenario.load(BARE), Path("dist"))
        with life.attached(PLACE) as lab:
            lab.power_off("two")
        with life.attached(other) as lab:
            assert lab.is_up("two")
        life.down(PLACE)
        with life.attached(other) as lab:
            assert lab.exec("one", ["true"]).code == 0
    finally:
        life.down(other)


def test_a_visit_ends_the_lab_that_it_started():
    with life.visited(PLACE, scenario.load(BARE), Path("dist")) as lab:
        assert lab.is_up("one")
    assert not PLACE.directory.exists()


def test_a_visit_leaves_a_lab_that_was_up():
    up()
    with life.visited(PLACE, scenario.load(BARE), Path("dist")) as lab:
        assert lab.is_up("one")
    assert PLACE.record.exists()
