"""The lab's power controller and its agent: a secret, a word, and three ways not to do what is asked."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest
from aiohttp import web

from lab import cgroups, fence_lab, record
from lab.names import Place
from lab.node import NodePlan
from lab.ports import LabError
from lab.power import Controller, Switch
from lab.record import Record


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    place = Place("test", tmp_path / "state", tmp_path / "cache")
    place.directory.mkdir(parents=True)
    plan = NodePlan("s1", "10.77.0.11", 1 << 28, 1 << 28, 1 << 26)
    record.write(place, Record(tmp_path, (plan,)))
    made = Controller(place)
    made.make()
    return made


@asynccontextmanager
async def listening(controller: Controller) -> AsyncIterator[int]:
    runner = web.AppRunner(Switch(controller, cgroups.this_machine()).app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def agent(port: int, action: str, secret: str, plug: str = "s1") -> tuple[int, str]:
    """Run the agent as a gate does: nothing in its arguments, all on its standard input."""
    told = f"ip=127.0.0.1\nipport={port}\nplug={plug}\npasswd={secret}\naction={action}\n"

    def run() -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            [sys.executable, fence_lab.__file__],
            input=told.encode(),
            capture_output=True,
            timeout=20,
            check=False,
        )

    done = await asyncio.to_thread(run)
    return done.returncode, (done.stdout or done.stderr).decode().strip()


async def test_a_node_without_power_is_read_off(controller: Controller) -> None:
    async with listening(controller) as port:
        assert await agent(port, "status", controller.secret) == (2, "Status: OFF")
        assert await agent(port, "off", controller.secret) == (0, "Success: Powered OFF")


@pytest.mark.parametrize(
    ("action", "secret", "plug", "said"),
    [
        ("status", "guessed", "s1", "the controller says 401"),
        ("off", "guessed", "s1", "the controller says 401"),
        ("off", "", "s9", "the controller says 404"),
        ("explode", "", "s1", "Unrecognised action"),
    ],
)
async def test_who_asks_wrongly_is_told_and_nothing_is_read_off(
    controller: Controller, action: str, secret: str, plug: str, said: str
) -> None:
    async with listening(controller) as port:
        code, text = await agent(port, action, secret or controller.secret, plug)
    assert code == 1
    assert said in text


async def test_pacemaker_may_ask_whether_it_is_there_and_have_a_node_booted(
    controller: Controller,
) -> None:
    async with listening(controller) as port:
        there = await agent(port, "monitor", controller.secret, plug="")
        assert there == (0, "Success: it answers")
        assert (await agent(port, "monitor", "guessed", plug=""))[0] == 1
        controller.behave("lies")
        assert await agent(port, "reboot", controller.secret) == (0, "Success: Rebooted")
        controller.behave("refuses")
        assert (await agent(port, "reboot", controller.secret))[0] == 1


async def test_a_script_may_say_the_secret(controller: Controller, tmp_path: Path) -> None:
    script = tmp_path / "passwd"
    script.write_text(f"#!/bin/sh\necho {controller.secret}\n")
    script.chmod(0o700)
    async with listening(controller) as port:
        told = f"guessed\npasswd_script={script}"
        assert await agent(port, "status", told) == (2, "Status: OFF")


async def test_its_metadata_names_what_pacemaker_may_ask_for(controller: Controller) -> None:
    code, text = await agent(0, "metadata", "")
    said = ElementTree.fromstring(text)  # noqa: S314  # our own agent's
    assert code == 0
    assert {one.get("name") for one in said.iter("action")} >= {"reboot", "off", "monitor"}
    assert "plug" in {one.get("name") for one in said.iter("parameter")}


async def test_it_refuses_and_lies_where_a_drill_says_so(controller: Controller) -> None:
    async with listening(controller) as port:
        controller.behave("refuses")
        assert (await agent(port, "on", controller.secret))[0] == 1
        controller.behave("lies")
        assert await agent(port, "on", controller.secret) == (0, "Success: Powered ON")
        assert (await agent(port, "status", controller.secret))[0] == 2


def test_only_what_it_can_do_is_a_mode(controller: Controller) -> None:
    with pytest.raises(LabError, match="does not 'explode'"):
        controller.behave("explode")
    assert controller.mode == "obeys"
