"""Values of backup.json, each taken by its kind or refused with its place."""

import os.path
import re
from typing import Any

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


class Fields:
    """One object of the file, whose values are taken by their kind or refused with their place.

    Raises:
        ValueError: of each method; the message has the place and what is wanted.
    """

    def __init__(self, value: object, prefix: str, known: tuple[str, ...]) -> None:
        """Take an object apart that may have these keys and no other."""
        if not isinstance(value, dict):
            raise ValueError(f"{prefix.rstrip('.') or 'backup.json'}: want an object")
        for key in value:
            if key not in known:
                raise ValueError(f"{prefix}{key:.80}: unknown key. Known: {', '.join(known)}")
        self._value: dict[str, Any] = value
        self._prefix = prefix

    def where(self, key: str) -> str:
        """Return what a key of this object is called in the whole file."""
        return f"{self._prefix}{key}"

    def value(self, key: str) -> Any:
        """Return what stands there, unchecked; None where nothing does."""
        return self._value.get(key)

    def text(self, key: str) -> str:
        """Return a text that is not empty."""
        value = self.value(key)
        if not isinstance(value, str) or not value or "\0" in value:
            raise ValueError(f"{self.where(key)}: want a text, got {value!r:.40}")
        return value

    def name(self, key: str) -> str:
        """Return a name, which is safe as a label and in a path."""
        text = self.text(key)
        if not NAME.fullmatch(text):
            raise ValueError(f"{self.where(key)}: want a name, got {text!r:.80}")
        return text

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self.value(key)
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise ValueError(f"{self.where(key)}: want a list of texts")
        return tuple(value)

    def number(self, key: str, least: float, most: float = 1e12) -> float:
        """Return a number within bounds."""
        value = self.value(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{self.where(key)}: want a number")
        if not least <= value <= most:
            raise ValueError(f"{self.where(key)}: want {least:g} to {most:g}, got {value:g}")
        return float(value)

    def flag(self, key: str) -> bool:
        """Return true or false."""
        value = self.value(key)
        if not isinstance(value, bool):
            raise ValueError(f"{self.where(key)}: want true or false")
        return value


def path(text: str, where: str) -> str:
    """Return an absolute path that leads nowhere else."""
    if not text.startswith("/") or text == "/" or os.path.normpath(text) != text or "\0" in text:
        raise ValueError(f"{where}: want an absolute path without '..', got {text!r:.80}")
    return text
