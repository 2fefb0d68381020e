"""Programs run with limits on time and output."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gate import strays
from gate.process import NotStarted, Ran, run
from tests.gate import unkillable
from tests.gate.real import PATIENCE, ROOT

SOON, LATE = 0.2, 30.0
PR_GET_CHILD_SUBREAPER = 37  # prctl(2)


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_output_and_status_come_back() -> None:
    ran = run(python("import sys; print('one'); print('two', file=sys.stderr); sys.exit(3)"), LATE)
    assert (ran.code, ran.cut) == (3, False)
    assert ran.last_line in ("one", "two")


def test_only_the_end_of_endless_output_is_kept() -> None:
    ran = run(python("print('x' * 300000); print('the end')"), LATE, keep=1000)
    assert (ran.code, ran.cut, len(ran.output), ran.last_line) == (0, True, 1000, "the end")


def test_time_is_up_for_a_program_that_waits() -> None:
    assert run(("/bin/sleep", "60"), SOON).code is None


def test_time_is_up_for_a_program_that_writes_for_ever() -> None:
    assert run(("/usr/bin/yes",), SOON).code is None


def test_a_child_in_the_background_does_not_keep_us_waiting() -> None:
    ran = run(("/bin/sh", "-c", "sleep 60 & echo started"), LATE)
    assert (ran.code, ran.last_line) == (0, "started")


@pytest.mark.parametrize(("ends", "code"), [("exit 0", 0), ("sleep 60", None)])
def test_a_child_in_a_session_of_its_own_does_not_outlive_the_program(
    tmp_path: Path, ends: str, code: int | None
) -> None:
    stray = "(setsid sh -c 'setsid sleep 60 & echo $$ $! >pids; wait' & exit 0)"
    begun = "until [ -s pids ]; do sleep 0.01; done"
    ran = run(
        ("/bin/sh", "-c", f"cd {tmp_path}; {stray}; {begun}; {ends}"), LATE if code == 0 else 1.0
    )
    assert ran.code == code
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 2
    assert not [pid for pid in pids if Path("/proc", pid).exists()]


def test_a_program_that_closes_its_output_is_waited_for() -> None:
    code = "import os, time; os.close(1); os.close(2); time.sleep(0.1); os._exit(5)"
    assert run(python(code), LATE).code == 5


def test_a_signal_is_told_apart_from_a_status() -> None:
    assert run(("/bin/sh", "-c", "kill -9 $$"), LATE).code == -9


def test_silence_is_said() -> None:
    assert run(("/bin/true",), LATE).last_line == "no output"


def test_no_time_left_is_no_time() -> None:
    assert run(("/bin/sleep", "60"), 0.0).code is None


def test_nothing_is_inherited_but_the_path() -> None:
    assert b"PYTEST" not in run(("/usr/bin/env",), LATE).output


@pytest.mark.parametrize("argv", [("/nonexistent",), ("/etc/passwd",), ("/bin/tr\0ue",)])
def test_what_cannot_be_started_says_so_and_leaves_orphans_to_init(argv: tuple[str, ...]) -> None:
    with pytest.raises(NotStarted):
        run(argv, LATE)
    assert not takes_orphans()


def takes_orphans() -> bool:
    """Whether this process gets the orphans of what it started, in place of init."""
    said = ctypes.c_int()
    assert ctypes.CDLL(None).prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(said), 0, 0, 0) == 0
    return bool(said.value)


def test_an_error_with_what_a_program_left_behind_is_none_of_the_programs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wait_and_fail(pid: int, _until: float) -> None:
        os.waitpid(pid, 0)
        raise OSError("too many open files")

    monkeypatch.setattr(strays, "_reap", wait_and_fail)
    ran = run(("/bin/sh", "-c", "(setsid sleep 60 & exit 0); echo done"), LATE)
    assert (ran.code, ran.last_line) == (0, "done")
    assert not takes_orphans()


def test_a_program_that_cannot_be_killed_is_left_alone(tmp_path: Path) -> None:
    """Whoever waited for it would hold the run lock until the disk comes back."""
    left_alone = Ran(None, b"started\n")
    done = subprocess.run(
        [sys.executable, "-m", unkillable.__name__, str(tmp_path / "started")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode == unkillable.NO_NAMESPACES:
        pytest.skip("this kernel lets us make no PID namespace")
    assert done.stdout.strip() == f"{left_alone} [0]"
