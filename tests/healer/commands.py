"""hale-healer as people run it: a process of its own, and a healer behind a real control socket for it."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from healer.core.ladder import Mode
from healer.web.server import control_app, public_app, serving
from tests.healer.web.house import House

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def hale_healer(
    *argv: str, sudo_user: str = "", typed: bytes = b"", folder: Path = ROOT
) -> Said:
    """Run the command as a person does."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "healer.cli", *argv),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "SUDO_USER": sudo_user, "COLUMNS": "100"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(typed)
    return Said(process.returncode or 0, out.decode(), err.decode())


@dataclass(frozen=True, slots=True)
class Healer:
    """A running one, and the commands against it."""

    house: House
    path: Path

    async def __call__(self, *argv: str, sudo_user: str = "") -> Said:
        control = ("--control", str(self.path))
        return await hale_healer(*argv, *control, sudo_user=sudo_user, folder=self.path.parent)


@asynccontextmanager
async def running(tmp_path: Path, mode: Mode = Mode.ACT) -> AsyncIterator[Healer]:
    house, path = House(mode), tmp_path / "ctl.sock"
    await house.arm()
    public, commands = public_app(house.desk), control_app(house.desk)
    async with serving(public, "127.0.0.1:0", commands, path), asyncio.TaskGroup() as tasks:
        upkeep = tasks.create_task(house.upkeep.run())
        yield Healer(house, path)
        upkeep.cancel()
