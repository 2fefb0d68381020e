"""The last lines of a dead node: journalctl's output as it is, and everything that may be wrong with it.

journalctl is stood for by a shell script, since no test can have a node's copies. The classifier is hale-exporter's
own wherever a test is about what it says.
"""

import asyncio
import json
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from healer.adapters.journal_copies import (
    CLASSIFY,
    LAST,
    TEXT,
    CopiesElsewhere,
    CopiesSettings,
    JournalCopies,
)
from healer.errors import Unreachable
from healer.ports import Copied

BEGAN = 1_764_000_000
SETTINGS = CopiesSettings("/var/log/journal/remote", "mon1", "mon1")
KERNEL = {"_TRANSPORT": "kernel", "SYSLOG_IDENTIFIER": "kernel"}
DISK = "blk_update_request: I/O error, dev sdb, sector 2048 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 0"
PATIENT = (30.0, 60.0)
"""Seconds for the two programs where none of them hangs, on a busy machine."""


def entry(message: object, second: float = 0.0, **fields: object) -> dict[str, object]:
    """An entry as `journalctl -o json` prints it (systemd.journal-fields(7))."""
    return {
        "__REALTIME_TIMESTAMP": str(round((BEGAN + second) * 1e6)),
        "__CURSOR": "s=1",
        "_TRANSPORT": "syslog",
        "SYSLOG_IDENTIFIER": "app",
        "_UID": "1000",
        "MESSAGE": message,
    } | fields


def script(folder: Path, body: str) -> tuple[str, ...]:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return (str(path),)


def journalctl(
    folder: Path, entries: Iterable[dict[str, object]], more: str = ""
) -> tuple[str, ...]:
    """A journalctl that has these entries, and notes what it was asked."""
    newest_first = "".join(json.dumps(one) + "\n" for one in reversed(list(entries)))
    (folder / "entries").write_text(newest_first)
    return script(folder, f'echo "$@" > {folder}/asked\n{more}\ncat {folder}/entries')


QUICK = (
    "/bin/sed",
    *("-e", """s/.*I.O error.*/{"failure_type": "disk", "cause": "it fails"}/; t"""),
    *("-e", """s/.*/{"failure_type": "benign", "cause": null}/"""),
)
"""A classifier that starts in no time, where the real one takes half a second."""


async def last_of(argv: tuple[str, ...], classify: tuple[str, ...] = QUICK) -> Copied:
    return await JournalCopies(SETTINGS, argv, classify, PATIENT).last_of("web1")


async def test_the_last_lines_come_with_what_they_tell_of(tmp_path: Path) -> None:
    lines = [entry(DISK, 1, **KERNEL), entry("all is well", 2), entry(DISK, 3)]
    copied = await last_of(journalctl(tmp_path, lines), CLASSIFY)
    disk, calm, lied = copied.lines
    assert (disk.at, disk.by, disk.failure) == (BEGAN + 1, "kernel", "disk")
    assert disk.text == DISK
    assert disk.cause == "read or write failed on the disk"
    assert (calm.by, calm.text, calm.failure, calm.fails) == ("app", "all is well", "benign", False)
    assert (lied.by, lied.failure) == ("app", "benign")  # its words are the kernel's, and it is not
    assert copied.trouble == ""


async def test_journalctl_is_asked_for_that_node_alone_and_for_a_bounded_number(
    tmp_path: Path,
) -> None:
    await last_of(journalctl(tmp_path, [entry("hello")]))
    asked = (tmp_path / "asked").read_text().split()
    assert {"--directory=/var/log/journal/remote", "_HOSTNAME=web1", "--lines=500"} <= set(asked)
    assert "--reverse" in asked  # so that what a bound cuts off is old


async def test_before_the_newest_lines_stand_those_that_told_of_a_failure_not_long_ago(
    tmp_path: Path,
) -> None:
    old, late = entry(DISK, 0, **KERNEL), entry(DISK, 700, **KERNEL)
    chatter = [entry(f"request {number}", 1000 + number / 100) for number in range(60)]
    copied = await last_of(journalctl(tmp_path, [old, late, *chatter]))
    assert [one.at for one in copied.lines if one.fails] == [BEGAN + 700]
    assert [one.text for one in copied.lines[1:]] == [f"request {n}" for n in range(60 - LAST, 60)]


async def test_a_flood_of_failures_is_bounded(tmp_path: Path) -> None:
    flood = journalctl(tmp_path, [entry(DISK, n, **KERNEL) for n in range(300)])
    copied = await last_of(flood)
    assert len(copied.lines) == 2 * LAST
    assert copied.lines[-1].at == BEGAN + 299


# --- What a node may write -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            "\x1b[2J<script>alert(1)</script>\u202e\x00",
            "\x1b[2J<script>alert(1)</script>\u202e\x00",
        ),
        ("x" * 9000, "x" * TEXT),
        (list(b"caf\xe9 \xff"), "caf\ufffd \ufffd"),
        ([1, 2, 999], "(nothing that"),
        (None, "(nothing that"),
        (["twice", "said"], "(nothing that"),
        ({"a": 1}, "(nothing that"),
        ("half a pair: \ud800", "half a pair: ?"),
    ],
)
async def test_whatever_a_line_has_it_is_short_text(
    tmp_path: Path, message: object, shown: str
) -> None:
    copied = await last_of(journalctl(tmp_path, [entry(message)]))
    (line,) = copied.lines
    assert line.text.startswith(shown)
    assert len(line.text) <= TEXT
    line.text.encode()  # it can be stored
    assert copied.trouble == ""


