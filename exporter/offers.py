"""What a collector's row in the inventory says: its name, its flags, and how it is made.

A flag is typed: what `Chosen` returns for it is what its `read` made of the command line's word.
"""

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast

from exporter.clock import Clock
from exporter.collector import Background, OnScrape
from exporter.config import Config
from exporter.devices import EVERY, Devices
from exporter.units import Systemd
from exporter.vrrp import Vrrp

T = TypeVar("T")

NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Flag(Generic[T]):
    """One flag of a collector that takes a word, `--collector.NAME=WORD`.

    Attributes:
        name: What stands behind `--collector.`.
        default: The value where the flag is not given.
        read: Makes the value of the word; raises ValueError, whose text says what was wanted and seen.
        metavar: What `--help` calls the word.
        many: Whether it may be given several times; the value is then a list, and so is the default.
        was: Its name in older node_exporters, which is taken too, as there; empty for none.
    """

    name: str
    default: T
    read: Callable[[str], Any]
    help: str = ""
    metavar: str = "REGEXP"
    many: bool = False
    was: str = ""


@dataclass(frozen=True, slots=True)
class Switch:
    """One flag of a collector that is put on or off: `--collector.NAME` or `--no-collector.NAME`."""

    name: str
    default: bool
    help: str = ""


def expression(text: str) -> re.Pattern[str]:
    """Read a regular expression of what to leave out; an empty one leaves out nothing, as with node_exporter.

    Raises:
        ValueError: It is none.
    """
    return fields(text or r"(?!)")


def fields(text: str) -> re.Pattern[str]:
    """Read a regular expression of what to show; an empty one shows everything, as with node_exporter.

    Raises:
        ValueError: It is none, or means another thing here than in Go.
    """
    try:
        with warnings.catch_warnings():
            # Such as [[:alpha:]], which here is a set of letters and then a bracket: it would silently find nothing.
            warnings.simplefilter("error", FutureWarning)
            return re.compile(text)
    except FutureWarning as warning:
        raise ValueError(
            f"{text!r}: {warning}; write [[:alpha:]] and the like out, and \\[ for a bracket"
        ) from warning
    except re.error as error:
        raise ValueError(f"{text!r}: {error}") from error


def if_any(text: str) -> re.Pattern[str] | None:
    """Read a regular expression; an empty one is none, as with node_exporter.

    Raises:
        ValueError: It is none.
    """
    return fields(text) if text else None


def file_if_any(text: str) -> Path | None:
    """Read the name of a file; an empty one is none, as with node_exporter."""
    return Path(text) if text else None


@dataclass(frozen=True, slots=True)
class Pair:
    """The flags STEM-exclude and STEM-include, of which one at the most may be given.

    Attributes:
        stem: Such as `diskstats.device`.
        default: What is shown when neither is given.
        what: What they choose from, for `--help`.
        were: The two names in older node_exporters, of -exclude and of -include, as `Flag.was`.
    """

    stem: str
    default: Devices = EVERY
    what: str = "devices"
    were: tuple[str, str] = ("", "")

    @property
    def exclude(self) -> Flag[re.Pattern[str] | None]:
        """The flag whose matches are left out."""
        text = f"leave out these {self.what}"
        return Flag(f"{self.stem}-exclude", None, expression, text, was=self.were[0])

    @property
    def include(self) -> Flag[re.Pattern[str] | None]:
        """The flag whose matches alone are shown; an empty expression shows all, as with node_exporter."""
        text = f"show only these {self.what}"
        return Flag(f"{self.stem}-include", None, if_any, text, was=self.were[1])


class Chosen:
    """What the command line says about collectors' flags; the default for what it does not mention."""

    def __init__(self, values: Mapping[str, object] = NOTHING) -> None:
        """Take the values by their flags' names, each as the flag's `read` made it."""
        self._values = values

    def of(self, flag: Flag[T]) -> T:
        """Return a flag's value."""
        return cast("T", self._values.get(flag.name, flag.default))

    def on(self, switch: Switch) -> bool:
        """Return whether a switch is on."""
        return bool(self._values.get(switch.name, switch.default))

    def kept(self, pair: Pair) -> Devices:
        """Return what a pair of flags leaves to be shown."""
        given = Devices(self.of(pair.exclude), self.of(pair.include))
        return pair.default if given == EVERY else given


AS_IT_IS = Chosen()
"""Of a command line that names no flag of a collector."""


class Declarations:
    """What exporter.yml declares now, and who wants to hear when that changes."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._followers: list[Callable[[Config], None]] = []

    @property
    def now(self) -> Config:
        """The newest exporter.yml that could be used."""
        return self._config

    def follow(self, take: Callable[[Config], None]) -> None:
        """Call `take` with each later exporter.yml; not with this one."""
        self._followers.append(take)

    def declare(self, config: Config) -> None:
        """Tell everyone of a new exporter.yml."""
        self._config = config
        for take in self._followers:
            take(config)


@dataclass(frozen=True, slots=True)
class Node:
    """Where a collector finds what it needs of this node.

    Attributes:
        procfs: Where /proc is seen from here; sysfs, rootfs and udev_data likewise.
        clock: For ages and durations.
        chosen: The collectors' flags.
        declared: What exporter.yml says.
        systemd: Where units' states come from; None on a machine without.
        vrrp: Where the states of VRRP instances come from.
        kmsg: A kernel log that the journal has not; None for none.
        enabled: The names of the collectors that are on.
    """

    procfs: Path
    sysfs: Path
    rootfs: Path
    udev_data: Path
    clock: Clock
    chosen: Chosen
    declared: Declarations
    systemd: Systemd | None
    vrrp: Vrrp
    kmsg: Path | None = None
    enabled: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Offer:
    """One collector that can be switched on.

    Attributes:
        name: The collector's, as in `--collector.NAME`.
        make: Puts it together; connects and reads nothing yet.
        flags: All that begin with its name.
        default: Whether it is on when the command line does not say.
    """

    name: str
    make: Callable[[Node], OnScrape | Background]
    flags: tuple[Flag[Any] | Switch | Pair, ...] = ()
    default: bool = True
