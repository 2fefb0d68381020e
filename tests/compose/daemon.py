"""A Docker of the test's own, in namespaces of its own, that leaves nothing behind.

dockerd is PID 1 of its process namespace and mounts in its own mount namespace. So the kernel ends
containerd, shims, containers, mounts and networks with it, however the test ends; all that is left
then is a directory and control groups, both named after the process that made them, and the next
start sweeps those of processes that live no more.

`python -m tests.compose.daemon` starts one, says so, and waits.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".tools/docker"
HOME = Path("/var/cache/hale")
PREFIX = "hale-compose-"
CGROUPS = Path("/sys/fs/cgroup")
SECONDS = 60.0
"""Until dockerd answers, and until its namespaces are gone."""


class DockerError(Exception):
    """A command failed; the message has all that it said."""


@dataclass(frozen=True, slots=True)
class Docker:
    """A running dockerd.

    Attributes:
        directory: Holds its socket, its log and all its data.
        leader: Its process id here; 1 in its own namespace.
    """

    directory: Path
    leader: int

    def run(self, *argv: str, stdin: "int | None" = None, timeout: float = 300.0) -> str:
        """Run a program that talks to this dockerd and return what it printed.

        Raises:
            DockerError: It failed, or did not end in time.
        """
        try:
            done = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                capture_output=True,
                text=True,
                timeout=timeout,
                cwd=ROOT,
                env=environment(self.directory),
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise DockerError(f"{' '.join(argv)}: did not end within {timeout:g} s") from late
        if done.returncode:
            raise DockerError(f"{' '.join(argv)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def compose(self, *argv: str, timeout: float = 300.0) -> str:
        """Run docker-compose 1.29.2 on the checkout's file.

        Raises:
            DockerError: It failed, or did not end in time.
        """
        program = TOOLS / "usr/bin/docker-compose"
        command = [str(program)] if program.exists() else [str(shutil.which("docker-compose"))]
        # Its first line names a Python by way of PATH, and the test's has none of its modules.
        return self.run("/usr/bin/python3", *command, *argv, timeout=timeout)

    @property
    def namespace(self) -> str:
        """Its process namespace, as the kernel names it, which all that it starts is in."""
        return str(Path(f"/proc/{self.leader}/ns/pid_for_children").readlink())

    def inside(self, *argv: str) -> str:
        """Run a program in dockerd's network, where published ports are on loopback.

        Raises:
            DockerError: It failed, or did not end in time.
        """
        return self.run("nsenter", f"--net=/proc/{self.leader}/ns/net", *argv, timeout=20.0)


def environment(directory: Path) -> Mapping[str, str]:
    """Return the variables with which the unpacked programs find each other, and dockerd."""
    path = (TOOLS / "usr/bin", TOOLS / "usr/sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
    libraries = next((TOOLS / "usr/lib").glob("*-linux-gnu"), TOOLS / "usr/lib")
    return {
        "PATH": ":".join(map(str, path)),
        "LD_LIBRARY_PATH": str(libraries),
        "XTABLES_LIBDIR": f"{libraries}/xtables:/{libraries.relative_to(TOOLS)}/xtables",
        "PYTHONPATH": str(TOOLS / "usr/lib/python3/dist-packages"),
        "DOCKER_HOST": f"unix://{directory}/docker.sock",
        "DOCKER_BUILDKIT": "0",
        "COMPOSE_PROJECT_NAME": "hale",
        "HOME": str(directory),
        "LC_ALL": "C.UTF-8",
    }


@contextmanager
def started() -> Iterator[Docker]:
    """Run a dockerd, and take everything of it back.

    Raises:
        DockerError: It does not start; the message has its log. Nothing is left.
    """
    if os.geteuid() != 0:
        raise DockerError("containers cannot run here: this needs root")
    sweep()
    directory = HOME / f"{PREFIX}{os.getpid()}"
    directory.mkdir(parents=True)
    keeper = _start(directory)
    try:
        leader = _leader(keeper, directory / "log")
        docker = Docker(directory, leader)
        _wait_until_it_answers(docker, keeper)
        yield docker
    finally:
        _end(keeper)
        remove(directory.name)


def _start(directory: Path) -> "subprocess.Popen[bytes]":
    dockerd = (
        *("dockerd", "--host", f"unix://{directory}/docker.sock", "--pidfile", f"{directory}/pid"),
        *("--data-root", f"{directory}/data", "--exec-root", f"{directory}/run"),
        *("--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", f"/{directory.name}"),
    )
    # If the test is killed, the kernel kills the keeper, and with it dockerd and all that is below.
    keeper = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--fork")
    alone = ("--mount-proc", "--kill-child", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(
            (*keeper, *alone, *dockerd),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(directory),
        )


def _leader(keeper: "subprocess.Popen[bytes]", log: Path) -> int:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and keeper.poll() is None:
        if found := _children(keeper):
            return found[0]
        time.sleep(0.02)
    raise DockerError(f"containers cannot run here:\n{log.read_text()}")


def _children(keeper: "subprocess.Popen[bytes]") -> list[int]:
    try:
        text = Path(f"/proc/{keeper.pid}/task/{keeper.pid}/children").read_text()
    except OSError:
        return []  # it has ended
    return [int(one) for one in text.split()]


def _end(keeper: "subprocess.Popen[bytes]") -> None:
    # dockerd first: the keeper collects it then, and ends by itself.
    for child in _children(keeper):
        os.kill(child, signal.SIGKILL)
    try:
        keeper.wait(SECONDS)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()


def _wait_until_it_answers(docker: Docker, keeper: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and keeper.poll() is None:
        try:
            docker.run("docker", "info", timeout=10.0)
        except DockerError:
            time.sleep(0.2)
        else:
            return
    said = (docker.directory / "log").read_text()
    raise DockerError(f"containers cannot run here, dockerd does not answer:\n{said}")


def left_behind(docker: Docker, namespace: str) -> list[str]:
    """Return what is left on this machine of a dockerd: mounts, control groups, files, processes."""
    name = docker.directory.name
    found = [line for line in Path("/proc/mounts").read_text().splitlines() if name in line]
    found += [str(group) for group in groups() if group.name == name]
    found += [str(docker.directory)] if docker.directory.exists() else []
    return found + processes(docker, namespace)


def processes(docker: Docker, namespace: str) -> list[str]:
    """Return the command lines of dockerd and its children, and of what runs in containers."""
    name = docker.directory.name
    found = [_command(process, name, namespace) for process in Path("/proc").glob("[0-9]*")]
    return [command for command in found if command]


def _command(process: Path, name: str, namespace: str) -> str:
    """Return a process' command line; empty for one of others, and for one that has ended."""
    try:
        contained = f"/{name}/" in (process / "cgroup").read_text()
        if contained or str((process / "ns/pid").readlink()) == namespace:
            return (process / "cmdline").read_text().replace("\0", " ")
    except OSError:
        pass  # it has just ended
    return ""


