"""What several tests of the exporter stand on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exporter.hanging import HungMounts, hung_mounts, skip_without_fuse
from tests.exporter.written import Written


@pytest.fixture
def filer(tmp_path: Path) -> Iterator[HungMounts]:
    """One file system that hangs."""
    skip_without_fuse()
    with hung_mounts(tmp_path, 1) as made:
        yield made


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """A journal that a test writes."""
    return Written(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for reports of backups, which nobody else may write in."""
    (tmp_path / "reports").mkdir(mode=0o755)
    return tmp_path / "reports"
