"""What CI calls can be made to its end: a target that is missing is told here, and not after ten minutes."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LAB = ' -m "lab and not seldom" '


def plan(*targets: str) -> str:
    """What `make` would run for `targets`, with the makes that these call. It runs nothing else."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    asked = subprocess.run(
        ["make", "-n", *targets], cwd=ROOT, env=outside, capture_output=True, text=True, check=False
    )
    assert asked.returncode == 0, asked.stderr
    return asked.stdout


@pytest.mark.parametrize("target", ["check", "test", "drills", "demo", "soak", "bench"])
def test_what_a_target_calls_exists(target: str) -> None:
    plan(target)


def test_every_lab_test_is_played_once() -> None:
    ran = [line.split(LAB, 1)[1].split() for line in plan("test").splitlines() if LAB in line]
    named = [
        word for line in ran if "tests" not in line for word in line if word.startswith("tests/")
    ]
    (rest,) = [line for line in ran if "tests" in line]
    assert sorted(
        word.removeprefix("--ignore=") for word in rest if word.startswith("--ignore=")
    ) == sorted(named)
    assert len(named) == len(set(named))
    assert all((ROOT / name).exists() for name in named)
