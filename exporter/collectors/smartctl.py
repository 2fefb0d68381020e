"""SMART and NVMe health, from what hale-smart.service last heard of each disk, as smartctl_exporter names it.

Asking a disk takes rights and can take for ever, so this only reads files of /run, and takes apart only what is new.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from exporter import smart, smart_document, spool
from exporter.collector import Absent, OnScrape
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written
from exporter.spool import OLD, ROUND, Answer, Outcome

COUNT = Family("smartctl_devices", Kind.GAUGE, "Number of devices that smartctl found")
OUTCOME = Family(
    "hale_smart_outcome", Kind.GAUGE, "What came of asking a disk last; 1 for the present one."
)
ANSWERED = Family(
    "hale_smart_answer_timestamp_seconds",
    Kind.GAUGE,
    "When the disk gave the answer that is shown, in unixtime.",
)

Stamp = tuple[int, int, int]


class Disk(NamedTuple):
    """One file, taken apart.

    Attributes:
        said: The samples that only the disk itself could give; empty when it never answered.
        program: The version of smartctl, as the disk's answer has it.
    """

    stamp: Stamp
    answer: Answer
    said: tuple[Sample, ...]
    program: tuple[Sample, ...]


class Smartctl(OnScrape):
    """Serves smartctl_* and hale_smart_*."""

    name = "smartctl"

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        """Read nothing yet.

        Args:
            folder: Where the helper writes.
            now: Seconds of CLOCK_MONOTONIC.
        """
        self._folder = folder
        self._now = now
        self._disks: dict[Path, Disk] = {}
        self._shown: tuple[object, ...] = ()
        self._body = b""

    def collect(self) -> bytes:
        """Take apart the files that were replaced since the last scrape.

        Raises:
            Absent: The helper does not run here, or found neither smartctl nor a disk.
            Malformed: It ended long ago, could not look for disks, or left something else.
            OSError: Its files could not be read.
        """
        try:
            files = spool.listed(self._folder)
        except FileNotFoundError:
            raise Absent(f"{self._folder} is not there: hale-smart.timer is not enabled") from None
        self._disks = {path: self._disk(path, stamp) for path, stamp in files.items()}
        round_ = self._disks.pop(self._folder / spool.file_name(ROUND), None)
        told = round_.answer if round_ else None
        spool.judge(told, self._now(), "hale-smart.service")
        if not self._disks:
            raise Absent((told.reason if told else "") or "smartctl found no disk")
        # What is too old falls away without a file changing.
        young = [self._fresh(one.answer.answered) for one in self._disks.values()]
        shown = (tuple(one.stamp for one in self._disks.values()), tuple(young))
        if shown != self._shown:
            self._shown = shown
            self._body = written(self._samples(young))
        return self._body

    def _fresh(self, at: float | None) -> bool:
        return at is not None and self._now() - at <= OLD

    def _disk(self, path: Path, stamp: Stamp) -> Disk:
        known = self._disks.get(path)
        if known is not None and known.stamp == stamp:
            return known
        answer = spool.read(path)
        said = smart_document.parse(answer.output) if answer.output else None
        if said is None:
            return Disk(stamp, answer, (), ())
        program = tuple(smart.version(said))
        return Disk(stamp, answer, tuple(smart.samples(said, answer.device)), program)

    def _samples(self, young: list[bool]) -> Iterator[Sample]:
        disks = list(self._disks.values())
        yield sample(COUNT, len(disks))
        yield from next((one.program for one in disks if one.program), ())
        for disk, fresh in zip(disks, young, strict=True):
            device = disk.answer.device
            yield sample(OUTCOME, 1, device=device, outcome=disk.answer.outcome.value)
            if disk.answer.answered_at is not None:
                yield sample(ANSWERED, disk.answer.answered_at, device=device)
            # One that sleeps does not change: its last answer holds for as long as it sleeps.
            if fresh or disk.answer.outcome is Outcome.STANDBY:
                yield from disk.said
