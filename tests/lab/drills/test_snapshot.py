"""Snapshots: what counts as a change, and the probe on this very machine's Python."""

from pathlib import Path

import pytest

from lab.drills.observation import Difference
from lab.drills.snapshot import Snapshot, differences, take
from lab.ports import Completed, LabError
from tests.lab.drills.fakes import FakeLab

BEFORE = Snapshot(
    "web1",
    {"/etc/hosts": "aa", "/data/x.log": "bb"},
    {"nginx.service": "active i1", "run-u1.service": "active i2"},
    ("host0 10.77.0.11/24",),
)


def changed(**parts: object) -> tuple[Difference, ...]:
    fields = {name: getattr(BEFORE, name) for name in ("node", "files", "units", "addresses")}
    return differences([BEFORE], [Snapshot(**(fields | parts))])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"files": {"/etc/hosts": "aa", "/data/x.log": "cc"}}, [], id="a log file"),
        pytest.param({"units": {"nginx.service": "active i1"}}, [], id="the lab's own unit ended"),
        pytest.param(
            {
                "units": {
                    "nginx.service": "active i1",
                    "run-u1.service": "x",
                    "oomd.service": "inactive ",
                }
            },
            [],
            id="a unit that never ran was mentioned",
        ),
        pytest.param(
            {"units": {"nginx.service": "inactive i1"}},
            ["nginx.service (active i1 -> inactive i1)"],
            id="a unit stopped",
        ),
        pytest.param(
            {"files": {"/etc/hosts": "zz", "/data/x.log": "bb"}},
            ["/etc/hosts (aa -> zz)"],
            id="a file",
        ),
        pytest.param(
            {"files": {"/data/x.log": "bb"}}, ["/etc/hosts (aa -> not there)"], id="a file is gone"
        ),
        pytest.param(
            {"units": {"nginx.service": "active i9"}},
            ["nginx.service (active i1 -> active i9)"],
            id="a restart",
        ),
        pytest.param({"addresses": ()}, ["host0 10.77.0.11/24"], id="an address"),
    ],
)
def test_what_counts_as_a_change(parts: dict[str, object], found: list[str]) -> None:
    """Everything but logs and what comes and goes by itself."""
    assert [difference.what for difference in changed(**parts)] == found


def test_a_node_that_cannot_be_looked_at_is_an_error(tmp_path: Path) -> None:
    """No snapshot is not the same as no change."""
    lab = FakeLab(tmp_path)
    lab.wrong["python3"] = Completed(1, "", "no space left")
    with pytest.raises(LabError, match="web1: no snapshot: no space left"):
        take(lab, ["web1"])
