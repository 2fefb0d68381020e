"""The node's hardware watchdogs, from /sys/class/watchdog, as node_exporter's `watchdog`.

Files: Documentation/ABI/testing/sysfs-class-watchdog of the kernel. How much time is left is asked of the hardware.
"""

from pathlib import Path

from exporter.exposition import Family, Kind
from exporter.gathered import Devices, Sample, sample
from exporter.sysfiles import entries, number, text


def _family(file: str, name: str = "") -> Family:
    return Family(
        f"node_watchdog_{name or file}",
        Kind.GAUGE,
        f"Value of /sys/class/watchdog/<watchdog>/{file}",
    )


NUMBERS = {
    "access_cs0": _family("access_cs0"),
    "bootstatus": _family("bootstatus"),
    "fw_version": _family("fw_version"),
    "nowayout": _family("nowayout"),
    "pretimeout": _family("pretimeout", "pretimeout_seconds"),
    "timeleft": _family("timeleft", "timeleft_seconds"),
    "timeout": _family("timeout", "timeout_seconds"),
}
WORDS = ("identity", "options", "pretimeout_governor", "state", "status")
INFO = Family("node_watchdog_info", Kind.GAUGE, "Info of /sys/class/watchdog/<watchdog>")


def watchdogs(folder: Path) -> Devices:
    """Return how /sys/class/watchdog is read."""

    def find() -> list[str]:
        return [one.name for one in entries(folder)]

    def read(name: str) -> tuple[Sample, ...]:
        return tuple(_samples(folder / name))

    return Devices("watchdog", find, read)


def _samples(folder: Path) -> list[Sample]:
    words = {word: text(folder / word) or "" for word in WORDS}
    labels = {"name": folder.name, **words}
    found = [sample(INFO, 1, **dict(sorted(labels.items())))]
    for file, family in NUMBERS.items():
        if (value := number(text(folder / file))) is not None:
            found.append(sample(family, value, name=folder.name))
    return found
