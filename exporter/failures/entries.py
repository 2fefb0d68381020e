r"""The catalogue: what lines tell of a failure, as data.

Each file of catalogue/ is one type of failure, or `benign.yml` with what only looks like one. An entry is

    - name: edac-corrected            # unique, and what `classify` prints
      cause: corrected memory error   # for people
      from: [kernel]                  # who may say so; left out for whoever
      words: [edac, ce]               # each is in the line, in lower case: looked for before the pattern
      pattern: 'EDAC (?P<device>MC\d+): \d+ CE '  # a regular expression, searched in what was said
      message_id: 0123...             # or systemd's id, in place of words and pattern
      match: [...]                    # lines that it must match
      miss: [...]                     # lines that it must not

Rule: an entry is tried only on lines that have all of its words, so a word has to be one that few lines have.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from exporter.failures.kinds import BENIGN, Failure

MESSAGE_ID = re.compile(r"[0-9a-f]{32}")
NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
WORD = re.compile(r"[a-z0-9_]+")
KEYS = frozenset({"name", "cause", "from", "words", "pattern", "message_id", "match", "miss"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that lines tell.

    Attributes:
        type: What is proved; None for what only looks like a failure.
        writers: Who may say so, empty for whoever; a line whose writer is unknown may always.
        words: All are in a line that matches, in lower case, as `words_of` takes it apart; empty with `message_id`.
        pattern: Searched in the text; its group `device`, if it has one, is the device.
        message_id: In place of words and pattern.
        match: Lines that must be this entry's.
        miss: Lines that must not.
    """

    name: str
    type: Failure | None
    cause: str
    writers: frozenset[str]
    words: frozenset[bytes]
    pattern: re.Pattern[str] | None
    message_id: str
    match: tuple[str, ...]
    miss: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The type's word."""
        return BENIGN if self.type is None else self.type.value


def packaged() -> tuple[Entry, ...]:
    """Read the catalogue that comes with the exporter.

    Raises:
        ValueError: An entry is not as it should be; the message names it.
    """
    folder = resources.files("exporter.failures") / "catalogue"
    files = sorted(one.name for one in folder.iterdir() if one.name.endswith(".yml"))
    found = [entry for name in files for entry in of_file(name, (folder / name).read_text("utf-8"))]
    names = [entry.name for entry in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"catalogue: two entries are called {twice[0]}")
    return tuple(found)


def of_file(name: str, text: str) -> Iterator[Entry]:
    """Read the entries of one file, whose name is their type."""
    kind = name.removesuffix(".yml")
    if kind != BENIGN and kind not in list(Failure):
        raise ValueError(f"{name}: {kind} is no type of failure")
    for raw in yaml.safe_load(text) or ():
        yield _entry(name, None if kind == BENIGN else Failure(kind), raw)


def _entry(file: str, kind: Failure | None, raw: Mapping[str, Any]) -> Entry:
    name = str(raw.get("name", ""))
    where = f"{file}: {name or raw}"
    if not NAME.fullmatch(name):
        raise ValueError(f"{where}: an entry needs a name of small letters, digits and dashes")
    if unknown := set(raw) - KEYS:
        raise ValueError(f"{where}: unknown key {sorted(unknown)[0]}")
    words, pattern, message_id = raw.get("words", []), raw.get("pattern"), raw.get("message_id", "")
    if bool(words and pattern) == bool(message_id):
        raise ValueError(f"{where}: either words and pattern or message_id is needed")
    if message_id and not MESSAGE_ID.fullmatch(str(message_id)):
        raise ValueError(f"{where}: a message_id has 32 hex digits in lower case")
    for word in words:
        if not WORD.fullmatch(str(word)):
            raise ValueError(f"{where}: {word!r} is no word of small letters, digits and _")
    if not raw.get("cause") or not raw.get("match") or (pattern and not raw.get("miss")):
        raise ValueError(f"{where}: cause, match and miss are needed")
    return Entry(
        name,
        kind,
        str(raw["cause"]),
        frozenset(map(str, raw.get("from", ()))),
        frozenset(str(word).encode() for word in words),
        re.compile(pattern) if pattern else None,
        str(message_id),
        tuple(raw["match"]),
        tuple(raw.get("miss", ())),
    )
