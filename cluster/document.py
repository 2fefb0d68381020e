"""YAML into plain values, with the place of each.

Scalars follow the core schema of YAML 1.2, so `22:30`, `no` and `1_000` are text and `010` is ten.
Rule: whatever the bytes are, the outcome is a document or ConfigErrors, in bounded time and memory.
"""

import re
from dataclasses import dataclass

from yaml import YAMLError
from yaml.composer import Composer
from yaml.error import MarkedYAMLError
from yaml.events import AliasEvent, Event, NodeEvent, ScalarEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from cluster.errors import ConfigErrors, Path, Problem

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 32
# Of a UTF-16 pair: YAML's escapes can say one, and no file that we write can hold it.
_HALVES = re.compile(r"[\ud800-\udfff]")

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]

_TAG = "tag:yaml.org,2002:"

# https://yaml.org/spec/1.2.2/#1032-tag-resolution
_CORE = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
)


class _Resolver(BaseResolver):
    """Tags of the core schema and nothing else: no merge keys, no timestamps."""


for _name, _pattern, _first in _CORE:
    _Resolver.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), _first)


class _RefusedError(YAMLError):
    """Valid YAML that a configuration has no use for."""

    def __init__(self, message: str, event: Event) -> None:
        super().__init__(message)
        self.line = event.start_mark.line + 1 if event.start_mark else 1
        self.column = event.start_mark.column + 1 if event.start_mark else 1


class _Composer(Reader, Scanner, Parser, Composer, _Resolver):
    """Composes nodes; refuses aliases and deep nesting before they cost anything."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        _Resolver.__init__(self)
        self._depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        event: Event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it out
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
            raise _RefusedError("anchors and aliases are not read. Write the value out", event)
        if isinstance(event, ScalarEvent) and _HALVES.search(event.value):
            raise _RefusedError("\\ud800 to \\udfff are no characters. Write the one meant", event)
        if self._depth >= MAX_DEPTH:
            raise _RefusedError(
                f"nested deeper than {MAX_DEPTH} levels. Nothing in cluster.yml is", event
            )
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the file, both counted from 1."""

    line: int
    column: int


START = Position(1, 1)


@dataclass(frozen=True, slots=True)
class Document:
    """Plain values and where they stand.

    Attributes:
        name: The file's name as the user gave it.
        source: The text itself.
        value: The document's mapping.
        positions: The place of every key (for a mapping's entry) and item (for a list's).
        problems: Duplicate keys and the like: the value is usable, the file is not.
    """

    name: str
    source: str
    value: dict[str, Value]
    positions: dict[Path, Position]
    problems: tuple[Problem, ...]

    def position(self, path: Path) -> Position:
        """Return the place of a path, or of the nearest thing around it that is in the file."""
        for end in range(len(path), 0, -1):
            if (found := self.positions.get(path[:end])) is not None:
                return found
        return START

    def at(self, *path: str | int) -> Value:
        """Return what stands at a path, or None where nothing does."""
        value: Value = self.value
        for part in path:
            match value, part:
                case dict(), str() if part in value:
                    value = value[part]
                case list(), int() if part < len(value):
                    value = value[part]
                case _:
                    return None
        return value

    def mapping(self, *path: str | int) -> dict[str, Value]:
        """Return the mapping at a path; an empty one where there is none."""
        value = self.at(*path)
        return value if isinstance(value, dict) else {}

    def words(self, *path: str | int) -> list[tuple[int, str]]:
        """Return the texts of a list with their places in it."""
        value = self.at(*path)
        items = value if isinstance(value, list) else []
        return [(number, item) for number, item in enumerate(items) if isinstance(item, str)]

    def problem(self, path: Path, message: str, remedy: str = "") -> Problem:
        """Make a problem that knows its place."""
        at = self.position(path)
        return Problem(self.name, at.line, at.column, path, message, remedy)


