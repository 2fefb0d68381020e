"""What a drill damages is kept, and what has to come back is held to it with every byte."""

import subprocess
from pathlib import Path

import pytest

from lab import faults
from lab.faults import originals
from lab.ports import LabError
from tests.lab.drills.fakes import FakeLab


@pytest.fixture
def lab(tmp_path: Path) -> FakeLab:
    return FakeLab(tmp_path)


@pytest.mark.parametrize("kind", ["files.delete", "files.rot"])
def test_how_files_have_to_return_is_a_known_word(lab: FakeLab, kind: str) -> None:
    with pytest.raises(LabError, match=r"returns: unknown word 'half'\. Known: whole"):
        faults.inject(lab, "web1", kind, {"path": "/data/site", "returns": "half"})
    assert lab.diary == []


def test_what_has_to_return_whole_is_compared_and_put_back_all_the_same(tmp_path: Path) -> None:
    path, kept = tmp_path / "site", tmp_path / "kept"
    for folder, text in ((path, "new"), (kept, "old")):
        folder.mkdir()
        (folder / "page").write_text(text)

    def shell(text: str) -> subprocess.CompletedProcess[str]:
        argv = ["/bin/sh", "-ec", text, "sh", str(path), str(kept), str(tmp_path)]
        return subprocess.run(argv, capture_output=True, text=True, check=False)

    differs = shell(originals.SAME)
    assert differs.returncode != 0
    assert f"{kept}/page and {path}/page differ" in differs.stderr
    assert shell(originals.BACK).returncode == 0
    assert (path / "page").read_text() == "old"
    assert shell(originals.SAME).returncode == 0