def sweep() -> None:
    """Remove what killed tests left behind."""
    for name in {path.name for path in (*HOME.glob(f"{PREFIX}*"), *groups())}:
        if not Path("/proc", name.removeprefix(PREFIX)).exists():
            remove(name)


def groups() -> list[Path]:
    """Return the control groups of every such dockerd, in all hierarchies."""
    return [*CGROUPS.glob(f"{PREFIX}*"), *CGROUPS.glob(f"*/{PREFIX}*")]


def remove(name: str) -> None:
    """Remove one's directory and control groups; its processes are dead, or are about to be.

    Raises:
        DockerError: A control group stays in use.
    """
    deadline = time.monotonic() + SECONDS
    mine = [group for group in groups() if group.name == name]
    while any(not _removed(group) for group in mine):
        if time.monotonic() > deadline:
            raise DockerError(f"still in use: {[str(group) for group in mine if group.exists()]}")
        time.sleep(0.05)
    shutil.rmtree(HOME / name, ignore_errors=True)


def _removed(group: Path) -> bool:
    """Remove a control group and those below it; say whether it is gone."""
    try:
        for below in sorted(group.rglob("*/"), key=lambda path: len(path.parts), reverse=True):
            below.rmdir()
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False  # its last processes are not collected yet
    return True


def main() -> None:
    """Start one and wait to be killed."""
    with started() as docker:
        print(docker.leader, flush=True)
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
