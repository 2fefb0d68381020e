"""The BMC's sensors and its event log, from what hale-ipmi.service last heard, as ipmi_exporter names it.

Asking a BMC takes root and some seconds, and some never answer, so this only reads files of /run.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import structlog

from exporter import ipmi, spool
from exporter.collector import Absent, Malformed, OnScrape
from exporter.gathered import Sample, sample, written
from exporter.spool import OLD, ROUND, Answer, Outcome

log = structlog.get_logger()

Stamp = tuple[int, int, int]


class Heard(NamedTuple):
    """One file, taken apart; `said` is None where it could not be, or nothing was answered."""

    stamp: Stamp
    answer: Answer
    said: tuple[Sample, ...] | None


class Ipmi(OnScrape):
    """Serves ipmi_*."""

    name = "ipmi"

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        """Read nothing yet.

        Args:
            folder: Where the helper writes.
            now: Seconds of CLOCK_MONOTONIC.
        """
        self._folder = folder
        self._now = now
        self._heard: dict[Path, Heard] = {}

    def collect(self) -> bytes:
        """Take apart the files that were replaced since the last scrape.

        Raises:
            Absent: The helper does not run here, or FreeIPMI is not installed.
            Malformed: It ended long ago, or left something else.
            OSError: Its files could not be read.
        """
        try:
            files = spool.listed(self._folder)
        except FileNotFoundError:
            raise Absent(f"{self._folder} is not there: hale-ipmi.timer is not enabled") from None
        self._heard = {path: self._take_apart(path, stamp) for path, stamp in files.items()}
        round_ = self._heard.get(self._folder / spool.file_name(ROUND))
        told = round_.answer if round_ else None
        spool.judge(told, self._now(), "hale-ipmi.service")
        if len(self._heard) == 1:
            raise Absent((told.reason if told else "") or "ipmi: there is no BMC")
        return written(self._samples())

    def _take_apart(self, path: Path, stamp: Stamp) -> Heard:
        known = self._heard.get(path)
        if known is not None and known.stamp == stamp:
            return known
        answer = spool.read(path)
        if answer.device not in ipmi.QUESTIONS or answer.outcome is not Outcome.ANSWERED:
            return Heard(stamp, answer, None)
        try:
            return Heard(stamp, answer, tuple(ipmi.parse(answer.device, answer.output)))
        except Malformed as error:
            log.warning(
                "device.unread", collector=self.name, device=answer.device, reason=str(error)
            )
            return Heard(stamp, answer, None)

    def _samples(self) -> Iterator[Sample]:
        for heard in self._heard.values():
            answer = heard.answer
            if answer.device not in ipmi.QUESTIONS:
                continue
            said = heard.said if self._now() - (answer.answered or -OLD) <= OLD else None
            yield sample(ipmi.UP, said is not None, collector=answer.device)
            yield from said or ()
