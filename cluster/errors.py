"""What is wrong with a cluster.yml, said all at once.

Rule: a problem names the place, what was seen, what was wanted and what to do.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Path = tuple[str | int, ...]


def dotted(path: Path) -> str:
    """Write a path as people do: `ladders.web.rungs[1].action`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return a remedy for an unknown word: the nearest one, and all that are known."""
    listed = f"Known: {', '.join(known[:20])}{', ...' if len(known) > 20 else ''}."
    near = difflib.get_close_matches(word[:100], known, n=1)
    return f"Did you mean {near[0]!r}? {listed}" if near else listed if known else "None is known."


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in one place.

    Attributes:
        line: Counted from 1, as editors do.
        column: Counted from 1.
        path: Where in the document; empty for the document as a whole.
        message: What was seen and what was wanted, one sentence with its full stop.
        remedy: What to do about it, or empty where the message already says it.
    """

    file: str
    line: int
    column: int
    path: Path
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        what = f"{dotted(self.path)}: {self.message}" if self.path else self.message
        # Keys and values come from the file: a line break in one of them may not look like two lines.
        return " ".join(f"{where}: {what} {self.remedy}".split())


class ConfigErrors(Exception):
    """The configuration cannot be used; nothing was loaded.

    Attributes:
        problems: Every mistake that was found, in the order of the file.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(
            sorted(problems, key=lambda p: (p.line, p.column, dotted(p.path), p.message))
        )
        super().__init__("\n".join(str(problem) for problem in self.problems))
