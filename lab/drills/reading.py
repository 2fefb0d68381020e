"""Make dataclasses from a document's plain values, strictly.

Rule: a reader never stops at the first mistake; it notes it, returns a neutral value and goes on.
"""

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Mapping

from cluster.document import Document, Value
from cluster.errors import Path, Problem

Made = typing.TypeVar("Made")

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)", re.ASCII)


class Seconds(float):
    """A length of time in seconds; in a file `500ms`, `30s`, `5m` or `2h`."""


class Reader:
    """Takes plain values apart and notes what is wrong with them.

    Attributes:
        problems: Every mistake in the order found, those of the document first.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = list(document.problems)

    def wrong(self, path: Path, message: str, remedy: str = "") -> None:
        """Note a mistake."""
        self.problems.append(self.document.problem(path, message, remedy))

    def mapping(self, value: Value, path: Path) -> dict[str, Value]:
        """Return a mapping; anything else is a mistake and empty."""
        if isinstance(value, dict):
            return value
        self.wrong(path, f"{_said(value)}, not keys with values.")
        return {}

    def items(self, value: Value, path: Path) -> list[Value]:
        """Return a list; anything else is a mistake and empty."""
        if isinstance(value, list):
            return value
        self.wrong(path, f"{_said(value)}, not a list.")
        return []

    def text(self, value: Value, path: Path) -> str:
        """Return text that is not empty."""
        if isinstance(value, str) and value:
            return value
        self.wrong(path, f"{_said(value)}, not text.", "Put it in quotes.")
        return ""

    def integer(self, value: Value, path: Path) -> int:
        """Return a whole number, at least 0."""
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        self.wrong(path, f"{_said(value)}, not a whole number from 0 on.")
        return 0

    def boolean(self, value: Value, path: Path) -> bool:
        """Return true or false."""
        if isinstance(value, bool):
            return value
        self.wrong(path, f"{_said(value)}, neither true nor false.")
        return False

    def seconds(self, value: Value, path: Path) -> Seconds:
        """Return a duration in seconds."""
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is not None:
            return Seconds(float(match[1]) * _UNITS[match[2]])
        self.wrong(path, f"{_said(value)}, not a duration.", "Write it as 500ms, 30s or 5m.")
        return Seconds(0.0)

    def texts(self, value: Value, path: Path) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(
            self.text(item, (*path, number)) for number, item in enumerate(self.items(value, path))
        )

    def known(self, entries: Mapping[str, Value], keys: typing.Iterable[str], path: Path) -> None:
        """Note every key that is none of `keys`."""
        wanted = sorted(keys)
        for key in entries:
            if key not in wanted:
                self.wrong((*path, key), "unknown key.", f"Known: {', '.join(wanted)}.")

    def make(self, kind: type[Made], entries: Mapping[str, Value], path: Path) -> Made | None:
        """Make the dataclass `kind`, each field read by its type.

        Args:
            kind: Its fields are str, int, bool, Seconds or tuples of str, or one of these or None.
            entries: What stands in the file.
            path: Where it stands.

        Returns:
            None where a field is unknown, missing or of the wrong type; the mistakes are noted.
        """
        before = len(self.problems)
        fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
        wanted = typing.get_type_hints(kind)
        self.known(entries, fields, path)
        values = {
            name: self._reader(wanted[name])(value, (*path, name))
            for name, value in entries.items()
            if name in fields
        }
        for name, field in fields.items():
            if name not in values and field.default is dataclasses.MISSING:
                self.wrong(path, f"'{name}' is missing.")
        return kind(**values) if len(self.problems) == before else None

    def _reader(self, wanted: object) -> Callable[[Value, Path], object]:
        if isinstance(wanted, types.UnionType):
            wanted = next(arm for arm in typing.get_args(wanted) if arm is not types.NoneType)
        readers: dict[object, Callable[[Value, Path], object]] = {
            str: self.text,
            int: self.integer,
            bool: self.boolean,
            Seconds: self.seconds,
            tuple[str, ...]: self.texts,
        }
        return readers[wanted]


def merged(base: Value, over: Value) -> Value:
    """Lay `over` on `base`: mappings are merged key by key, anything else is replaced."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    return base | {key: merged(base.get(key), value) for key, value in over.items()}


def _said(value: Value) -> str:
    match value:
        case None | "":
            return "there is nothing here"
        case dict():
            return "this is a mapping"
        case list():
            return "this is a list"
        case _:
            return f"this is {str(value)[:60]!r}"
