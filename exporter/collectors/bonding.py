"""Bonded network devices as node_exporter's `bonding`, and each of their slaves, which that one only counts.

Source: /sys/class/net/bonding_masters (Documentation/networking/bonding.rst); what is in the folder `bonding_slave` of
each slave says drivers/net/bonding/bond_sysfs_slave.c. Several of these files wait for the lock of all network devices,
which a driver that hangs may hold for ever.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent, Malformed
from exporter.exposition import Family, Kind
from exporter.gathered import Devices, Sample, sample

SLAVES = Family(
    "node_bonding_slaves", Kind.GAUGE, "Number of configured slaves per bonding interface."
)
ACTIVE = Family("node_bonding_active", Kind.GAUGE, "Number of active slaves per bonding interface.")
UP = Family("hale_bonding_slave_up", Kind.GAUGE, "1 where the bond finds the slave's link up.")
USED = Family(
    "hale_bonding_slave_active", Kind.GAUGE, "1 where the slave carries traffic, 0 of a backup."
)
AGGREGATED = Family(
    "hale_bonding_slave_aggregated",
    Kind.GAUGE,
    "1 where the slave is in the bond's active aggregator (802.3ad), 0 where it is left out.",
)
FAILURES = Family(
    "hale_bonding_slave_link_failures_total", Kind.COUNTER, "How often the slave's link went down."
)

# net/core/dev.c, dev_valid_name().
NAME = re.compile(r"(?!\.{1,2}$)[^/:\0\s]{1,15}")


def bonding(sysfs: Path) -> Devices:
    """Return the collector's reader: how bonds are found and one is read.

    Args:
        sysfs: Where /sys is.
    """
    folder = sysfs / "class/net"

    def find() -> list[str]:
        masters = sysfiles.text(folder / "bonding_masters")
        if masters is None:
            raise Absent("bonding: the kernel's module is not loaded")
        return _names(masters)

    return Devices("bonding", find, lambda master: tuple(_bond(folder / master)))


def _bond(folder: Path) -> Iterator[Sample]:
    """Read one bond; none of a bond that is just going, or of whose slaves nobody can tell the state."""
    listed = sysfiles.text(folder / "bonding/slaves")
    if listed is None:
        return
    slaves = [(name, _slave(folder, name)) for name in _names(listed)]
    states = [sysfiles.text(slave / "mii_status") for _, slave in slaves]
    if None in states:
        return
    yield sample(SLAVES, len(slaves), master=folder.name)
    yield sample(ACTIVE, states.count("up"), master=folder.name)
    aggregator = sysfiles.whole(folder / "bonding/ad_aggregator")
    for (name, slave), state in zip(slaves, states, strict=True):
        labels = {"master": folder.name, "slave": name}
        yield sample(UP, state == "up", **labels)
        yield from _details(slave, aggregator, labels)


def _names(text: str) -> list[str]:
    """Return the devices that a file lists, each once.

    Raises:
        Malformed: No device can be called so.
    """
    names = list(dict.fromkeys(text.split()))
    if odd := [name for name in names if not NAME.fullmatch(name)]:
        raise Malformed(f"bonding: no device is called {odd[0][:20]!r}")
    return names


def _slave(folder: Path, name: str) -> Path:
    """Return a slave's folder; kernels before 3.18 call the link to it slave_*."""
    lower = folder / f"lower_{name}/bonding_slave"
    return lower if lower.is_dir() else folder / f"slave_{name}/bonding_slave"


def _details(slave: Path, aggregator: int | None, labels: dict[str, str]) -> Iterator[Sample]:
    if (state := sysfiles.text(slave / "state")) is not None:
        yield sample(USED, state == "active", **labels)
    own = sysfiles.whole(slave / "ad_aggregator_id")  # "N/A" of a bond that is not of mode 802.3ad
    if aggregator is not None and own is not None:
        yield sample(AGGREGATED, own == aggregator, **labels)
    failures = sysfiles.whole(slave / "link_failure_count")
    if failures is not None and failures >= 0:
        yield sample(FAILURES, failures, **labels)
