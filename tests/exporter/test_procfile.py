"""Files that stay open between scrapes."""

import os
from pathlib import Path

import pytest

from exporter.collector import Absent, Malformed
from exporter.procfile import CHUNK, MOST_BYTES, ProcFile


def test_what_does_not_come_in_one_read_is_read_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "dev"
    path.write_bytes(os.urandom(3 * CHUNK + 17))
    assert ProcFile(path).read() == path.read_bytes()


def test_a_kept_file_is_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "loadavg"
    path.write_bytes(b"one")
    file = ProcFile(path)
    assert file.read() == b"one"
    with path.open("r+b") as same:  # the same inode, as /proc answers under one open file
        same.write(b"two")
    assert file.read() == b"two"
    file.close()


def test_a_file_that_nobody_keeps_any_more_leaves_no_descriptor_open(tmp_path: Path) -> None:
    path = tmp_path / "loadavg"
    path.write_bytes(b"one")
    file = ProcFile(path)
    file.read()
    assert _opened(path) == 1
    del file
    assert _opened(path) == 0


def _opened(path: Path) -> int:
    links = list(Path("/proc/self/fd").iterdir())
    return sum(link.readlink() == path for link in links if link.is_symlink())


def test_a_file_that_does_not_exist_is_absent_until_it_does(tmp_path: Path) -> None:
    file = ProcFile(tmp_path / "later")
    with pytest.raises(Absent, match="later"):
        file.read()
    (tmp_path / "later").write_bytes(b"here")
    assert file.read() == b"here"


def test_after_an_error_the_file_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "thing"
    path.mkdir()
    file = ProcFile(path)
    with pytest.raises(IsADirectoryError):
        file.read()
    path.rmdir()
    path.write_bytes(b"now a file")
    assert file.read() == b"now a file"


def test_the_kernels_own_files_can_be_read_again_and_again() -> None:
    file = ProcFile(Path("/proc/stat"))
    assert all(file.read().startswith(b"cpu ") for _ in range(3))
    file.close()


def test_a_file_without_an_end_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "interrupts"
    with path.open("wb") as sparse:
        sparse.truncate(2 * MOST_BYTES)
    with pytest.raises(Malformed, match=r"interrupts: more than"):
        ProcFile(path).read()
