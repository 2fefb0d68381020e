"""The test's own Docker leaves nothing behind, however it ends."""

import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from tests.compose.daemon import HOME, PREFIX, ROOT, TOOLS, Docker, left_behind, processes, started

pytestmark = pytest.mark.lab


def something_runs(docker: Docker) -> None:
    """Start a container on a network and with a volume: everything that could stay."""
    archive = docker.directory / "busybox.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(TOOLS / "bin/busybox", "bin/busybox")
    with archive.open("rb") as file:
        docker.run("docker", "import", "-", "busybox", stdin=file.fileno())
    docker.run("docker", "network", "create", "other")
    command = ("/bin/busybox", "sleep", "1000")
    docker.run(
        "docker", "run", "--detach", "--network=other", "--volume=kept:/x", "busybox", *command
    )
    running = " ".join(processes(docker, docker.namespace))
    assert all(one in running for one in ("dockerd", "containerd", "shim", "sleep 1000"))


def test_where_containers_cannot_run_the_reason_is_told_and_nothing_is_left() -> None:
    less = ("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin")
    done = subprocess.run(
        (*less, sys.executable, "-m", "tests.compose.daemon"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "containers cannot run here" in done.stderr
    assert "Operation not permitted" in done.stderr
    mine = {one.name for one in HOME.glob(f"{PREFIX}*")}
    assert not {one for one in mine if not Path("/proc", one.removeprefix(PREFIX)).exists()}


def machine() -> tuple[bool, bool]:
    """Whether this machine's own network has a bridge of Docker's, and rules of Docker's."""
    rules = subprocess.run(("nft", "list", "ruleset"), capture_output=True, text=True, check=True)
    return Path("/sys/class/net/docker0").exists(), "DOCKER" in rules.stdout


def test_an_error_takes_everything_back_and_the_machines_network_never_knew() -> None:
    before = machine()
    seen = []
    with pytest.raises(ZeroDivisionError):
        fall_over(seen)
    ((docker, namespace, during),) = seen
    assert left_behind(docker, namespace) == []
    assert (during, machine()) == (before, before)


def fall_over(seen: list[tuple[Docker, str, tuple[bool, bool]]]) -> None:
    with started() as docker:
        something_runs(docker)
        seen.append((docker, docker.namespace, machine()))
        raise ZeroDivisionError


def test_a_test_that_is_killed_leaves_no_process_and_the_next_one_sweeps() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.compose.daemon"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        docker = Docker(HOME / f"{PREFIX}{child.pid}", int(child.stdout.readline()))
        something_runs(docker)
        namespace = docker.namespace
        os.kill(child.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while processes(docker, namespace) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes(docker, namespace) == []
    assert docker.directory.name not in Path("/proc/mounts").read_text()
    with started():
        assert left_behind(docker, namespace) == []
