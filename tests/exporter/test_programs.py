"""Programs that end, that never end, that write without end, and that nothing kills."""

import asyncio
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from exporter.blocking import StillRunning
from exporter.collector import Absent, Malformed
from exporter.programs import Ended, Programs
from tests.exporter.fakes import FakeBlocking

LONG = 60.0  # seconds that no test waits
SOON = 0.3

IGNORES = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(999)"


def shell(script: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", script)


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # dead, and its new parent has not looked yet


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_what_a_program_wrote_and_how_it_ended_comes_back() -> None:
    ended = await Programs().run(shell("echo good; echo bad >&2; exit 3"), LONG)
    assert ended == Ended(3, b"good\n", b"bad\n")


async def test_a_program_gets_no_input_no_shell_and_few_words_of_its_surroundings() -> None:
    ended = await Programs(environment={"NUT": "ups"}).run(("env",), LONG)
    named = {row.partition("=")[0] for row in ended.output.decode().splitlines()}
    assert named == {"PATH", "LC_ALL", "NUT"}
    assert (await Programs().run(("cat",), LONG)).output == b""
    assert (await Programs().run(("echo", "a b; exit 1"), LONG)).output == b"a b; exit 1\n"


async def test_a_program_that_is_not_installed_is_absent() -> None:
    with pytest.raises(Absent, match="no-such-program"):
        await Programs().run(("no-such-program",), LONG)


ASK = """
import asyncio, sys
from exporter.programs import Programs
try:
    asyncio.run(Programs(environment={"PATH": sys.argv[1]}).run(("no-such-program",), 60.0))
except Exception as error:
    print(type(error).__name__)
"""


def test_a_program_that_is_not_installed_is_absent_also_where_a_folder_of_path_is_closed(
    tmp_path: Path,
) -> None:
    """As /root/bin is in the PATH of a process that gave up being root."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    before = ("setpriv", "--reuid=65534", "--clear-groups") if os.geteuid() == 0 else ()
    ended = subprocess.run(
        [*before, sys.executable, "-B", "-c", ASK, f"{closed}:/usr/bin"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        timeout=LONG,
        check=True,
    )
    assert ended.stdout == "Absent\n"


async def test_a_program_that_may_not_be_run_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a program")
    with pytest.raises(PermissionError):
        await Programs().run((str(tmp_path / "text"),), LONG)


async def test_one_that_ignores_sigterm_and_has_children_is_killed_with_them_at_its_deadline(
    tmp_path: Path,
) -> None:
    script = f"trap '' TERM; sleep 999 & echo $$ $! > {tmp_path}/pids; wait; wait"
    programs = Programs()
    with pytest.raises(TimeoutError, match=r"/bin/sh: has not ended after 0\.3 s"):
        await programs.run(shell(script), SOON)
    assert not any(lives(int(pid)) for pid in (tmp_path / "pids").read_text().split())
    assert (await programs.run((sys.executable, "-c", "print(1)"), LONG)).output == b"1\n"


async def test_one_that_writes_without_end_is_killed_at_its_bound() -> None:
    with pytest.raises(Malformed, match="yes: wrote more than 1000 bytes"):
        await Programs(most_bytes=1000).run(("yes",), LONG)


async def test_of_errors_without_end_the_beginning_is_kept() -> None:
    ended = await Programs().run(shell("yes bad | head -c 1000000 >&2"), LONG)
    assert (ended.status, len(ended.errors)) == (0, 4096)


async def test_a_child_that_stays_is_not_waited_for_and_killed(tmp_path: Path) -> None:
    ended = await Programs().run(shell(f"sleep 999 & echo $! | tee {tmp_path}/pid"), LONG)
    assert ended.status == 0
    assert not lives(int((tmp_path / "pid").read_text()))


async def test_who_gives_up_has_it_killed(tmp_path: Path) -> None:
    fifo = tmp_path / "pid"
    os.mkfifo(fifo)
    programs = Programs()
    run = asyncio.ensure_future(programs.run(shell(f"echo $$ > {fifo}; exec sleep 999"), LONG))
    pid = int(await asyncio.to_thread(fifo.read_text))
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert not lives(pid)
    assert (await programs.run(("true",), LONG)).status == 0


async def test_programs_of_one_collector_run_one_after_the_other(tmp_path: Path) -> None:
    """mkdir fails for whoever comes while another is in there."""
    alone = shell(f"mkdir {tmp_path}/in && sleep 0.05 && rmdir {tmp_path}/in")
    programs = Programs()
    ended = await asyncio.gather(*(programs.run(alone, LONG, about=str(n)) for n in range(3)))
    assert [one.status for one in ended] == [0, 0, 0]


@pytest.mark.looptime(start=0)
async def test_what_nothing_kills_is_never_doubled_and_holds_up_nothing_else() -> None:
    blocking = FakeBlocking()
    blocking.hang("program: sda")
    programs = Programs(blocking)
    with pytest.raises(TimeoutError):
        await programs.run(("true",), 30.0, about="sda")
    with pytest.raises(StillRunning):
        await programs.run(("true",), 30.0, about="sda")
    assert (await programs.run(("true",), 30.0, about="sdb")).status == 0


@pytest.mark.parametrize(
    "argv", [shell("echo x"), (sys.executable, "-c", IGNORES), ("no-such-program",), ("yes",)]
)
async def test_a_run_leaves_no_thread_and_no_descriptor(argv: tuple[str, ...]) -> None:
    programs = Programs(most_bytes=1000)
    await programs.run(("true",), LONG)
    before = descriptors()
    with suppress(TimeoutError, Absent, Malformed):
        await programs.run(argv, SOON)
    assert descriptors() == before
    for thread in threading.enumerate():
        if thread.name.startswith("blocking:program"):
            thread.join(LONG)  # it has only to return
            assert not thread.is_alive()
