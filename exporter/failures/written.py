r"""The catalogue as people write it: what lines tell of a failure, with the examples that hold it to that.

Each file of catalogue/ is one type of failure, or `benign.yml` with what only looks like one. An entry is

    - name: edac-corrected            # unique, and what `classify` prints
      cause: corrected memory error   # for people
      from: [kernel]                  # who may say so; left out for whoever
      words: [edac, ce]               # each is in the line, in lower case: looked for before the pattern
      one_of: [igb, igc]              # and one of these is, where many drivers fail in the same words; left out mostly
      pattern: 'EDAC (?P<device>MC\d+): \d+ CE '  # a regular expression, searched in what was said
      message_id: 0123...             # or systemd's id, in place of words; a pattern may stand beside it
      clears: [network_link]          # of benign ones: the types that are over, for the device that it names
      everywhere: true                # and for every other device too; left out for no
      part: true                      # of a report that another line began: it begins no condition and is not counted
      minor: true                     # takes nothing from the node, as what was corrected or is another's: calls nobody
      match: [...]                    # lines that it must match
      miss: [...]                     # lines that it must not; of a bare message_id, one that a user writes

    python -m exporter.failures.written     writes catalogue.json anew, which is what is read when serving

Rule: nothing here runs while the exporter serves.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from exporter.failures.entries import COMPACT, Entry, compact
from exporter.failures.kinds import BENIGN, Failure

MESSAGE_ID = re.compile(r"[0-9a-f]{32}")
NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
WORD = re.compile(r"[a-z0-9_]+")
KEYS = frozenset(
    {"name", "cause", "clears", "everywhere", "part", "minor", "from", "words", "one_of"}
    | {"pattern", "message_id", "match", "miss"}
)


@dataclass(frozen=True, slots=True)
class Written:
    """An entry and its examples.

    Attributes:
        match: Lines that must be this entry's.
        miss: Lines that must not.
    """

    entry: Entry
    match: tuple[str, ...]
    miss: tuple[str, ...]


def catalogue() -> tuple[Written, ...]:
    """Read the files of catalogue/.

    Raises:
        ValueError: An entry is not as it should be; the message names it.
    """
    folder = resources.files("exporter.failures") / "catalogue"
    files = sorted(one.name for one in folder.iterdir() if one.name.endswith(".yml"))
    found = [one for name in files for one in of_file(name, (folder / name).read_text("utf-8"))]
    names = [one.entry.name for one in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"catalogue: two entries are called {twice[0]}")
    return tuple(found)


def compacted() -> str:
    """Return what catalogue.json has to be."""
    return "".join(f"{compact(one.entry)}\n" for one in catalogue())


def of_file(name: str, text: str) -> Iterator[Written]:
    """Read the entries of one file, whose name is their type."""
    kind = name.removesuffix(".yml")
    if kind != BENIGN and kind not in list(Failure):
        raise ValueError(f"{name}: {kind} is no type of failure")
    for raw in yaml.safe_load(text) or ():
        yield _written(name, None if kind == BENIGN else Failure(kind), raw)


def _written(file: str, kind: Failure | None, raw: Mapping[str, Any]) -> Written:
    name = str(raw.get("name", ""))
    if wrong := next(_mistakes(name, kind, raw), ""):
        raise ValueError(f"{file}: {name or raw}: {wrong}")
    pattern = raw.get("pattern")
    entry = Entry(
        name,
        kind,
        str(raw["cause"]),
        tuple(map(Failure, raw.get("clears", ()))),
        bool(raw.get("everywhere", False)),
        bool(raw.get("part", False)),
        bool(raw.get("minor", False)),
        frozenset(map(str, raw.get("from", ()))),
        frozenset(str(word).encode() for word in raw.get("words", ())),
        frozenset(str(word).encode() for word in raw.get("one_of", ())),
        re.compile(pattern).pattern if pattern else "",
        str(raw.get("message_id", "")),
    )
    return Written(entry, tuple(raw["match"]), tuple(raw["miss"]))


def _mistakes(name: str, kind: Failure | None, raw: Mapping[str, Any]) -> Iterator[str]:
    pattern, message_id = raw.get("pattern"), raw.get("message_id", "")
    words = [*raw.get("words", ()), *raw.get("one_of", ())]
    clears = raw.get("clears", [])
    if not NAME.fullmatch(name):
        yield "an entry needs a name of small letters, digits and dashes"
    if unknown := sorted(set(raw) - KEYS):
        yield f"unknown key {unknown[:1]}"
    if bool(message_id) == bool(words) or (words and not pattern):
        yield "either words and pattern or message_id is needed"
    if message_id and not MESSAGE_ID.fullmatch(str(message_id)):
        yield "a message_id has 32 hex digits in lower case"
    if not all(WORD.fullmatch(str(word)) for word in words):
        yield f"not each of {words} is a word of small letters, digits and _"
    if not all(raw.get(key) for key in ("cause", "match", "miss")):
        yield "cause, match and miss are needed"
    if clears and (kind is not None or not set(clears) <= set(Failure)):
        yield "only a benign entry clears, and types of failures"
    if raw.get("part") and kind is None:
        yield "what is benign is no part of a failure's report"
    if raw.get("minor") and (kind is None or raw.get("part")):
        yield "only what begins a condition has a weight"


if __name__ == "__main__":
    (Path(__file__).parent / COMPACT).write_text(compacted(), encoding="utf-8")
