"""The catalogue as it serves: what lines tell of a failure, read at the start from one compact file.

The file is catalogue.json, an entry a line, made from the files of catalogue/ by `written`, and without their examples.
Rule: an entry is tried only on lines that have all of its words, so a word has to be one that few lines have.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from exporter.failures.kinds import BENIGN, Failure

COMPACT = "catalogue.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that lines tell.

    Attributes:
        type: What is proved; None for what only looks like a failure.
        cause: For people.
        clears: The types whose conditions are over by it.
        everywhere: Whether it ends these of every device, not only of the one that it names.
        part: Whether it is of a report that another line began, as a trace: it tells of a failure, and begins none.
        minor: Whether it takes nothing from the node: nobody is called for it.
        writers: Who may say so, empty for whoever; a line whose writer is unknown may always.
        words: All are in a line that matches, in lower case, as `words_of` takes it apart; empty with `message_id`.
        one_of: One of these is too, the names of drivers that fail in the same words; empty where it is no matter.
        pattern: A regular expression, searched in the text; its group `device`, if it has one, is the device. Empty for
            whatever text the `message_id` comes with.
        message_id: In place of words; empty for none.
    """

    name: str
    type: Failure | None
    cause: str
    clears: tuple[Failure, ...]
    everywhere: bool
    part: bool
    minor: bool
    writers: frozenset[str]
    words: frozenset[bytes]
    one_of: frozenset[bytes]
    pattern: str
    message_id: str

    @property
    def kind(self) -> str:
        """The type's word."""
        return BENIGN if self.type is None else self.type.value


def packaged() -> tuple[Entry, ...]:
    """Read the catalogue that comes with the exporter."""
    text = (resources.files("exporter.failures") / COMPACT).read_text("utf-8")
    return tuple(of_compact(text))


def compact(entry: Entry) -> str:
    """Return an entry as its line of the compact file."""
    words, one_of = (sorted(map(bytes.decode, some)) for some in (entry.words, entry.one_of))
    row = (
        *(entry.kind, entry.name, entry.cause, entry.clears, entry.everywhere, entry.part),
        *(sorted(entry.writers), words, entry.pattern, entry.message_id),
        *((entry.minor,) if entry.minor or one_of else ()),
        *((one_of,) if one_of else ()),
    )
    return json.dumps(row, ensure_ascii=False)


def of_compact(text: str) -> Iterator[Entry]:
    """Read what `compact` writes, a line each.

    Raises:
        ValueError: A line is none of its lines.
    """
    for line in text.splitlines():
        kind, name, cause, clears, everywhere, part, *rest = json.loads(line)
        writers, words, pattern, message_id, *late = rest
        minor, one_of = bool(late and late[0]), late[1] if late[1:] else ()
        yield Entry(
            name,
            None if kind == BENIGN else Failure(kind),
            cause,
            tuple(map(Failure, clears)),
            everywhere,
            part,
            minor,
            frozenset(writers),
            frozenset(map(str.encode, words)),
            frozenset(map(str.encode, one_of)),
            pattern,
            message_id,
        )
