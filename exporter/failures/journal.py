"""Follows the journal through journalctl, from where a former life had come to, at a bounded cost.

Rule: each entry is either read or counted as skipped, and what was read is never read again: the cursor, what was
counted and what fails now are saved together.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path

import structlog

from exporter.failures.batch import Batch, Denied, Entry
from exporter.failures.budget import Budget

log = structlog.get_logger()

FIELDS = (
    *("MESSAGE", "MESSAGE_ID", "_TRANSPORT", "SYSLOG_FACILITY", "SYSLOG_IDENTIFIER"),
    *("_COMM", "_PID", "_UID", "UNIT", "_SYSTEMD_UNIT", "_UDEV_SYSNAME"),
)
"""What a line is classified by (systemd.journal-fields(7))."""

MACHINE_ID = Path("/etc/machine-id")

PART = 64 * 1024
"""Bytes that are read in one turn of the loop."""

LONGEST = 256 * 1024
"""Bytes of one entry; journalctl leaves out what is longer than 4 KiB in a field."""

SINCE = "--since=-1day"
"""Where nothing was kept: what is older begins no condition."""

AGAIN = 1.0
"""Seconds until journalctl is started again after it ended."""

QUIET = 1.0
"""Seconds without a line after which there is nothing new."""

DENIED = ("insufficient permissions", "You are currently not seeing messages from")
"""What journalctl says where it may not see the system's journal, before it waits for ever."""

MISLED = "Failed to seek to cursor"
"""What it says of a cursor that is none, as of a state file that somebody has edited."""

KERNELS = b'"_TRANSPORT":"kernel"'
"""What stands in an entry of the kernel's as journalctl writes it; a message has its quotes escaped."""


class _Misled(Exception):
    """The cursor is none."""


class Journal:
    """The journal of this node, or that of a directory."""

    def __init__(
        self,
        budget: Budget,
        kernels: Budget,
        argv: Sequence[str] = ("journalctl",),
        machine: Path = MACHINE_ID,
    ) -> None:
        """Start nothing yet.

        Args:
            budget: How many entries may be read now.
            kernels: How many of the kernel's, which no program's flood may keep from being read.
            argv: The program, and what comes before our own arguments.
            machine: Has this machine's id; journals of others may lie beside ours (systemd-journal-remote(8)).
        """
        self._budget = budget
        self._kernels = kernels
        self._argv = tuple(argv)
        own = machine.read_text().strip() if machine.is_file() else ""
        self._machine = (f"_MACHINE_ID={own}",) if own else ()

    async def follow(self, cursor: str) -> AsyncGenerator[Batch, None]:
        """Yield what the journal has after an entry, and whatever comes; from a day ago without one.

        It goes on for ever: where journalctl ends it is started again after the last entry.

        Raises:
            Denied: We may not read the journal.
            OSError: journalctl cannot be started, a FileNotFoundError where there is none; or it ends at once.
        """
        while True:
            lived = False
            try:
                async with (
                    _started(self._argv, cursor, self._machine) as process,
                    contextlib.aclosing(_lines(process)) as parts,
                ):
                    async for lines in parts:
                        batch = self._batch(lines, cursor)
                        cursor, lived = batch.cursor, True
                        yield batch
                        await self._budget.breathe(sum(map(len, lines)))
                    with contextlib.suppress(TimeoutError):  # its own end, before it is killed
                        await asyncio.wait_for(process.wait(), AGAIN)
            except _Misled as error:
                log.warning("journal.begun_anew", reason=str(error), kept=cursor[:300])
                cursor = ""
                continue
            if not lived:
                raise OSError(f"journalctl ended at once, exit status {process.returncode}")
            log.warning("journal.ended", status=process.returncode)
            await asyncio.sleep(AGAIN)

    def _batch(self, lines: Sequence[bytes], cursor: str) -> Batch:
        wanted = [line for line in lines if self._budgeted(line)]
        entries = tuple(one for line in wanted if (one := _entry(line)) is not None)
        for line in reversed(lines):  # of skipped ones only the cursor is wanted
            if (last := _entry(line)) is not None and isinstance(last.get("__CURSOR"), str):
                cursor = last["__CURSOR"]
                break
        return Batch(entries, len(lines) - len(wanted), cursor)

    def _budgeted(self, line: bytes) -> bool:
        budget = self._kernels if KERNELS in line else self._budget
        return bool(budget.take(1))


def _entry(line: bytes) -> Entry | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


@contextlib.asynccontextmanager
async def _started(
    argv: Sequence[str], cursor: str, machine: Sequence[str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run journalctl until the end of the block."""
    from_where = (f"--after-cursor={cursor}",) if cursor else (SINCE, "--lines=all")
    process = await asyncio.create_subprocess_exec(
        *argv,
        "--follow",
        "--output=json",
        f"--output-fields={','.join(FIELDS)}",
        "--no-pager",
        # Without it journalctl follows this boot alone. What the former one said last is wanted too, and in a container
        # the sandbox of our unit (ProtectKernelTunables=) shows the host's boot id, of which the journal has nothing.
        "--merge",
        *machine,
        *from_where,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LONGEST,
    )
    handle = _handle(process.pid)
    try:
        yield process
    finally:
        try:
            _kill(handle)
            await process.wait()
        finally:
            if handle is not None:
                os.close(handle)


def _handle(pid: int) -> int | None:
    """Return a pidfd; None where the process has been reaped already."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _kill(handle: int | None) -> None:
    # Not process.kill(), which reaps one that has just ended, as when systemd stops the whole unit (Popen.send_signal):
    # asyncio, which waits for that end, would warn of an unknown child.
    if handle is not None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)


async def _lines(process: asyncio.subprocess.Process) -> AsyncGenerator[list[bytes], None]:
    """Yield whole lines, as many as have come; none at the first pause.

    Raises:
        Denied: journalctl said that it may not see any.
        _Misled: It said that the cursor is none.
    """
    if process.stdout is None or process.stderr is None:
        raise RuntimeError("journalctl was started without pipes")
    said = asyncio.create_task(_refusal(process.stderr), name="journal:said")
    reading: asyncio.Task[bytes] | None = None
    rest, quiet = b"", False
    try:
        while True:
            reading = reading or asyncio.create_task(process.stdout.read(PART), name="journal:read")
            waited_for = {reading} if said.done() else {reading, said}
            await asyncio.wait(
                waited_for, timeout=None if quiet else QUIET, return_when=asyncio.FIRST_COMPLETED
            )
            if said.done():
                _heed(said.result())
            if not reading.done():
                if not quiet and not said.done():
                    quiet = True
                    yield []
                continue
            part, reading = reading.result(), None
            if not part:
                _heed(await said)
                return
            *whole, rest = (rest + part).split(b"\n")
            if len(rest) > LONGEST:
                rest = b""  # no entry that journalctl writes is so long
            if whole:
                yield whole
    finally:
        said.cancel()
        if reading is not None:
            reading.cancel()


def _heed(refusal: str) -> None:
    if refusal.startswith(MISLED):
        raise _Misled(refusal)
    if refusal:
        raise Denied(refusal)


async def _refusal(stream: asyncio.StreamReader) -> str:
    """Return what journalctl says if it may see nothing, or nothing from there; empty at its end."""
    async for line in stream:
        text = line.decode(errors="replace").strip()
        if any(word in text for word in (*DENIED, MISLED)):
            return text
        log.warning("journal.said", text=text[:300])
    return ""
