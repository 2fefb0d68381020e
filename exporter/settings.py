"""What the command line decides, as frozen values."""

import re
from dataclasses import dataclass
from pathlib import Path

from exporter.collectors.diskstats import DEVICE_EXCLUDE
from exporter.collectors.filesystem import FS_TYPES_EXCLUDE, MOUNT_POINTS_EXCLUDE, MOUNT_TIMEOUT
from exporter.devices import EVERY, Devices

COLLECTORS = (
    "addresses",
    "cpu",
    "diskstats",
    "filesystem",
    "keepalived",
    "loadavg",
    "marks",
    "meminfo",
    "netdev",
    "peers",
    "pressure",
    "services",
    "stat",
    "uname",
)
DISKS = Devices(exclude=re.compile(DEVICE_EXCLUDE))


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; `host` None means every address, `port` 0 any free one."""

    host: str | None
    port: int


@dataclass(frozen=True, slots=True)
class Settings:
    """One command line.

    Attributes:
        config_file: The exporter.yml; None for no services and no peers.
        cpu_guest: Whether the time of guests is served by itself.
        mount_timeout: Seconds until a mount is given up for one round.
        without_systemd: Whether this machine has none, so that probes alone decide what serves.
        own_metrics: Whether process_* and python_info are served.
    """

    listen: tuple[Address, ...] = (Address(None, 9100),)
    telemetry_path: str = "/metrics"
    procfs: Path = Path("/proc")
    sysfs: Path = Path("/sys")
    rootfs: Path = Path("/")
    udev_data: Path = Path("/run/udev/data")
    enabled: frozenset[str] = frozenset(COLLECTORS)
    config_file: Path | None = None
    cpu_guest: bool = True
    disks: Devices = DISKS
    marks_file: Path = Path("/run/hale-gate/marks.json")
    network_devices: Devices = EVERY
    mount_points_exclude: re.Pattern[str] = re.compile(MOUNT_POINTS_EXCLUDE)
    fs_types_exclude: re.Pattern[str] = re.compile(FS_TYPES_EXCLUDE)
    mount_timeout: float = MOUNT_TIMEOUT
    without_systemd: bool = False
    own_metrics: bool = True