def parse(data: bytes, name: str) -> Document:
    """Read a document.

    Raises:
        ConfigErrors: it is too large, not UTF-8, not YAML, or not one mapping.
    """
    text = _decode(data, name)
    try:
        root = _Composer(text).get_single_node()
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - (text.rfind("\n", 0, error.position) + 1) + 1
        raise _one(name, "a control character is not allowed here.", line, column) from error
    except _RefusedError as error:
        raise _one(name, f"{error}.", error.line, error.column) from error
    except MarkedYAMLError as error:
        raise _syntax(name, error) from error
    except YAMLError as error:
        raise _one(name, f"not YAML: {error}.") from error
    if root is None:
        raise _one(name, "the file is empty. It needs at least nodes, groups and healer.")
    if not isinstance(root, MappingNode):
        raise _one(name, "the file must be a mapping of keys, such as `nodes:`.")
    reading = _Reading(name)
    value = reading.mapping(root, ())
    return Document(name, text, value, reading.positions, tuple(reading.problems))


def _decode(data: bytes, name: str) -> str:
    if len(data) > MAX_BYTES:
        raise _one(name, f"the file has {len(data)} bytes, more than {MAX_BYTES}.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _one(name, "the file is not UTF-8. Save it as UTF-8.", line) from error


def _one(name: str, message: str, line: int = 1, column: int = 1) -> ConfigErrors:
    return ConfigErrors([Problem(name, line, column, (), message)])


def _syntax(name: str, error: MarkedYAMLError) -> ConfigErrors:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    context = f" {error.context}" if error.context else ""
    what = f"{error.problem or 'not YAML'}{context}."
    return _one(name, what, line, column)


class _Reading:
    """Turns nodes into values and notes where each stands."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.positions: dict[Path, Position] = {}
        self.problems: list[Problem] = []

    def mapping(self, node: MappingNode, path: Path) -> dict[str, Value]:
        result: dict[str, Value] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            at = (*path, key)
            if key in result:
                first = self.positions[at].line
                self._problem(
                    key_node, at, f"this key is already on line {first}.", "Keep one of the two."
                )
                continue
            self.positions[at] = _position(key_node)
            result[key] = self.value(value_node, at)
        return result

    def value(self, node: Node, path: Path) -> Value:
        if isinstance(node, MappingNode):
            self._tagged(node, path, "map")
            return self.mapping(node, path)
        if isinstance(node, SequenceNode):
            self._tagged(node, path, "seq")
            items: list[Value] = []
            for number, item in enumerate(node.value):
                self.positions[*path, number] = _position(item)
                items.append(self.value(item, (*path, number)))
            return items
        return self._scalar(node, path)

    def _key(self, node: Node, path: Path) -> str | None:
        if isinstance(node, ScalarNode) and node.tag == _TAG + "str":
            return str(node.value)
        seen = f"{node.value}" if isinstance(node, ScalarNode) else "a list or mapping"
        self._problem(node, path, f"the key {seen} is not text.", "Put it in quotes.")
        return None

    def _scalar(self, node: Node, path: Path) -> Value:
        text = str(node.value)
        match node.tag.removeprefix(_TAG):
            case "str":
                return text
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" | "float" as kind:
                number = _number(text, kind)
                if number is None:
                    self._problem(node, path, f"{text[:20]} is not a number that can be read.")
                return number
        self._problem(node, path, f"the tag {node.tag} is not read.", "Leave it out.")
        return text

    def _tagged(self, node: Node, path: Path, kind: str) -> None:
        if node.tag != _TAG + kind:
            self._problem(node, path, f"the tag {node.tag} is not read.", "Leave it out.")

    def _problem(self, node: Node, path: Path, message: str, remedy: str = "") -> None:
        at = _position(node)
        self.problems.append(Problem(self.name, at.line, at.column, path, message, remedy))


def _position(node: Node) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)


def _number(text: str, kind: str) -> int | float | None:
    """Read a number; None for what an explicit tag wrongly calls one, or one of absurd length."""
    if len(text) > 40:
        return None
    bases = {"0o": 8, "0x": 16}
    try:
        if kind == "int":
            return int(text, bases.get(text[:2], 10))
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return None
