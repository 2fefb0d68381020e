"""What install.sh refuses, and that it says why. That it installs is shown by every lab, whose nodes it makes."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_contract import ROOT

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.fixture
def script() -> Iterator[Path]:
    """A copy alone in a folder that everybody may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(shutil.copy(ROOT / "install.sh", folder))


def refusal(*argv: str | Path) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def test_where_make_dist_has_made_nothing_it_says_what_is_missing(script: Path) -> None:
    said = refusal(script)
    assert said.startswith(
        f"install.sh: {script.parent}: wanted hale-gate.pyz, hale-backup.pyz and wheelhouse/"
    )
    assert "make dist" in said


def test_a_user_is_told_that_it_takes_root(script: Path) -> None:
    assert refusal(*NOBODY, script) == "install.sh: wanted root: it writes /opt, /usr and /etc\n"
