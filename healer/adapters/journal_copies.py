"""The last lines of a node, from the copies that systemd-journal-remote keeps, with what each of them tells of.

journalctl reads them and `hale-exporter classify` says of each what it is taken for: two programs, each with a
deadline, a bound for what it writes and a process group of its own, which is killed whole.
Rule: it is a stranger's text. What goes on from here is short, and is text whatever the copy has.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from healer.adapters.program import kill, running
from healer.core.lastlines import LoggedLine
from healer.errors import Unreachable
from healer.ports import Copied

LAST = 20
"""The newest lines that people are shown, whatever they say; and as many more, at the most, that tell of a failure."""

FAILING_SECONDS = 600.0
"""How long before the newest line such a one may have been written."""

READ = 500
"""Lines of which these are chosen."""

MOST_BYTES = 4 * 1024 * 1024
"""Of what a program writes. journalctl writes the newest line first, so what is beyond it is old."""

MOST_ERRORS = 4 * 1024
"""Bytes of what a program complains of."""

TEXT, NAME, TOLD = 300, 64, 2000
"""Characters of a line, of who wrote it, and of a field that the classifier is given: it reads 32 KiB of a line."""

JOURNALCTL_SECONDS, CLASSIFY_SECONDS = 10.0, 20.0

JOURNALCTL = ("/usr/bin/journalctl",)
CLASSIFY = (str(Path(sys.executable).with_name("hale-exporter")), "classify", "--output=json", "-")
"""Of the environment that the healer itself runs in."""

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
"""Of both: nothing of the healer's own goes to them."""

FIELDS = (
    *("MESSAGE", "MESSAGE_ID", "SYSLOG_IDENTIFIER", "UNIT", "_COMM", "_PID", "_SYSTEMD_UNIT"),
    *("_TRANSPORT", "SYSLOG_FACILITY", "_UDEV_SYSNAME", "_UID"),
)
"""What the classifier asks of a journal's entry (exporter/failures/lines.py)."""

NO_TEXT = "(nothing that could be shown: journalctl leaves out what is longer than 4,096 bytes)"


@dataclass(frozen=True, slots=True)
class CopiesSettings:
    """Where the copies are.

    Attributes:
        directory: On the receiver.
        receiver: The node that keeps them.
        own: The node that this healer runs on.
    """

    directory: str
    receiver: str
    own: str


class CopiesElsewhere:
    """ports.Copies of a healer that does not run where they are kept."""

    def __init__(self, settings: CopiesSettings) -> None:
        """Say where they are."""
        self._settings = settings

    async def last_of(self, node: str) -> Copied:
        """See ports.Copies.last_of."""
        where = self._settings
        raise Unreachable(
            f"The copies are on {where.receiver}, and this healer runs on {where.own}. There type: "
            f"journalctl --directory={where.directory} _HOSTNAME={node} --lines=50"
        )


class JournalCopies:
    """ports.Copies of the receiver itself."""

    def __init__(
        self,
        settings: CopiesSettings,
        journalctl: Sequence[str] = JOURNALCTL,
        classify: Sequence[str] = CLASSIFY,
        seconds: tuple[float, float] = (JOURNALCTL_SECONDS, CLASSIFY_SECONDS),
    ) -> None:
        """Read nothing yet; `seconds` are the deadlines of the two programs."""
        self._directory = settings.directory
        self._journalctl = tuple(journalctl)
        self._classify = tuple(classify)
        self._seconds = seconds
        self._hung: asyncio.subprocess.Process | None = None

    async def last_of(self, node: str) -> Copied:
        """See ports.Copies.last_of."""
        argv = (
            *self._journalctl,
            *("--no-pager", "--reverse", f"--lines={READ}", "--output=json"),
            *(f"--output-fields={','.join(FIELDS)}", f"--directory={self._directory}"),
            f"_HOSTNAME={node}",
        )
        ended = await self._run(argv, b"", self._seconds[0])
        written = ended.output.splitlines()[:READ]
        found = [one for one in map(_fields, written) if one is not None][::-1]
        if not found:
            complaint = f" {ended.complaint}" if ended.complaint else ""
            return Copied((), f"There is no line of {node} in {self._directory}.{complaint}")
        judged, trouble = await self._judged(found)
        lines = [_line(fields, *told) for fields, told in zip(found, judged, strict=True)]
        return Copied(_chosen(lines), trouble)

    async def _judged(self, found: list[dict[str, str]]) -> tuple[list[tuple[str, str]], str]:
        """Return type and cause of each, and why there are none."""
        given = "".join(
            json.dumps({name: text[:TOLD] for name, text in one.items()}) + "\n" for one in found
        )
        try:
            ended = await self._run(self._classify, given.encode(), self._seconds[1])
            judged = [_verdict(line) for line in ended.output.splitlines()]
            if len(judged) != len(found):
                raise Unreachable(f"{self._classify[0]}: {ended.complaint or 'it left lines out'}")
        except Unreachable as error:
            return [("", "")] * len(found), f"Nobody said what they tell of. {error}"
        return judged, ""

    async def _run(self, argv: Sequence[str], given: bytes, seconds: float) -> "_Ended":
        if self._hung is not None and self._hung.returncode is None:
            msg = f"{argv[0]}: not started, since an earlier program hangs that nothing kills"
            raise Unreachable(msg)
        process = None
        pipe = asyncio.subprocess.PIPE
        pipes = {"stdin": pipe, "stdout": pipe, "stderr": pipe}
        try:
            async with running(argv, seconds, argv[0], **pipes, env=ENVIRONMENT) as process:
                return await _followed(process, given)
        finally:
            # What not even SIGKILL ends is not waited for, and nothing is started beside it.
            if process is not None and process.returncode is None:
                self._hung = process


