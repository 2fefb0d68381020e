"""Kernel settings that the command line names, from /proc/sys (proc(5)), as node_exporter's `sysctl`."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from exporter.collector import Absent, Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.files import beginning
from exporter.gathered import Sample, sample, written

INFO = Family("node_sysctl_info", Kind.GAUGE, "sysctl info")
NAME = re.compile(r"[A-Za-z0-9_-]+([./][A-Za-z0-9_-]+)*")
KEY = re.compile(r"[A-Za-z0-9_]+")
MOST_BYTES = 128  # as node_exporter: of a longer one the beginning
WHOLE = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: `vm.swappiness`, or `net.ipv4.tcp_rmem:min,default,max` with a word for each of its numbers."""

    name: str
    keys: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        """The name of its series."""
        return "node_sysctl_" + re.sub(r"_*[^0-9A-Za-z_]+_*", "_", self.name)


def setting(text: str) -> Setting:
    """Read one as the command line names it.

    Raises:
        ValueError: It is no name of a setting, or a key cannot be part of a metric's name.
    """
    name, colon, rest = text.partition(":")
    keys = tuple(rest.split(",")) if colon else ()
    if not NAME.fullmatch(name) or not all(KEY.fullmatch(key) for key in keys):
        raise ValueError(f"wanted a setting such as vm.swappiness or a.b:x,y, saw {text!r}")
    return Setting(name, keys)


class Settings(OnScrape):
    """Serves node_sysctl_*."""

    name = "sysctl"

    def __init__(self, folder: Path, numbers: Iterable[Setting], words: Iterable[Setting]) -> None:
        """Read nothing yet.

        Args:
            folder: /proc/sys.
            numbers: Those whose numbers are shown.
            words: Those that are shown as labels.
        """
        self._folder = folder
        self._numbers = tuple(numbers)
        self._words = tuple(words)

    def collect(self) -> bytes:
        """Read each setting once.

        Raises:
            Absent: None is named.
            Malformed: One has no value, another number of them than keys, or one that is no number.
            OSError: One could not be read, for example since there is none of that name.
        """
        if not self._numbers and not self._words:
            raise Absent("no settings are named")
        found = [one for each in self._numbers for one in _numbers(each, self._read(each))]
        for each in self._words:
            found += [
                Sample(INFO, 1, (("index", str(at)), ("name", each.name), ("value", word)))
                for at, word in enumerate(self._read(each))
            ]
        return written(found)

    def _read(self, each: Setting) -> list[str]:
        said = beginning(self._folder / each.name.replace(".", "/"), MOST_BYTES)
        words = said.decode("utf-8", "replace").split()
        if not words:
            raise Malformed(f"sysctl: {each.name} has no value")
        return words


def _numbers(each: Setting, words: list[str]) -> Iterator[Sample]:
    if each.keys and len(each.keys) != len(words):
        raise Malformed(f"sysctl: {each.name} has {len(words)} values, and {len(each.keys)} keys")
    for at, word in enumerate(words):
        if not WHOLE.fullmatch(word):
            raise Malformed(f"sysctl: wanted whole numbers in {each.name}, saw {word[:40]!r}")
        if each.keys:
            text = f"sysctl {each.name}, field {at}"
            yield sample(Family(f"{each.metric}_{each.keys[at]}", Kind.UNTYPED, text), int(word))
        else:
            family = Family(each.metric, Kind.UNTYPED, f"sysctl {each.name}")
            yield sample(family, int(word), **({"index": str(at)} if len(words) > 1 else {}))
