"""An agent of fence-agents themselves, their fence_dummy, cuts a node and is read."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from gate import fence_agents, process
from gate.listed import FenceRule
from tests.cluster.native import TOOLS, tool
from tests.gate.fakes import World
from tests.gate.healers import hello
from tests.gate.power import fence, state


@pytest.fixture
def world(world: World) -> World:
    world.programs = process.run
    return world


@pytest.fixture
def dummy(tmp_path: Path) -> FenceRule:
    """fence_dummy of fence-agents, with the library that it was unpacked with."""
    program = tool("fence_dummy")
    places = [TOOLS / "usr/share/fence", TOOLS / "usr/lib/python3/dist-packages"]
    libraries = [*TOOLS.glob("usr/lib/*-linux-gnu"), *TOOLS.glob("lib/*-linux-gnu")]
    wrapper = tmp_path / "fence_dummy"
    wrapper.write_text(
        f"#!/bin/sh\nPYTHONPATH={os.pathsep.join(map(str, places))} "
        f"LD_LIBRARY_PATH={os.pathsep.join(map(str, libraries))} "
        f'exec /usr/bin/python3 {program} "$@"\n'
    )
    wrapper.chmod(0o755)
    (tmp_path / "status").write_text("on")
    options = (("plug", "7"), ("status_file", str(tmp_path / "status")), ("type", "file"))
    return FenceRule("dummy", str(wrapper), options, None, 20.0, 10.0)


def test_fence_agents_own_dummy_is_cut_read_and_switched_on(world, dummy, tmp_path):
    world.config = replace(world.config, fencing={"db1": dummy})
    assert hello(world, "power:db1")["seen"]["power:db1"]["state"] == "on"
    assert state(fence(world, 1)) == ("done", "fenced")
    assert (tmp_path / "status").read_text() == "off"
    assert fence_agents.read(dummy, 10.0, process.run).state == "off"
    assert state(fence(world, 2, "node.unfence")) == ("done", "unfenced")
    assert (tmp_path / "status").read_text() == "on"


def test_fence_agents_own_dummy_that_fails_is_not_known_to_be_off(world, dummy):
    broken = replace(dummy, options=(*dummy.options[:2], ("type", "fail"), ("power_timeout", "1")))
    world.config = replace(world.config, fencing={"db1": broken})
    assert fence(world, 1)["state"] != "done"
