"""What names Hale's layer, and what it refuses to be made from."""

import pytest

from lab import layer
from lab.ports import LabError


@pytest.fixture
def dist(tmp_path):
    (tmp_path / "wheelhouse").mkdir()
    (tmp_path / "wheelhouse/hale_ha-1-py3-none-any.whl").write_bytes(b"hale")
    (tmp_path / "wheelhouse/aiohttp-3-py3-none-any.whl").write_bytes(b"aiohttp")
    (tmp_path / "wheelhouse/requirements.txt").write_bytes(b"aiohttp==3")
    (tmp_path / "hale-gate.pyz").write_bytes(b"gate")
    (tmp_path / "hale-backup.pyz").write_bytes(b"backup")
    (tmp_path / "install.sh").write_bytes(b"#!/bin/sh")
    return tmp_path


def test_the_same_files_are_the_same_layer(dist):
    assert layer.distribution(dist).digest("b") == layer.distribution(dist).digest("b")


@pytest.mark.parametrize(
    "file",
    [
        "wheelhouse/hale_ha-1-py3-none-any.whl",
        "wheelhouse/requirements.txt",
        "hale-gate.pyz",
        "hale-backup.pyz",
        "install.sh",
    ],
)
def test_another_content_is_another_layer(dist, file):
    before = layer.distribution(dist).digest("b")
    (dist / file).write_bytes(b"changed")
    assert layer.distribution(dist).digest("b") != before


def test_another_image_below_is_another_layer(dist):
    hale = layer.distribution(dist)
    assert hale.digest("b") != hale.digest("c")


@pytest.mark.parametrize(
    "file",
    [
        "wheelhouse/hale_ha-1-py3-none-any.whl",
        "wheelhouse/requirements.txt",
        "hale-gate.pyz",
        "hale-backup.pyz",
        "install.sh",
    ],
)
def test_something_missing_says_to_run_make_dist(dist, file):
    (dist / file).unlink()
    with pytest.raises(LabError, match="make dist"):
        layer.distribution(dist)


def test_two_versions_of_hale_are_refused(dist):
    (dist / "wheelhouse/hale_ha-2-py3-none-any.whl").write_bytes(b"newer")
    with pytest.raises(LabError, match="there are 2"):
        layer.distribution(dist)


def test_a_directory_that_is_not_there_is_no_traceback(tmp_path):
    with pytest.raises(LabError, match="make dist"):
        layer.distribution(tmp_path / "dist")