async def test_a_program_that_calls_itself_kernel_is_not_shown_as_it(tmp_path: Path) -> None:
    """Nor one that writes into /dev/kmsg, whose lines come by the kernel's transport."""
    entries = [
        entry("panic", SYSLOG_IDENTIFIER="kernel"),
        entry(DISK, **KERNEL, SYSLOG_FACILITY="1"),
        entry(DISK, 1.0, **KERNEL, SYSLOG_FACILITY="0"),
    ]
    lines = (await last_of(journalctl(tmp_path, entries))).lines
    assert [one.by for one in lines] == ["a program called kernel"] * 2 + ["kernel"]


@pytest.mark.parametrize("at", ["never", "-5", "9" * 40, "", 7])
async def test_a_time_that_is_none_is_not_shown(tmp_path: Path, at: object) -> None:
    copied = await last_of(journalctl(tmp_path, [entry("hello", __REALTIME_TIMESTAMP=at)]))
    assert [one.at for one in copied.lines] == [None]


async def test_what_is_no_entry_is_left_out(tmp_path: Path) -> None:
    garbage = (
        "printf '%s\\n' '-- No entries --' '[1]' '\"x\"' '{' '{\"MESSAGE\": \"no time\"}' '[[['"
    )
    copied = await last_of(journalctl(tmp_path, [entry("hello")], garbage))
    assert [one.text for one in copied.lines] == ["hello"]


async def test_of_more_than_anybody_reads_the_newest_counts(tmp_path: Path) -> None:
    endless = f"cat {tmp_path}/entries\nexec yes '{{'"
    journalctl(tmp_path, [entry("the last one")])
    copied = await last_of(script(tmp_path, endless))
    assert [one.text for one in copied.lines] == ["the last one"]


# --- What may be wrong here ------------------------------------------------------------------


async def test_no_line_at_all_is_said_with_what_journalctl_complains_of(tmp_path: Path) -> None:
    said = "echo 'No journal files were opened due to insufficient permissions.' >&2"
    copied = await last_of(journalctl(tmp_path, [], said))
    assert copied.lines == ()
    assert copied.trouble == (
        "There is no line of web1 in /var/log/journal/remote. "
        "No journal files were opened due to insufficient permissions."
    )


async def test_a_journalctl_that_is_not_there_is_named() -> None:
    with pytest.raises(
        Unreachable, match="/nowhere/journalctl: it cannot be started: No such file"
    ):
        await last_of(("/nowhere/journalctl",))


async def test_a_journalctl_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    argv = script(tmp_path, f"sleep 1000 & echo $! > {tmp_path}/child; trap '' TERM; wait")
    began = time.monotonic()
    with pytest.raises(Unreachable, match="did not end within 1 s"):
        await JournalCopies(SETTINGS, argv, seconds=(1.0, 1.0)).last_of("web1")
    assert time.monotonic() - began < 20
    child = int((tmp_path / "child").read_text())
    while alive(child):
        await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not reaped yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


async def test_while_one_hangs_that_nothing_kills_no_other_is_started(tmp_path: Path) -> None:
    copies = JournalCopies(SETTINGS, journalctl(tmp_path, [entry("hello")]), QUICK, PATIENT)
    hung = await asyncio.create_subprocess_exec("sleep", "1000")
    copies._hung = hung  # as a disk that hangs leaves it, which no test can make
    with pytest.raises(Unreachable, match="not started, since an earlier program hangs"):
        await copies.last_of("web1")
    hung.kill()
    await hung.wait()
    assert len((await copies.last_of("web1")).lines) == 1


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("echo 'no catalogue' >&2; exit 1", "no catalogue"),
        ("cat > /dev/null; echo '{}'", "it left lines out"),
        ("exec sleep 1000", "did not end within 1 s"),
    ],
)
async def test_lines_are_shown_though_nobody_says_what_they_tell_of(
    tmp_path: Path, body: str, why: str
) -> None:
    (tmp_path / "classify").mkdir()
    argv = journalctl(tmp_path, [entry(DISK, **KERNEL), entry("hello")])
    classify = script(tmp_path / "classify", body)
    copied = await JournalCopies(SETTINGS, argv, classify, (PATIENT[0], 1.0)).last_of("web1")
    assert [(one.text, one.failure) for one in copied.lines] == [(DISK, ""), ("hello", "")]
    assert copied.trouble.startswith("Nobody said what they tell of. ")
    assert why in copied.trouble


async def test_a_healer_elsewhere_says_where_the_copies_are() -> None:
    copies = CopiesElsewhere(CopiesSettings("/var/log/journal/remote", "mon1", "mon2"))
    with pytest.raises(
        Unreachable, match=r"are on mon1, and this healer runs on mon2\. There type: "
    ):
        await copies.last_of("web1")


def test_the_real_journalctl_takes_what_it_is_asked(tmp_path: Path) -> None:
    """It has no copies, says so, and nothing of a wrong option."""
    copies = JournalCopies(CopiesSettings(str(tmp_path), "mon1", "mon1"), seconds=PATIENT)
    if not Path("/usr/bin/journalctl").exists():
        pytest.skip("needs journalctl")
    copied = asyncio.run(copies.last_of("web1"))
    assert copied.lines == ()
    assert "option" not in copied.trouble
    assert copied.trouble.startswith(f"There is no line of web1 in {tmp_path}.")
