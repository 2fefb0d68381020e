"""How fast the processors run, from /sys/devices/system/cpu/cpu*/cpufreq, as node_exporter's `cpufreq`.

Some drivers wake a processor, or wait some milliseconds for it, to say how fast it is.
"""

from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent
from exporter.exposition import Family, Kind
from exporter.gathered import Devices, Sample, sample
from exporter.processors import parse_ranges


def _hertz(name: str, text: str) -> Family:
    return Family(f"node_cpu_{name}", Kind.GAUGE, text)


# In kHz (Documentation/admin-guide/pm/cpufreq.rst); cpuinfo_cur_freq is root's to read.
FREQUENCIES = {
    "cpuinfo_cur_freq": _hertz("frequency_hertz", "Current CPU thread frequency in hertz."),
    "cpuinfo_avg_freq": _hertz("frequency_avg_hertz", "Average CPU thread frequency in hertz."),
    "cpuinfo_min_freq": _hertz("frequency_min_hertz", "Minimum CPU thread frequency in hertz."),
    "cpuinfo_max_freq": _hertz("frequency_max_hertz", "Maximum CPU thread frequency in hertz."),
    "scaling_cur_freq": _hertz(
        "scaling_frequency_hertz", "Current scaled CPU thread frequency in hertz."
    ),
    "scaling_min_freq": _hertz(
        "scaling_frequency_min_hertz", "Minimum scaled CPU thread frequency in hertz."
    ),
    "scaling_max_freq": _hertz(
        "scaling_frequency_max_hertz", "Maximum scaled CPU thread frequency in hertz."
    ),
}
GOVERNOR = Family(
    "node_cpu_scaling_governor", Kind.GAUGE, "Current enabled CPU frequency governor."
)


def cpufreq(sysfs: Path) -> Devices:
    """Return the collector's reader: how processors are found and one is read.

    Args:
        sysfs: Where /sys is.
    """
    folder = sysfs / "devices/system/cpu"

    def find() -> list[str]:
        offline = parse_ranges(sysfiles.content(folder / "offline") or b"")
        found = [
            cpu.name
            for cpu in sysfiles.entries(folder, "cpu[0-9]+")
            if (cpu / "cpufreq").exists() and int(cpu.name.removeprefix("cpu")) not in offline
        ]
        if not found:
            raise Absent("cpufreq: the kernel does not say how fast processors run")
        return found

    return Devices("cpufreq", find, lambda cpu: tuple(_read(cpu, folder / cpu / "cpufreq")))


def _read(device: str, folder: Path) -> Iterator[Sample]:
    cpu = device.removeprefix("cpu")
    for name, family in FREQUENCIES.items():
        kilohertz = sysfiles.whole(folder / name)
        if kilohertz is not None and kilohertz >= 0:
            yield sample(family, kilohertz * 1000, cpu=cpu)
    governor = sysfiles.text(folder / "scaling_governor")
    if governor:
        for one in (sysfiles.text(folder / "scaling_available_governors") or "").split():
            yield sample(GOVERNOR, one == governor, cpu=cpu, governor=one)
