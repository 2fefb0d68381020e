"""A node that reboots is started again; a node that ends any other way stays off."""

import sys
from pathlib import Path

import pytest

from lab.keeper import REBOOT, keep

CONTAINER = """
import pathlib, sys
boots = pathlib.Path(sys.argv[1])
count = len(boots.read_text()) if boots.exists() else 0
boots.write_text("x" * (count + 1))
codes = [int(code) for code in sys.argv[2:]]
sys.exit(codes[count])
"""


def run(tmp_path: Path, *codes: int) -> tuple[int, int]:
    boots = tmp_path / "boots"
    argv = [sys.executable, "-c", CONTAINER, str(boots), *map(str, codes)]
    code = keep([], tmp_path / "pid", argv)
    return code, len(boots.read_text())


def test_a_reboot_starts_it_again(tmp_path):
    assert run(tmp_path, REBOOT, REBOOT, 0) == (0, 3)


@pytest.mark.parametrize("code", [0, 1, 255])
def test_any_other_end_is_the_end(tmp_path, code):
    assert run(tmp_path, code) == (code, 1)


def test_its_pid_file_is_gone_when_it_is_off(tmp_path):
    run(tmp_path, 0)
    assert not (tmp_path / "pid").exists()


def test_it_is_in_its_control_group_before_it_runs(tmp_path):
    group = tmp_path / "group"
    group.mkdir()
    read = f"import os, sys; sys.exit(open('{group}/cgroup.procs').read() != str(os.getpid()))"
    assert keep([group], tmp_path / "pid", [sys.executable, "-c", read]) == 0
