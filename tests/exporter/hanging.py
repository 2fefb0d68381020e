"""What tests need to hang things for real: mounts that answer nothing, and an exporter in a process of its own."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

LOCAL = "127.0.0.1"
PATIENCE = 20.0  # seconds until a test that waits for something real gives up
SERVER = Path(__file__).with_name("hung_mounts.py")


def skip_without_fuse() -> None:
    """Skip where file systems cannot be made to hang, and say why."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    if shutil.which("nsenter") is None:
        pytest.skip("no nsenter (util-linux)")
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as error:
        pytest.skip(f"no FUSE here: {error}")


@dataclass(frozen=True, slots=True)
class HungMounts:
    """File systems that hang until they are told to answer, in a mount namespace of their own."""

    paths: tuple[Path, ...]
    process: "subprocess.Popen[str]"

    @property
    def inside(self) -> tuple[str, ...]:
        """The beginning of a command line that is to run where these mounts are; it dies with us."""
        namespace = f"--mount=/proc/{self.process.pid}/ns/mnt"
        return ("nsenter", namespace, "setpriv", "--pdeathsig", "KILL")

    @property
    def file(self) -> Path:
        """A path for which whoever looks waits, wherever it runs; ended with us."""
        return Path(f"/proc/{self.process.pid}/root{self.paths[0]}/file")

    @property
    def table(self) -> bytes:
        """The mount table there."""
        return Path(f"/proc/{self.process.pid}/mounts").read_bytes()

    def tell(self, word: str) -> None:
        """Have them `answer` or `hang`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline().strip() == word

    def hold(self, pid: int) -> None:
        """Return once a thread of a process waits for one of them, and no signal ends its wait any more."""
        end = time.monotonic() + PATIENCE
        while not any(
            "request_wait" in _where(task) for task in Path(f"/proc/{pid}/task").iterdir()
        ):
            assert time.monotonic() < end
            time.sleep(0.01)
        # What was asked before the first word is taken before the second.
        self.tell("hang")
        self.tell("hang")


def _where(task: Path) -> str:
    """Return the kernel's function in which a thread waits; empty for one that has ended."""
    try:
        return (task / "wchan").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


