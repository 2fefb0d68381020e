"""What /proc/cpuinfo says of the processors (proc(5)), as node_exporter's `--collector.cpu.info` shows it."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from exporter.collector import Malformed
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written
from exporter.procfile import ProcFile

INFO = Family("node_cpu_info", Kind.GAUGE, "CPU information from /proc/cpuinfo.")
FREQUENCY = Family(
    "node_cpu_frequency_hertz", Kind.GAUGE, "CPU frequency in hertz from /proc/cpuinfo."
)


def _list(field: str, label: str) -> Family:
    text = f"The `{field}` field of CPU information from /proc/cpuinfo taken from the first core."
    return Family(f"node_cpu_{label}_info", Kind.GAUGE, text)


FLAG, BUG = _list("flags", "flag"), _list("bugs", "bug")

# node_exporter's labels, and the kernel's word for each (arch/x86/kernel/cpu/proc.c). Where a kernel has no such line,
# as on ARM, the label is empty.
LABELS = {
    "cachesize": "cache size",
    "core": "core id",
    "cpu": "processor",
    "family": "cpu family",
    "microcode": "microcode",
    "model": "model",
    "model_name": "model name",
    "package": "physical id",
    "stepping": "stepping",
    "vendor": "vendor_id",
}
MEGAHERTZ = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,6})?", re.ASCII)


class Processor(NamedTuple):
    """One processor: node_exporter's labels; hertz 0 where the kernel does not say; flags and bugs in its order."""

    labels: dict[str, str]
    hertz: float
    flags: tuple[str, ...]
    bugs: tuple[str, ...]


def parse(data: bytes) -> list[Processor]:
    """Read the paragraph of each processor, as x86 and ARM have them.

    Raises:
        Malformed: There is none, or a line that is a number has none.
    """
    found: list[dict[str, str]] = []
    for row in data.decode("utf-8", "replace").split("\n"):
        key, colon, value = row.partition(":")
        if key.strip() == "processor":
            found.append({})
        if colon and found:
            found[-1][key.strip()] = value.removeprefix(" ")
    if not found:
        raise Malformed(f"cpuinfo: wanted a line 'processor', saw {data[:60]!r}")
    return [_processor(one) for one in found]


def _processor(lines: dict[str, str]) -> Processor:
    number, speed = lines["processor"], lines.get("cpu MHz", "0")
    if not re.fullmatch(r"[0-9]{1,6}", number, re.ASCII) or not MEGAHERTZ.fullmatch(speed):
        raise Malformed(f"cpuinfo: wanted numbers, saw processor {number!r} with cpu MHz {speed!r}")
    return Processor(
        {label: lines.get(word, "") for label, word in LABELS.items()},
        float(speed) * 1e6,
        tuple(lines.get("flags", lines.get("Features", "")).split()),
        tuple(lines.get("bugs", "").split()),
    )


class CpuInfo:
    """Shows the processors' kind, and those of their flags and bugs that are asked for."""

    def __init__(
        self,
        file: ProcFile,
        flags: re.Pattern[str] | None,
        bugs: re.Pattern[str] | None,
        with_frequencies: Callable[[], bool],
    ) -> None:
        """Read nothing yet.

        Args:
            file: /proc/cpuinfo.
            flags: Which flags to show, by what it finds in them; None for none.
            bugs: Which bugs, likewise.
            with_frequencies: Whether to show the frequencies, which `cpufreq` may show under the same name.
        """
        self._file = file
        self._flags = flags
        self._bugs = bugs
        self._with_frequencies = with_frequencies

    def blocks(self) -> bytes:
        """Return the series for this moment.

        Raises:
            Absent, Malformed, OSError: The file is not there, could not be understood, or could not be read.
        """
        processors = parse(self._file.read())
        return written(self._samples(processors))

    def _samples(self, processors: list[Processor]) -> Iterator[Sample]:
        frequencies = self._with_frequencies()
        for one in processors:
            yield sample(INFO, 1, **one.labels)
            if frequencies:
                place = {label: one.labels[label] for label in ("core", "cpu", "package")}
                yield sample(FREQUENCY, one.hertz, **place)
        first = processors[0]
        yield from (sample(FLAG, 1, flag=one) for one in _kept(first.flags, self._flags))
        yield from (sample(BUG, 1, bug=one) for one in _kept(first.bugs, self._bugs))


def _kept(words: tuple[str, ...], asked: re.Pattern[str] | None) -> list[str]:
    return [word for word in words if asked is not None and asked.search(word)]
