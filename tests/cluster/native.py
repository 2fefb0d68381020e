"""The native programs that read what render writes, run as on a node but for their place.

Debian's packages are unpacked into .tools and never installed, so a program brings its libraries along, and the
users, files and interfaces that it looks for are put into a mount and network namespace of its own.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".tools"
_SEARCH = ":".join(str(TOOLS / place) for place in ("usr/bin", "usr/sbin"))


def tool(name: str) -> str:
    """Return a program's path, unpacked or installed; without it the test is skipped."""
    found = shutil.which(name, path=_SEARCH) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not here; run make tools")
    return found


def environment() -> dict[str, str]:
    """Return an environment in which unpacked programs find unpacked libraries."""
    folders = [*TOOLS.glob("usr/lib/*-linux-gnu"), *TOOLS.glob("lib/*-linux-gnu")]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, folders))}


def as_root() -> None:
    """Skip the test where no namespace can be made."""
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")


def in_namespaces(
    argv: Sequence[str | Path], folder: Path, interfaces: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a program where a user haproxy exists and these interfaces do, and return what it said.

    It is the first process of its namespace: keepalived 2.2.7's own test ends itself with SIGTERM where its parent
    is not process 0 and a script runs as another user (lib/notify.c, "main_pid != getppid()").
    """
    as_root()
    users = {"passwd": "haproxy:x:990:990::/nonexistent:/bin/false", "group": "haproxy:x:990:"}
    for name, line in users.items():
        there = Path("/etc", name).read_text()
        (folder / name).write_text(f"{there.rstrip()}\n{line}\n")
    setup = [f"mount --bind {folder / name} /etc/{name}" for name in users]
    setup += [
        f"ip link add {name} type veth peer name peer{n}" for n, name in enumerate(interfaces)
    ]
    script = " && ".join([*setup, 'exec "$@"'])
    return subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "sh", "-c", script, "sh", *argv],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def haproxy_says(config: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Have HAProxy check a configuration; exit status 0 and no warning is what one wants."""
    return in_namespaces([tool("haproxy"), "-c", "-f", config], folder)


def keepalived_says(
    config: Path, folder: Path, interfaces: Sequence[str]
) -> subprocess.CompletedProcess[str]:
    """Have keepalived check a configuration; exit status 0 and no word is what one wants."""
    return in_namespaces([tool("keepalived"), "--config-test", "-f", config], folder, interfaces)
