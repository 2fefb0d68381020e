"""Whether the files that services run from are as dpkg put them: binaries and libraries that changed, or are gone.

dpkg(1), --verify. Rule: configuration is its owner's to change, and what dpkg does not say is left out, never 0.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import structlog

from exporter.blocking import Blocking
from exporter.clock import Clock
from exporter.collector import Absent, Malformed
from exporter.config import Service
from exporter.exposition import Family, Kind
from exporter.gathered import sample, written
from exporter.programs import Ended

log = structlog.get_logger()

DAMAGED = Family(
    "hale_service_package_damaged_files",
    Kind.GAUGE,
    "Files of a package of a service that are missing or not as dpkg put them.",
)

# Seconds between two looks at whether packages changed, and between two rounds at the least where they did not. All
# files are read in each round, so that what a disk changes without a word is found too: as often as the share of its
# time allows that a round takes.
LOOK = 15.0
LEAST = 60.0
SHARE = 0.005
DEADLINE = 300.0

# Somebody waits for the processor rather than for this.
VERIFY = ("nice", "-n", "19", "dpkg", "--verify")
STATUS = "var/lib/dpkg/status"

# src/main/verify.c, verify_output_rpm: nine letters of which the third is the checksum's, `c` for a conffile. What
# cannot be read for want of rights has its error in brackets.
VERIFIED = re.compile(r"(missing  |[?.0-9A-Z]{9}) ([c ]) (/.*?)( \([A-Z][^()]*\))?")
# A node may leave these out (dpkg.cfg.d, path-exclude), and no service runs on them.
DOCUMENTS = re.compile(r"/usr/share/(doc|man|info|locale|lintian|gnome/help)/")


def damaged(text: bytes) -> list[str]:
    """Return the files that `dpkg --verify` finds missing or changed, but for configuration and documents.

    Raises:
        Malformed: A line of another form, such as one that says that the package is not installed.
    """
    found = []
    for row in text.decode("utf-8", "replace").splitlines():
        match = VERIFIED.fullmatch(row)
        if match is None:
            raise Malformed(f"dpkg --verify: wanted a file and how it is, saw {row!r:.200}")
        how, conffile, path, error = match.groups()
        wrong = error is None if how.startswith("missing") else how[2] not in "?."
        if wrong and conffile == " " and not DOCUMENTS.match(path):
            found.append(path)
    return found


class Runs(Protocol):
    """Runs programs."""

    async def run(self, argv: Sequence[str], deadline: float, about: str = "") -> Ended:
        """Run one program to its end."""
        ...


class Packages:
    """Serves hale_service_package_damaged_files."""

    name = "packages"
    interval = LOOK
    deadline = DEADLINE + 10.0

    def __init__(
        self,
        root: Path,
        services: Callable[[], Sequence[Service]],
        programs: Runs,
        blocking: Blocking,
        clock: Clock,
    ) -> None:
        """Ask nothing yet.

        Args:
            root: The node's /, whose own dpkg is asked.
            services: Returns those that are declared now.
            programs: Runs dpkg.
            blocking: Runs what waits for a disk.
            clock: For the time that a round takes, and between two.
        """
        self._root = root
        self._services = services
        self._programs = programs
        self._blocking = blocking
        self._clock = clock
        self._asked: tuple[object, ...] = ()
        self._next = 0.0
        self._found: Mapping[str, list[str]] = {}
        self._refusal: Malformed | None = None

    async def collect(self, publish: Callable[[bytes], None]) -> None:
        """Have dpkg read all files again where that is due, and show what it said last.

        Raises:
            Absent: No service has packages, or this is no Debian.
            Malformed: dpkg did not say of some package; the others are shown.
            OSError: It could not be run.
        """
        names = sorted({name for service in self._services() for name in service.packages})
        if not names:
            raise Absent("no service has packages")
        changed = await self._blocking.call("packages: status", self._changed)
        if (changed, *names) != self._asked or self._clock.monotonic() >= self._next:
            await self._ask(names)
            self._asked = (changed, *names)
        publish(self._body())
        if self._refusal is not None:
            raise self._refusal

    def _changed(self) -> float:
        try:
            return (self._root / STATUS).stat().st_mtime
        except FileNotFoundError as error:
            raise Absent(f"no /{STATUS}") from error

    async def _ask(self, names: Sequence[str]) -> None:
        began, found = self._clock.monotonic(), {}
        self._refusal = None
        for name in names:
            ended = await self._programs.run((*VERIFY, name), DEADLINE)
            try:
                if ended.status not in (0, 1) or (ended.status == 1 and not ended.output):
                    said = ended.errors.decode("utf-8", "replace").strip()[-200:]
                    raise Malformed(f"dpkg --verify {name}: exit status {ended.status}: {said}")
                found[name] = damaged(ended.output)
            except Malformed as error:
                self._refusal = error
        for name, paths in found.items():
            if paths and paths != self._found.get(name):
                log.warning("packages.damaged", package=name, files=len(paths), first=paths[0])
        now = self._clock.monotonic()
        self._found, self._next = found, now + max(LEAST, (now - began) / SHARE)

    def _body(self) -> bytes:
        return written(
            sample(DAMAGED, len(self._found[name]), service=service.name, package=name)
            for service in self._services()
            for name in service.packages
            if name in self._found
        )
