"""What Debian's packages wait for: updates by where they come from, those held back, and a reboot.

The names are those of apt_info.py, which node_exporter's users run for its textfile collector
(github.com/prometheus-community/node-exporter-textfile-collector-scripts). Rule: nothing is fetched and nothing is
locked; apt-get only says what it would do with the lists that the node has.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from exporter.blocking import Blocking
from exporter.clock import Clock
from exporter.collector import Absent, Malformed
from exporter.exposition import Family, Kind, block, line
from exporter.files import beginning
from exporter.programs import Ended

PENDING = Family("apt_upgrades_pending", Kind.GAUGE, "Apt packages pending updates by origin.")
HELD = Family("apt_upgrades_held", Kind.GAUGE, "Apt packages pending updates but held back.")
AUTOREMOVE = Family("apt_autoremove_pending", Kind.GAUGE, "Apt packages pending autoremoval.")
LISTS = Family("apt_package_cache_timestamp_seconds", Kind.GAUGE, "Apt update last run time.")
REBOOT = Family("node_reboot_required", Kind.GAUGE, "Node reboot is required for software updates.")
CHANGED = Family(
    "hale_packages_changed_timestamp_seconds",
    Kind.GAUGE,
    "When a package was last installed, updated or removed.",
)

# Seconds between two looks at the files, and between two questions at the least and at the most:
# without root apt-get reads all its lists each time, which takes two seconds of a processor.
LOOK = 60.0
LEAST, MOST = 600.0, 12 * 3600.0
DEADLINE = 120.0

# Somebody waits for the processor rather than for this.
APT = ("nice", "-n", "19", "apt-get", "--simulate", "-o", "Debug::NoLocking=true")
UPGRADE = (*APT, "--ignore-hold", "dist-upgrade")
AUTO = (*APT, "autoremove")
HOLDS = ("apt-mark", "showhold")

# apt-get's line for an update: `Inst NAME [OLD] (NEW ORIGIN, ORIGIN [ARCH])`; what is new has no OLD.
UPDATE = re.compile(r"Inst (\S+) \[[^\]]*\] \(\S+ ?(.*?) ?\[(\w+)\]\)")
# Bytes of a Release file that hold its head, signed or not.
HEAD = 4096

Origins = Mapping[str, str]


class Update(NamedTuple):
    """One package that could be updated.

    Attributes:
        origins: Where the new version comes from, as apt-get writes it: `Debian:12.15/stable`.
    """

    name: str
    origins: tuple[str, ...]
    arch: str


def parse(text: bytes) -> list[Update]:
    """Read what `apt-get --simulate dist-upgrade` would update, but not what it would install anew.

    Raises:
        Malformed: A line that begins as one of these goes on in another way.
    """
    found = []
    for row in text.decode("utf-8", "replace").splitlines():
        if not row.startswith("Inst ") or " [" not in row.partition(" (")[0]:
            continue
        match = UPDATE.match(row)
        if match is None:
            raise Malformed(f"apt-get: wanted `Inst NAME [OLD] (NEW ORIGIN [ARCH])`, saw {row!r}")
        origins = tuple(one.strip() for one in match[2].split(",") if one.strip())
        found.append(Update(match[1], origins, match[3]))
    return found


def release(head: str) -> tuple[str, str] | None:
    """Return how apt-get writes an origin and how apt_info.py does, from the head of a Release file.

    apt-get says LABEL:VERSION/SUITE (apt-pkg/pkgcache.cc, RelStr), python-apt ORIGIN:CODENAME/SUITE.
    """
    fields = dict(re.findall(r"^(Origin|Label|Suite|Version|Codename): *(.+?) *$", head, re.M))
    if not {"Suite", "Origin"} <= fields.keys():
        return None
    label, suite = fields.get("Label", fields["Origin"]), fields["Suite"]
    version = f"{fields['Version']}/" if "Version" in fields else ""
    codename = f"{fields['Codename']}/" if "Codename" in fields else "/"
    return f"{label}:{version}{suite}", f"{fields['Origin']}:{codename}{suite}"


def counted(updates: Iterable[Update], origins: Origins) -> dict[tuple[str, str], int]:
    """Count updates by origin and architecture; one series with 0 where there are none, as apt_info.py."""
    count = Counter(
        (",".join(sorted({origins.get(one, one) for one in update.origins})), update.arch)
        for update in updates
    )
    return dict(sorted(count.items())) or {("", ""): 0}


class Files(NamedTuple):
    """What the files of apt and dpkg say without anybody being asked.

    Attributes:
        changed: Unix time of the last change of any package.
        updated: Unix time of the last update of the lists; None when there was none.
        stamp: Changes whenever what apt-get would say may have changed.
    """

    changed: float
    updated: float | None
    reboot: bool
    stamp: tuple[float | None, ...]


def look(root: Path) -> Files:
    """Look at the files; nothing is opened.

    Raises:
        Absent: This is no Debian.
    """
    changed = _modified(root / "var/lib/dpkg/status")
    if changed is None:
        raise Absent("no /var/lib/dpkg/status")
    apt = root / "var/lib/apt"
    stamps = (
        "periodic/update-success-stamp",
        "periodic/update-stamp",
        "lists/partial",
    )
    updated = next((at for name in stamps if (at := _modified(apt / name)) is not None), None)
    watched = (apt / "lists", apt / "extended_states", root / "etc/apt/preferences.d")
    stamp = (changed, updated, *map(_modified, watched))
    return Files(changed, updated, (root / "run/reboot-required").is_file(), stamp)


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def known_origins(root: Path) -> dict[str, str]:
    """Read the heads of all Release files that apt has."""
    found = {}
    for file in sorted((root / "var/lib/apt/lists").glob("*Release")):
        try:
            pair = release(beginning(file, HEAD).decode("utf-8", "replace"))
        except OSError:  # an update of the lists is under way
            continue
        if pair is not None:
            found[pair[0]] = pair[1]
    return found


class Runs(Protocol):
    """Runs programs."""

    async def run(self, argv: Sequence[str], deadline: float, about: str = "") -> Ended:
        """Run one program to its end."""
        ...


class Apt:
    """Serves apt_* and node_reboot_required."""

    name = "apt"
    interval = LOOK
    deadline = 3 * DEADLINE + 10.0

    def __init__(self, root: Path, programs: Runs, blocking: Blocking, clock: Clock) -> None:
        """Ask nothing yet.

        Args:
            root: The node's /, whose own apt-get is asked.
            programs: Runs apt-get.
            blocking: Runs what waits for a disk.
            clock: For the time between two questions.
        """
        self._root = root
        self._programs = programs
        self._blocking = blocking
        self._clock = clock
        self._stamp: tuple[float | None, ...] = ()
        self._asked_at: float | None = None
        self._pending = b""
        self._refusal: Absent | Malformed | None = None

    async def collect(self, publish: Callable[[bytes], None]) -> None:
        """Look at the files, and ask apt-get where that may bring news.

        Raises:
            Absent: This is no Debian, or it has no apt-get.
            Malformed: apt-get failed, or said what cannot be understood.
            OSError: It could not be run.
        """
        files = await self._blocking.call("apt: files", lambda: look(self._root))
        if self._due(files):
            publish(self._pending + _about(files))
            self._asked_at, self._stamp = self._clock.monotonic(), files.stamp
            self._pending, self._refusal = b"", None
            try:
                self._pending = await self._ask()
            except (Absent, Malformed) as error:
                self._refusal = error
        publish(self._pending + _about(files))
        if (
            self._refusal is not None
        ):  # until it was asked again, which costs too much to do at once
            raise self._refusal

    def _due(self, files: Files) -> bool:
        if self._asked_at is None:
            return True
        age = self._clock.monotonic() - self._asked_at
        failed = self._refusal is not None or not self._pending
        return age >= MOST or (age >= LEAST and (failed or files.stamp != self._stamp))

    async def _ask(self) -> bytes:
        updates = parse(await self._said(UPGRADE))
        superfluous = (await self._said(AUTO)).decode("utf-8", "replace").splitlines()
        holds = (await self._said(HOLDS)).decode("utf-8", "replace").split()
        origins = await self._blocking.call("apt: lists", lambda: known_origins(self._root))
        return b"".join(
            (
                _by_origin(PENDING, updates, origins),
                _by_origin(HELD, _held(updates, holds), origins),
                block(
                    AUTOREMOVE,
                    [
                        line(
                            AUTOREMOVE.series(), sum(row.startswith("Remv ") for row in superfluous)
                        )
                    ],
                ),
            )
        )

    async def _said(self, argv: Sequence[str]) -> bytes:
        ended = await self._programs.run(argv, DEADLINE)
        if ended.status:
            said = ended.errors.decode("utf-8", "replace").strip().partition("\n")[0]
            raise Malformed(f"{' '.join(argv)}: exit status {ended.status}: {said}")
        return ended.output


def _held(updates: Iterable[Update], holds: Collection[str]) -> list[Update]:
    held = {name.partition(":")[0] for name in holds}
    return [one for one in updates if one.name in held]


def _by_origin(family: Family, updates: Iterable[Update], origins: Origins) -> bytes:
    return block(
        family,
        [
            line(family.series(origin=origin, arch=arch), count)
            for (origin, arch), count in counted(updates, origins).items()
        ],
    )


def _about(files: Files) -> bytes:
    shown = [(CHANGED, files.changed), (REBOOT, files.reboot)]
    if files.updated is not None:
        shown.append((LISTS, files.updated))
    return b"".join(block(family, [line(family.series(), value)]) for family, value in shown)
