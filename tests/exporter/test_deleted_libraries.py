"""Processes that map libraries which are gone: a /proc that is played, and a real process of this machine."""

import asyncio
import shutil
import sys
import zlib
from pathlib import Path

import pytest

from exporter.blocking import Threads
from exporter.collectors.deleted_libraries import (
    MOST_BYTES,
    DeletedLibraries,
    Process,
    mapped,
    unit_of,
)
from exporter.hardware import Readings
from tests.exporter.fakes import FakeBlocking
from tests.exporter.golden import same_as_golden
from tests.exporter.hanging import HungMounts

# An nginx after an upgrade of OpenSSL, in the form of proc_pid_maps(5).
MAPS = b"""\
55f0c1a00000-55f0c1a2c000 r--p 00000000 fe:00 393484                     /usr/sbin/nginx
7f2d6c000000-7f2d6c021000 rw-p 00000000 00:00 0 \n\
7f2d70a00000-7f2d70a7f000 r--p 00000000 fe:00 393821         /usr/lib/x86_64-linux-gnu/libcrypto.so.3 (deleted)
7f2d70a7f000-7f2d70cda000 r-xp 0007f000 fe:00 393821         /usr/lib/x86_64-linux-gnu/libcrypto.so.3 (deleted)
7f2d70f00000-7f2d70f1e000 r--p 00000000 fe:00 393822         /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)
7f2d71000000-7f2d71022000 r--p 00000000 fe:00 393216                     /usr/lib/x86_64-linux-gnu/libc.so.6
7f2d71200000-7f2d71300000 rw-s 00000000 00:01 1038                       /dev/zero (deleted)
7f2d71400000-7f2d71401000 rw-s 00000000 00:01 2049                       /memfd:lib/x (deleted)
7f2d71500000-7f2d71501000 r--p 00000000 fe:00 40                         /var/lib/app/my cache (deleted)
7ffe2f5b0000-7ffe2f5d1000 rw-p 00000000 00:00 0                          [stack]
"""
CRYPTO, SSL = (f"/usr/lib/x86_64-linux-gnu/lib{name}.so.3" for name in ("crypto", "ssl"))
RED_HAT = MAPS.splitlines(keepends=True)[4].replace(b"lib/x86_64-linux-gnu", b"lib64")
NGINX = b"0::/system.slice/nginx.service\n"
USER = b"0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.scope\n"


def played(procfs: Path, pid: int, maps: bytes, cgroup: bytes = NGINX) -> None:
    (procfs / str(pid)).mkdir()
    (procfs / str(pid) / "maps").write_bytes(maps)
    (procfs / str(pid) / "cgroup").write_bytes(cgroup)


def test_only_libraries_that_are_gone_are_told_each_once() -> None:
    assert mapped(MAPS) == {CRYPTO, SSL}
    assert mapped(RED_HAT) == {"/usr/lib64/libssl.so.3"}
    assert mapped(MAPS.replace(b" (deleted)", b"")) == frozenset()


@pytest.mark.parametrize(
    "maps",
    [b"", b"\0" * 100, b" (deleted)\n", b"/lib/x (deleted)\n", b"\xff\xfe (deleted)\n" * 100],
)
def test_what_is_no_mapping_is_none(maps: bytes) -> None:
    assert mapped(maps) == frozenset()


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        (NGINX, "nginx.service"),
        (USER, "user@1000.service"),
        (b"0::/system.slice/docker-0a1b.scope/x.service\n", "docker-0a1b.scope"),
        (b"9:pids:/a.service\n1:name=systemd:/system.slice/cron.service\n0::/\n", "cron.service"),
        (b"0::/\n", ""),
        (b"0::/system.slice\n", ""),
        (b"", ""),
        (b"\xff\xff", ""),
        (b"0::" + b"/a" * 100_000, ""),
    ],
)
def test_a_process_is_of_the_first_unit_on_its_path(cgroup: bytes, unit: str) -> None:
    assert unit_of(cgroup) == unit


@pytest.mark.looptime(start=0)
async def test_the_exposition_is_the_golden_one(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    played(tmp_path, 1, b"", b"0::/init.scope\n")
    played(tmp_path, 70, MAPS)
    played(tmp_path, 71, MAPS)
    played(tmp_path, 80, RED_HAT, USER)
    (tmp_path / "self").symlink_to("70")
    shown = list[bytes]()
    await Readings(DeletedLibraries(tmp_path), FakeBlocking()).collect(shown.append)
    same_as_golden(request, "deleted_libraries", shown[-1])


def test_a_process_that_has_ended_or_is_not_ours_to_read_is_no_failure(tmp_path: Path) -> None:
    reader = DeletedLibraries(tmp_path)
    assert reader.read("12") == Process(frozenset())
    body = reader.body({"1": Process(None), "2": Process(None), "3": Process(frozenset())})
    assert body.endswith(b"\nhale_processes_libraries_unknown 2\n")
    assert b"linking" not in body


def test_of_mappings_without_end_the_beginning_is_read(tmp_path: Path) -> None:
    played(tmp_path, 5, MAPS)
    with (tmp_path / "5/maps").open("ab") as file:
        file.truncate(20 * MOST_BYTES)
    assert DeletedLibraries(tmp_path).read("5").libraries == {CRYPTO, SSL}


@pytest.mark.looptime(start=0)
async def test_a_process_whose_mappings_hang_costs_only_itself(
    tmp_path: Path, filer: HungMounts
) -> None:
    """Its lock is held by what hangs in the kernel, for which a file system that hangs stands."""
    played(tmp_path, 1, b"")
    played(tmp_path, 5, MAPS)
    (tmp_path / "6").mkdir()
    (tmp_path / "6/maps").symlink_to(filer.file)
    shown = list[bytes]()
    await Readings(DeletedLibraries(tmp_path), Threads(), timeout=0.3).collect(shown.append)
    assert b'hale_unit_processes_linking_deleted_libraries{unit="nginx.service"} 1\n' in shown[-1]


async def test_a_library_that_is_replaced_under_a_process_is_found_by_the_real_proc(
    tmp_path: Path,
) -> None:
    library = tmp_path / "lib" / "libown.so"
    library.parent.mkdir()
    zlib.crc32(b"")  # so that it is mapped
    maps = Path("/proc/self/maps").read_text().splitlines()
    shutil.copy(next(row.split()[-1] for row in maps if "libz.so" in row), library)
    hold = f"import ctypes, sys; ctypes.CDLL({str(library)!r}); print(flush=True); sys.stdin.read()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", hold),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    await process.stdout.readline()
    library.unlink()
    found = DeletedLibraries(Path("/proc")).read(str(process.pid))
    process.stdin.close()
    await process.wait()
    assert found.libraries == {str(library)}
