"""What the command line decides, as frozen values."""

from dataclasses import dataclass
from pathlib import Path

from exporter.cutting import MOST_SERIES
from exporter.inventory import OFFERS
from exporter.offers import AS_IT_IS, Chosen

COLLECTORS = tuple(offer.name for offer in OFFERS)
DEFAULTS = frozenset(offer.name for offer in OFFERS if offer.default)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; `host` None means every address, `port` 0 any free one."""

    host: str | None
    port: int


@dataclass(frozen=True, slots=True)
class Settings:
    """One command line.

    Attributes:
        systemd_socket: Whether systemd has opened the sockets, and `listen` does not count.
        web_config_file: The web-config.yml; None for plain HTTP without passwords.
        most_requests: Scrapes that are answered at the same time; 0 for any number.
        chosen: The flags of the collectors.
        kmsg: A kernel log to follow besides the journal; None for none.
        max_series: What one collector may serve.
        config_file: The exporter.yml; None for no services and no peers.
        without_systemd: Whether this machine has none, so that probes alone decide what serves.
        own_metrics: Whether process_* and python_info are served.
    """

    listen: tuple[Address, ...] = (Address(None, 9100),)
    systemd_socket: bool = False
    web_config_file: Path | None = None
    telemetry_path: str = "/metrics"
    most_requests: int = 40
    procfs: Path = Path("/proc")
    sysfs: Path = Path("/sys")
    rootfs: Path = Path("/")
    udev_data: Path = Path("/run/udev/data")
    kmsg: Path | None = None
    enabled: frozenset[str] = DEFAULTS
    chosen: Chosen = AS_IT_IS
    max_series: int = MOST_SERIES
    config_file: Path | None = None
    without_systemd: bool = False
    own_metrics: bool = True