@contextmanager
def hung_mounts(folder: Path, number: int) -> Iterator[HungMounts]:
    """Mount so many; afterwards whoever still waits for one gets an error."""
    paths = tuple(folder / f"filer{one}" for one in range(number))
    for path in paths:
        path.mkdir()
    with subprocess.Popen(
        [sys.executable, str(SERVER), *map(str, paths)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "hang\n"
            yield HungMounts(paths, process)
        finally:
            process.kill()


def proc_tree(folder: Path, mounts: bytes) -> Path:
    """Make a /proc in which PID 1 has these mounts, and everything else is as it is."""
    proc = folder / "proc"
    (proc / "1").mkdir(parents=True)
    (proc / "1/mounts").write_bytes(mounts)
    for there in Path("/proc/1").iterdir():
        if there.name != "mounts":
            (proc / "1" / there.name).symlink_to(there)
    for there in Path("/proc").iterdir():
        if not there.name.isdigit():
            (proc / there.name).symlink_to(there)
    return proc


def sensors(folder: Path, hung: Path) -> Path:
    """Make a /sys in which of every kind of device one blocks, as a bus that hangs does, and one answers.

    Its files are links to `hung`, for which whoever opens it waits. The names are those of the kernel's ABI
    (Documentation/ABI/testing/sysfs-class-hwmon, -thermal, -power, -net, sysfs-devices-system-cpu).
    """
    sys_ = folder / "sys"
    for name, text in SYSFS.items():
        path = sys_ / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.symlink_to(hung)
        else:
            path.write_text(text)
    return sys_


SYSFS = {
    "class/hwmon/hwmon0/name": "nct6775\n",
    "class/hwmon/hwmon0/temp1_input": None,
    "class/hwmon/hwmon0/fan1_input": None,
    "class/hwmon/hwmon1/name": "k10temp\n",
    "class/hwmon/hwmon1/temp1_input": "41500\n",
    "class/thermal/thermal_zone0/type": "x86_pkg_temp\n",
    "class/thermal/thermal_zone0/policy": "step_wise\n",
    "class/thermal/thermal_zone0/temp": None,
    "class/thermal/thermal_zone1/type": "acpitz\n",
    "class/thermal/thermal_zone1/policy": "step_wise\n",
    "class/thermal/thermal_zone1/temp": "27800\n",
    "class/thermal/cooling_device0/type": "Processor\n",
    "class/thermal/cooling_device0/max_state": "10\n",
    "class/thermal/cooling_device0/cur_state": None,
    "class/power_supply/BAT0/type": "Battery\n",
    "class/power_supply/BAT0/capacity": None,
    "class/power_supply/BAT0/voltage_now": None,
    "class/power_supply/BAT1/type": "Battery\n",
    "class/power_supply/BAT1/capacity": "80\n",
    "devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": None,
    "devices/system/cpu/cpu0/cpufreq/cpuinfo_cur_freq": None,
    "devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "1200000\n",
    "class/net/eth0/address": "02:00:00:00:00:01\n",
    "class/net/eth0/operstate": "up\n",
    "class/net/eth0/speed": None,
    "class/net/eth0/duplex": None,
    "class/net/eth0/phys_port_id": None,
    "class/net/eth0/phys_switch_id": None,
    "class/net/eth1/operstate": "up\n",
    "class/net/bonding_masters": "bond0 bond1\n",
    "class/net/bond0/bonding/slaves": None,
    "class/net/bond1/bonding/slaves": "\n",
    "class/infiniband/mlx5_0/fw_ver": None,
    "class/infiniband/mlx5_1/ports/1/state": "4: ACTIVE\n",
    "class/fc_host/host0/port_state": None,
    "class/fc_host/host1/port_state": "Online\n",
    "class/fc_host/host1/statistics/nos_count": "0x2\n",
}


@dataclass(frozen=True, slots=True)
class Served:
    """A running hale-exporter."""

    process: "subprocess.Popen[bytes]"
    base: str

    def scrape(self, query: str = "") -> str:
        """Scrape once."""
        url = f"{self.base}/metrics{query}"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 - our own URL
            text: str = answer.read().decode()
        return text

    def until(self, *samples: str, within: float = PATIENCE) -> str:
        """Scrape until these lines are there."""
        end = time.monotonic() + within
        while True:
            body = self.scrape()
            if set(samples) <= set(body.splitlines()):
                return body
            assert time.monotonic() < end, f"never seen: {set(samples) - set(body.splitlines())}"
            time.sleep(0.05)

    @property
    def threads(self) -> int:
        """How many threads it has."""
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    @property
    def descriptors(self) -> int:
        """How many files it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


@contextmanager
def exporter(
    flags: Sequence[str],
    inside: Sequence[str] = (),
    let_go: Callable[[], None] = lambda: None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Served]:
    """Run an exporter until the context ends; it listens when this yields, and has not been scraped.

    Args:
        flags: Its command line.
        inside: What comes before that, to run it elsewhere.
        let_go: Ends what it hangs in, or it could not be killed.
        environment: What it sees besides ours.
    """
    program = str(Path(sys.executable).parent / "hale-exporter")
    with socket.socket() as probe:
        probe.bind((LOCAL, 0))
        port = probe.getsockname()[1]
    argv = [*inside, program, f"--web.listen-address={LOCAL}:{port}", *flags]
    with subprocess.Popen(
        argv, stderr=subprocess.PIPE, env=os.environ | dict(environment or {})
    ) as process:
        try:
            assert process.stderr is not None
            for row in process.stderr:
                if b"exporter.started" in row:
                    break
            else:
                raise AssertionError(f"hale-exporter ended with {process.wait()}")
            yield Served(process, f"http://{LOCAL}:{port}")
        finally:
            process.kill()
            let_go()


def states(body: str) -> dict[str, str]:
    """Each collector's state."""
    return dict(
        re.findall(r'^hale_collector_state\{collector="(\w+)",state="(\w+)"\} 1$', body, re.M)
    )