@dataclass(frozen=True, slots=True)
class _Ended:
    output: bytes
    complaint: str


async def _followed(process: asyncio.subprocess.Process, given: bytes) -> _Ended:
    """Give a program its input and read what it writes; beyond the bound it is killed, and that was all."""
    _goes_first(process.pid)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_feed(process.stdin, given), name="copies: input")
        errors = tasks.create_task(_read(process.stderr, MOST_ERRORS), name="copies: errors")
        output, whole = await _read(process.stdout, MOST_BYTES)
        if not whole:
            kill(process)
    if not whole:
        return _Ended(output[: output.rfind(b"\n") + 1], "")
    complaint = errors.result()[0].decode(errors="replace").split("\n")[0]
    return _Ended(output, complaint.strip()[:TEXT])


def _goes_first(pid: int) -> None:
    """Have the kernel end this program where memory is short: what it uses counts as the healer's."""
    with suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000")


async def _feed(pipe: asyncio.StreamWriter | None, given: bytes) -> None:
    if pipe is None:
        return
    with suppress(BrokenPipeError, ConnectionResetError):  # it has ended, and its answer says why
        pipe.write(given)
        await pipe.drain()
    pipe.close()


async def _read(pipe: asyncio.StreamReader | None, most: int) -> tuple[bytes, bool]:
    """Return what is written, and whether that is all."""
    found = bytearray()
    while pipe is not None and len(found) <= most:
        chunk = await pipe.read(65536)
        if not chunk:
            return bytes(found), True
        found += chunk
    return bytes(found[:most]), pipe is None


def _fields(raw: bytes) -> dict[str, str] | None:
    """Return an entry's fields, each as text; None for what is no entry."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or "__REALTIME_TIMESTAMP" not in found:
        return None
    return {name: _text(found.get(name)) for name in (*FIELDS, "__REALTIME_TIMESTAMP")}


def _text(value: Any) -> str:
    """Return a field's text: journalctl writes what is no text as an array of numbers, and what is long as null."""
    if isinstance(value, list) and all(isinstance(one, int) and 0 <= one < 256 for one in value):
        value = bytes(value).decode(errors="replace")
    # Half a surrogate pair could not be stored.
    return value.encode(errors="replace").decode() if isinstance(value, str) else ""


def _verdict(raw: bytes) -> tuple[str, str]:
    try:
        found = json.loads(raw)
    except ValueError:
        return "", ""
    kind, cause = (
        (found.get("failure_type"), found.get("cause")) if isinstance(found, dict) else ("", "")
    )
    return str(kind or "")[:NAME], str(cause or "")[:TEXT]


def _line(fields: dict[str, str], failure: str, cause: str) -> LoggedLine:
    at = fields["__REALTIME_TIMESTAMP"]
    named = fields["SYSLOG_IDENTIFIER"] or fields["_COMM"]
    # What a program writes into /dev/kmsg has the kernel's transport, and never its facility.
    kernels = fields["_TRANSPORT"] == "kernel" and fields["SYSLOG_FACILITY"] in ("", "0")
    by = "kernel" if kernels else named if named != "kernel" else "a program called kernel"
    seconds = int(at) / 1e6 if at.isascii() and at.isdecimal() and len(at) <= 17 else None
    return LoggedLine(seconds, by[:NAME], (fields["MESSAGE"] or NO_TEXT)[:TEXT], failure, cause)


def _chosen(lines: list[LoggedLine]) -> tuple[LoggedLine, ...]:
    """Return the newest lines, and before them what tells of a failure not long before."""
    before, newest = lines[:-LAST], lines[-LAST:]
    end = max((one.at for one in newest if one.at is not None), default=0.0)
    failing = [one for one in before if one.fails and (one.at or 0.0) >= end - FAILING_SECONDS]
    return (*failing[-LAST:], *newest)
