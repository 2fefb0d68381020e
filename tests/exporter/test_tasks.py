"""Processes and threads, as /proc tells of them, and as this machine's has them."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.aside import SHARE, Aside
from exporter.blocking import Threads
from exporter.collector import Absent, Malformed
from exporter.collectors.processes import Processes
from exporter.collectors.stuck import MOST, Stuck, bounded
from exporter.tasks import Task, open_files, parse, processes
from tests.exporter.golden import same_as_golden

# Captured: the numbers behind the state, of which the parent and the number of threads are exchanged below.
STAT = (
    "{pid} ({name}) {state} {parent} 17423 32168 0 -1 4194304 102 0 0 0 0 0 0 0 20 0 {threads} 0 6793308 3133440 407"
    " 18446744073709551615 94674800795648 94674800815529 140729316906528 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n"
)
LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max open files            {limit:<20} 524288               files
Max locked memory         8388608              8388608              bytes
"""


class Proc:
    """A /proc that the test fills."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "sys/kernel").mkdir(parents=True)
        (folder / "sys/kernel/threads-max").write_text("7801\n")
        (folder / "sys/kernel/pid_max").write_text("123\n")
        (folder / "1/cmdline").parent.mkdir()  # it has just ended: the folder alone is left

    def add(
        self,
        pid: int,
        state: str = "S",
        name: str = "nginx",
        parent: int = 2,
        threads: str = "",
        **files: str,
    ) -> None:
        """Add a process; a letter in `threads` for the state of each further thread."""
        said = {
            "pid": pid,
            "name": name,
            "state": state,
            "parent": parent,
            "threads": 1 + len(threads),
        }
        self._write(f"{pid}/stat", STAT.format(**said))
        for number, letter in enumerate((state, *threads)):
            said |= {"pid": pid + number, "state": letter}
            self._write(f"{pid}/task/{pid + number}/stat", STAT.format(**said))
        for file, held in files.items():
            self._write(f"{pid}/{file}", held)

    def _write(self, path: str, held: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(held)


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path)


@pytest.mark.parametrize("name", ["a", "a) S 1", "((", "tmux: server", "a\nb", ""])
def test_a_name_may_hold_anything(name: str) -> None:
    held = STAT.format(pid=7, name=name, state="D", parent=3, threads=4).encode()
    assert parse(held) == Task(7, name, "D", 3, 4)


@given(st.binary(max_size=200))
def test_whatever_a_stat_file_holds_is_read_or_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse(data.replace(b")", b""))


def test_states_of_processes_and_threads(request: pytest.FixtureRequest, proc: Proc) -> None:
    proc.add(10, "S", threads="SDR")
    proc.add(20, "R")
    proc.add(30, "Z")
    same_as_golden(request, "processes", Processes(proc.folder).read())


def test_what_is_stuck(request: pytest.FixtureRequest, proc: Proc) -> None:
    proc.add(2, name="init")
    proc.add(10, "D", wchan="rpc_wait_bit_killable")
    proc.add(11, "D", wchan="rpc_wait_bit_killable")
    proc.add(12, "D", wchan="0")
    proc.add(13, "D")
    proc.add(20, "Z")
    proc.add(21, "Z", parent=999)
    proc.add(30, name="mysqld", limits=LIMITS.format(limit=120))
    proc.add(31, name="mysqld", limits=LIMITS.format(limit=100))
    open_ = {30: 90, 31: 90}
    stuck = Stuck(proc.folder, lambda procfs, pid: open_.get(pid, 7))
    same_as_golden(request, "stuck", stuck.read())


@pytest.mark.parametrize("collector", [Stuck, Processes])
def test_where_pid_1_is_hidden_nothing_is_claimed(
    proc: Proc, collector: type[Stuck] | type[Processes]
) -> None:
    proc.add(10, "D")
    (proc.folder / "1").rmdir()
    with pytest.raises(Absent, match="hidepid="):
        collector(proc.folder).read()


HIDING = """\
import os, sys
from pathlib import Path
from exporter.collector import Absent
from exporter.collectors.deleted_libraries import DeletedLibraries
from exporter.collectors.processes import Processes
from exporter.collectors.stuck import Stuck

os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
proc = Path("/proc")
for ask in (Stuck(proc).read, Processes(proc).read, DeletedLibraries(proc).find):
    try:
        print(len(ask()) > 1)
    except Absent as error:
        print("absent")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.parametrize(
    ("hidden", "told"),
    [
        ("off", ["True"] * 3),
        ("noaccess", ["absent", "absent", "True"]),  # the numbers of all are there: it counts them
        ("invisible", ["absent"] * 3),
        ("ptraceable", ["absent"] * 3),
    ],
)
def test_each_way_of_hiding_processes_is_noticed(hidden: str, told: list[str]) -> None:
    mounting = f'mount -t proc -o hidepid={hidden} proc /proc && exec "$@"'
    argv = ["unshare", "--mount", "sh", "-c", mounting, "sh", sys.executable, "-c", HIDING]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (ended.stdout.split(), ended.stderr) == (told, "")


def test_what_is_more_than_a_family_may_have_is_counted_together() -> None:
    counts = Counter({f"place{number}": number for number in range(1, 41)})
    kept = bounded(counts)
    assert len(kept) == MOST
    assert sum(kept.values()) == counts.total()
    assert kept["place40"] == 40
    assert kept["other"] == sum(range(1, 22))


def test_a_process_far_from_its_limit_or_without_one_is_not_named(proc: Proc) -> None:
    proc.add(11, name="far", limits=LIMITS.format(limit=1000))
    proc.add(12, name="free", limits=LIMITS.format(limit="unlimited"))
    seen = Stuck(proc.folder, lambda procfs, pid: 100).read()
    assert b"process=" not in seen
    assert b"hale_processes_descriptors_ratio_highest 0.1\n" in seen


def test_this_process_knows_how_many_descriptors_it_has_open_where_the_kernel_tells() -> None:
    assert open_files(Path("/proc"), os.getpid()) in (
        0,
        len([*Path("/proc/self/fd").iterdir()]) - 1,
    )


def test_a_kernel_that_does_not_tell_of_descriptors_has_no_ratio(proc: Proc) -> None:
    proc.add(10, limits=LIMITS.format(limit=1))
    assert b"descriptors" not in Stuck(proc.folder).read()


def test_this_process_is_one_of_this_machines() -> None:
    found = {task.pid: task for task in processes(Path("/proc"))}
    assert found[os.getpid()].parent == os.getppid()
    assert b"node_processes_state" in Processes(Path("/proc")).read()


async def test_what_takes_long_is_read_less_often() -> None:
    source = Aside("slow", lambda: b"", 0.001, Threads())
    await source.collect(lambda body: None)
    assert source.interval >= 0.001
    source._took = 3.0
    assert source.interval == 3.0 / SHARE
