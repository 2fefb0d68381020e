"""Asks every disk with smartctl, one after the other, and leaves the answers for the exporter.

Run by hale-smart.timer as `python -m exporter.privileged.smart`. Rule: nothing that a disk says is taken apart here,
where there are rights to lose; only the list of disks is read.
"""

import argparse
import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from exporter import logs, smart, smart_document
from exporter.blocking import StillRunning
from exporter.clock import Clock
from exporter.collector import Absent, Malformed
from exporter.privileged.asking import Asking, Run
from exporter.programs import Programs
from exporter.smart import FOLDER
from exporter.spool import Answer, Outcome

# Seconds for one disk and for a look at all; a disk that repeats a read takes some seconds for each sector.
DEADLINE = 60.0
# The exit status that we ask for where a disk sleeps (smartctl(8), -n): no error has it.
ASLEEP = 3
# What smartctl says of a disk that does not even answer whether it sleeps (ataprint.cpp, case -1): a dead one, too.
SILENT = "SLEEP mode"
# smartctl(8), EXIT STATUS: it did not understand the command, or could not open the disk.
NOT_ASKED = 0b11
# What a RAID controller's volume says to whoever opens it as a disk: its disks are asked one by one.
VOLUME = "please try adding"

ASK = (
    *("smartctl", "--json", "--info", "--health", "--attributes", "--log=error", "--log=selftest"),
    *("--tolerance=verypermissive", f"--nocheck=standby,{ASLEEP}", "--format=brief"),
)


@dataclass(frozen=True, slots=True, order=True)
class Device:
    """One disk: its path and how smartctl speaks with it, such as `/dev/bus/0` and `megaraid,3`."""

    path: str
    type: str

    @property
    def label(self) -> str:
        """What it is called in series."""
        return smart.label(self.path, self.type)


@dataclass(frozen=True, slots=True)
class Found:
    """What a look for disks came to: the disks, and why some of them cannot be opened."""

    disks: tuple[Device, ...]
    closed: dict[Device, str]


class Round:
    """One round over all disks."""

    def __init__(self, folder: Path, run: Run, clock: Clock) -> None:
        """Ask nothing yet.

        Args:
            folder: Where the answers go.
            run: Runs a program as `Programs.run` does.
            clock: For the times of the answers.
        """
        self._folder = folder
        self._asking = Asking(folder, run, clock, DEADLINE)

    async def all(self, more: Sequence[Device] = ()) -> None:
        """Look for disks, ask each, and forget those that are gone.

        Args:
            more: Disks that no look can find, such as those of an HP controller.

        Raises:
            OSError: An answer could not be written.
        """
        try:
            found = await self._find()
        except Absent as error:
            self._asking.tell(Outcome.ANSWERED, f"{error}; install smartmontools")
            self._asking.forget_all_but(())
            return
        except (StillRunning, TimeoutError, Malformed, OSError) as error:
            self._asking.tell(Outcome.FAILED, str(error))
            return
        # One that is named by hand is asked so as it says there, however it was found.
        paths = {(one.path, one.type) for one in more}
        disks = [*more, *(one for one in found.disks if (one.path, one.type) not in paths)]
        for disk in disks:
            await self._ask(disk, found.closed.get(disk, ""))
        self._asking.tell(Outcome.ANSWERED)
        self._asking.forget_all_but([one.label for one in disks])

    async def _find(self) -> Found:
        """Look without opening a disk, which could wake it; open only where another disk was found than before."""
        names = _devices(await self._scan("--scan"))
        known = self._known_scan()
        if known is None or known[0] != names:
            opened = await self._scan("--scan-open")
            known = names, opened
            _save(self._folder, names, opened)
        document = known[1]
        closed = {
            Device(one.at("name").text(), one.at("type").text()): one.at("open_error").text()
            for one in smart_document.parse(document).at("devices").all()
            if one.at("open_error")
        }
        volumes = {one for one, reason in closed.items() if VOLUME in reason}
        disks = [one for one in _devices(document) if one not in volumes]
        return Found(tuple(disks), closed)

    async def _scan(self, how: str) -> str:
        ended = await self._asking.run(("smartctl", "--json", how), DEADLINE, how)
        return ended.output.decode("utf-8", "replace")

    def _known_scan(self) -> tuple[list[Device], str] | None:
        """Return the disks of the last look, and what opening them had said; None when that is not known."""
        try:
            found = json.loads((self._folder / SCAN).read_bytes())
            return _devices(found["scan"]), str(found["opened"])
        except (OSError, ValueError, KeyError, TypeError, Malformed):
            return None

    async def _ask(self, disk: Device, closed: str) -> None:
        def judge(asked: Answer, status: int, output: str) -> Answer:
            if status == ASLEEP and SILENT in (said := _message(output)):
                return replace(asked, outcome=Outcome.FAILED, reason=f"it answers nothing: {said}")
            if status == ASLEEP:
                return replace(asked, outcome=Outcome.STANDBY, reason="it sleeps")
            if status < 0 or status & NOT_ASKED:
                return replace(asked, outcome=Outcome.FAILED, reason=closed or _message(output))
            return replace(asked, outcome=Outcome.ANSWERED, output=output)

        argv = [*ASK, f"--device={disk.type}", disk.path]
        await self._asking.ask(disk.label, disk.path, disk.type, argv, judge)


# Where the last look for disks is kept; no answer, so it begins with a dot.
SCAN = ".scan"


def _save(folder: Path, names: Sequence[Device], opened: str) -> None:
    devices = [{"name": one.path, "type": one.type} for one in names]
    text = json.dumps({"scan": json.dumps({"devices": devices}), "opened": opened})
    (folder / SCAN).write_text(text, encoding="utf-8")


def _devices(document: str) -> list[Device]:
    """Return the disks of a look, each once.

    Raises:
        Malformed: It is no document of smartctl's.
    """
    found = [
        Device(one.at("name").text(), one.at("type").text() or "auto")
        for one in smart_document.parse(document).at("devices").all()
    ]
    return list(dict.fromkeys(one for one in found if one.path.startswith("/dev/")))


def _message(output: str) -> str:
    """Return what smartctl says of its failure."""
    try:
        said = smart_document.parse(output).at("smartctl.messages").all()
    except Malformed as error:
        return str(error)
    return "; ".join(one.at("string").text() for one in said) or "smartctl could not open it"


def device(text: str) -> Device:
    """Read a disk as smartctl_exporter's flag has it: `/dev/sg1;cciss,0`.

    Raises:
        ValueError: It is none.
    """
    path, _, kind = text.partition(";")
    if not path.startswith("/dev/") or kind.startswith("-"):
        raise ValueError(f"wanted /dev/NAME;TYPE such as /dev/sg1;cciss,0, saw {text!r}")
    return Device(path, kind or "auto")


def main(argv: Sequence[str] | None = None) -> int:
    """Make one round; the exit status is 0 whatever came of single disks."""
    parser = argparse.ArgumentParser(
        prog="python -m exporter.privileged.smart",
        description="Ask every disk with smartctl, once, and leave the answers for hale-exporter.",
        allow_abbrev=False,
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, metavar="DIR")
    parser.add_argument(
        "--device",
        type=device,
        action="append",
        default=[],
        metavar="PATH;TYPE",
        help="a disk that smartctl --scan does not find, as /dev/sg1;cciss,0; several times",
    )
    options = parser.parse_args(argv)
    logs.configure("info")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(Round(options.folder, Programs().run, Clock()).all(options.device))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
