"""A YAML document with the place of every value, and every mistake in it gathered.

Scalars are taken as they are written: `no` is a word and `22:30` is no number.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import yaml

from exporter.collector import Malformed
from exporter.config import ConfigError
from exporter.files import whole
from exporter.passwords import masked, shown

DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
WHOLE = re.compile(r"0|[1-9][0-9]*")
# Of a UTF-16 pair; YAML's escapes can say one, and no program, resolver or log can take it.
HALVES = re.compile("[\ud800-\udfff]")
# Larger than any real file by far; yaml.compose would take minutes for more.
MAX_BYTES = 1024 * 1024


def duration(text: str) -> float | None:
    """Read a duration such as 500ms, 2s or 5m; the seconds, or None when it is none."""
    match = DURATION.fullmatch(text)
    return float(match[1]) * SECONDS[match[2]] if match else None


class Place(Protocol):
    """What yaml knows of a value's place, counted from 0."""

    line: int
    column: int


class Mistakes:
    """The mistakes of one file, in the order in which they were found."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: list[tuple[int, int, str]] = []

    def add(self, mark: Place | None, path: str, text: str) -> None:
        """Note one mistake at its place; None is the beginning of the file."""
        where = f"{path}: " if path else ""
        row, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        self._found.append((row, column, where + text))

    def raise_if_any(self) -> None:
        """End the reading if there was a mistake.

        Raises:
            ConfigError: With all of them, in the order of their lines.
        """
        if self._found:
            found = sorted(self._found)
            raise ConfigError([f"{self._file}:{row}:{col}: {text}" for row, col, text in found])


def text_of(path: Path) -> str:
    """Return the text of a file.

    Raises:
        ConfigError: It cannot be read, or is no text.
    """
    try:
        return whole(path).decode()
    except (OSError, Malformed, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        text = f"{path}: cannot be read: {reason}; is the path right, and may this user read it?"
        raise ConfigError([text]) from error


def compose(
    text: str, mistakes: Mistakes, least: str = "at least `cluster` and `node`"
) -> yaml.Node | None:
    """Parse the text; None and a mistake noted when that is not possible.

    Anchors are refused: a short file could otherwise unfold into an endless one.

    Args:
        text: The whole file.
        mistakes: Where to note what is wrong.
        least: What a file must have; "" where an empty one is none the worse, for which None is returned.
    """
    if len(text.encode()) > MAX_BYTES:
        mistakes.add(None, "", f"more than {MAX_BYTES} bytes; no such file is that large")
        return None
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                mistakes.add(event.start_mark, "", "aliases (*name) are not allowed; write it out")
                return None
            if isinstance(event, yaml.ScalarEvent) and HALVES.search(event.value):
                mistakes.add(event.start_mark, "", "half a character (\\uD800 to \\uDFFF)")
                return None
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        mistakes.add(mark, "", f"not YAML: {error.problem or error.context}")
        return None
    except (yaml.YAMLError, RecursionError) as error:
        mistakes.add(None, "", f"not YAML: {str(error) or 'nested too deeply'}".replace("\n", " "))
        return None
    if node is None and least:
        mistakes.add(None, "", f"empty; wanted {least}")
    return node


class Field:
    """One value, where it stands and what it is called."""

    def __init__(self, node: yaml.Node, path: str, mistakes: Mistakes) -> None:
        self.path = path
        self._node = node
        self._mistakes = mistakes

    def wrong(self, text: str) -> None:
        """Note that this value cannot be."""
        self._mistakes.add(self._node.start_mark, self.path, text)

    def entries(self) -> "dict[str, Field]":
        """Return the values by key, whatever the keys are; double ones are mistakes."""
        words = self._node.value if isinstance(self._node, yaml.MappingNode) else []
        return self.mapping({key.value for key, _ in words if isinstance(key, yaml.ScalarNode)})

    def mapping(self, known: Iterable[str], required: Iterable[str] = ()) -> "dict[str, Field]":
        """Return the values by key; unknown, double and missing keys are mistakes."""
        if not isinstance(self._node, yaml.MappingNode):
            self.wrong(f"wanted keys and values, saw {self._shown()}")
            return {}
        names = list(known)
        found: dict[str, Field] = {}
        for key_node, value_node in self._node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else "?"
            said = masked(key)[:60]
            path = f"{self.path}.{said}" if self.path else said
            if key not in names:
                text = f"unknown key. Known: {', '.join(names)}"
                self._mistakes.add(key_node.start_mark, path, text)
            elif key in found:
                self._mistakes.add(key_node.start_mark, path, "there twice")
            else:
                found[key] = Field(value_node, path, self._mistakes)
        if missing := [key for key in required if key not in found]:
            self.wrong(f"missing: {', '.join(missing)}")
        return found

    def pairs(self) -> "Iterator[tuple[str, Field]]":
        """Return the values of a mapping whose keys are anybody's names; a name that is there twice is a mistake."""
        if not isinstance(self._node, yaml.MappingNode):
            self.wrong(f"wanted keys and values, saw {self._shown()}")
            return
        seen: set[str] = set()
        for key_node, value_node in self._node.value:
            name = key_node.value if isinstance(key_node, yaml.ScalarNode) else ""
            path = f"{self.path}.{masked(name)[:60] or '?'}"
            if not name or name in seen:
                said = "there twice" if name else "wanted a name"
                self._mistakes.add(key_node.start_mark, path, said)
            seen.add(name)
            yield name, Field(value_node, path, self._mistakes)

    @property
    def blank(self) -> bool:
        """Whether nothing is written here, or `null`."""
        node = self._node
        return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")

    def word(self, known: Iterable[str]) -> str:
        """Return one of these words; "" when it is a mistake."""
        said, words = self.text(), list(known)
        if said and said not in words:
            self.wrong(f"wanted one of {', '.join(words)}, saw {shown(said, 60)}")
            return ""
        return said

    def truth(self) -> bool:
        """Return true or false; False when it is a mistake."""
        return self.word(("true", "false")) == "true"

    def items(self) -> "Iterator[Field]":
        """Return the values of a list, each with its number in its path."""
        if isinstance(self._node, yaml.SequenceNode):
            for number, node in enumerate(self._node.value):
                yield Field(node, f"{self.path}[{number}]", self._mistakes)
        else:
            self.wrong(f"wanted a list, saw {self._shown()}")

    def text(self) -> str:
        """Return a text that is not empty; "" when it is a mistake."""
        if not isinstance(self._node, yaml.ScalarNode) or not self._node.value:
            self.wrong(f"wanted a text, saw {self._shown()}")
            return ""
        return str(self._node.value)

    def whole(self, least: int, most: int) -> int:
        """Return a whole number in that range; `least` when it is a mistake."""
        raw = self._node.value if isinstance(self._node, yaml.ScalarNode) else ""
        if not WHOLE.fullmatch(raw) or len(raw) > 18 or not least <= int(raw) <= most:
            self.wrong(f"wanted a whole number from {least} to {most}, saw {self._shown()}")
            return least
        return int(raw)

    def seconds(self, least: float, most: float) -> float:
        """Return a duration such as 500ms, 2s or 5m; `least` when it is a mistake."""
        raw = self._node.value if isinstance(self._node, yaml.ScalarNode) else ""
        value = duration(raw)
        if value is None or not least <= value <= most:
            self.wrong(f"wanted a duration from {least:g}s to {most:g}s, saw {self._shown()}")
            return least
        return value

    def _shown(self) -> str:
        match self._node:
            case yaml.ScalarNode():
                return shown(self._node.value, 60) if self._node.value else "nothing"
            case yaml.SequenceNode():
                return "a list"
            case _:
                return "keys and values"
