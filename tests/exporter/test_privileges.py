"""What rights the collectors need, as their pages say it: tried as a user who has none, and held against the units."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.settings import COLLECTORS

ROOT = Path(__file__).parents[2]
PATIENCE = 20.0
NOBODY = "65534"
UNITS = sorted((ROOT / "exporter/systemd").glob("*.service"))
OWN = ROOT / "exporter/systemd/hale-exporter.service"


def page(name: str) -> str:
    return (ROOT / f"docs/collectors/{name}.md").read_text()


def privileges(name: str) -> str:
    """The row of a collector's page that says what rights it takes."""
    return re.findall(r"^\| privileges \| (.+) \|$", page(name), re.M)[0]


def of_unit(unit: Path, key: str) -> set[str]:
    """The words of a setting."""
    found = re.findall(rf"^{key}=(.*)$", unit.read_text(), re.M)
    return set(" ".join(found).split())


def test_the_exporter_itself_has_no_capability() -> None:
    assert of_unit(OWN, "User") == {"hale-exporter"}
    for key in ("CapabilityBoundingSet", "AmbientCapabilities"):
        assert f"{key}=\n" in OWN.read_text()
        assert not of_unit(OWN, key)


def test_a_helper_has_no_capability_that_no_page_asks_for() -> None:
    named = {one for name in COLLECTORS for one in re.findall(r"CAP_\w+", privileges(name))}
    had = {one for unit in UNITS for one in of_unit(unit, "CapabilityBoundingSet")}
    assert had <= named


def test_each_group_that_a_page_names_is_the_units_and_the_other_way_round() -> None:
    named = {one for name in COLLECTORS for one in re.findall(r"group ([\w-]+)", privileges(name))}
    assert named == of_unit(OWN, "SupplementaryGroups")


# Every collector, the optional ones too, once: `state NAME STATE`, those in the background after their first run.
STATES = """
import asyncio, os, sys
from exporter.assembly import build
from exporter.clock import Clock
from exporter.collector import State
from exporter.config import Config
from exporter.settings import COLLECTORS, Settings
from exporter.vrrp import KeepalivedOnBus

async def ended(one):
    # Not settled() alone: that is when something is shown, perhaps before all of it.
    await one.settled()
    while one.latest().duration_seconds is None and one.latest().state is State.TIMED_OUT:
        await asyncio.sleep(0.01)

async def main():
    made = build(Settings(enabled=frozenset(COLLECTORS)), Config(), Clock(), None, KeepalivedOnBus())
    tasks = [asyncio.create_task(one.run()) for one in made.background]
    await asyncio.wait([asyncio.create_task(ended(one)) for one in made.background], timeout=10)
    made.scraper.scrape()
    for name, latest in made.scraper.overview():
        print("state", name, latest.state.value, flush=True)
    os._exit(0)

asyncio.run(main())
"""


def states(*before: str) -> dict[str, str]:
    """How each collector fares, run by `before`."""
    argv = [*before, sys.executable, "-B", "-c", STATES]
    path = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"}  # systemd's
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=PATIENCE, cwd=ROOT, env=path, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(re.findall(r"^state (\S+) (\w+)$", done.stdout, re.M))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody who is not")
def test_a_collector_that_needs_no_right_tells_nobody_what_it_tells_root() -> None:
    """`nobody` without groups and capabilities, as the unit's user has them."""
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv")
    drop = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    none = (*drop, "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
    if subprocess.run([*none, sys.executable, "-c", ""], check=False, cwd=ROOT).returncode:
        pytest.skip("this checkout is closed to others")
    root, nobody = states(), states(*none)
    # One that has no answer yet tells nothing, whoever asks.
    known = [name for name in COLLECTORS if "timed_out" not in (root[name], nobody[name])]
    other = {name for name in known if root[name] != nobody[name]}
    assert {"cpu", "filesystem", "netdev"} <= {*known} - other
    assert {name for name in other if privileges(name).startswith("none")} == set()
