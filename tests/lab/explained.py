"""What a scenario's page says that Hale would do, held to what Hale says on the nodes of that scenario.

A page shows it as a command and its answer, indented by four spaces; a last line `...` leaves out the rest.
"""

import re
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cluster.document import Value
from cluster.load import Loaded
from lab.drills import install
from lab.drills.model import Given
from lab.running import RunningLab

NOBODY: Mapping[str, str] = MappingProxyType({})
WITHIN = 60.0  # seconds; a healer that starts has to see what fires and to hear its gates first
_FIGURE = re.compile(r"(?<![A-Za-z0-9_-])[0-9]+(\.[0-9]+)?")
_NODE = re.compile(r"\b[a-z]+[0-9]+\b")
_SHOWN = re.compile(
    r"^    \$ (hale-healer explain .*)\n((?:    (?!\$ ).*\n|\n(?=    (?!\$ )))+)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Explained:
    """A command of a page, and what the page says that it answers."""

    command: str
    answer: tuple[str, ...]


def shown(page: Path) -> tuple[Explained, ...]:
    """Return every explanation that a page shows."""
    found = _SHOWN.finditer(page.read_text())
    return tuple(Explained(one[1], tuple(one[2].rstrip().splitlines())) for one in found)


def alike(line: str) -> str:
    """Return a line without what differs from one time to the next: figures, boot ids, the columns' width.

    The number of a name, as in web1, is none of these.
    """
    return " ".join(_FIGURE.sub("0", re.sub(r"\b[0-9a-f]{8}\b", "0", line)).split())


def as_shown(one: Explained, answered: str) -> tuple[list[str], list[str]]:
    """Return what the page says and what was answered, as far as the page shows it, each made alike."""
    want = [alike(line) for line in one.answer if line.strip()]
    said = [alike(line) for line in answered.splitlines() if line.strip()]
    if want[-1:] == ["..."]:
        del want[-1]
        said = said[: len(want)]
    return want, said


def all_explained(base: Loaded) -> Value:
    """Return the changes with which nothing of a cluster.yml may do more than explain."""
    written = base.document
    changes: dict[str, Value] = {"healer": {"mode": "explain"}}
    for part in ("ladders", "groups"):
        acting = [name for name in written.mapping(part) if written.at(part, name, "mode")]
        changes[part] = {name: {"mode": "explain"} for name in acting}
    return changes


@contextmanager
def explaining(lab: RunningLab) -> Iterator[str]:
    """Let the healers of a lab only explain for a while, and yield the node of the first."""
    base = install.read_base(lab)
    given = Given(overrides=all_explained(base))
    changed = install.overridden(base, given.overrides)
    healers = changed.cluster.healer.nodes
    install.prepare(lab, given, base, changed)
    try:
        install.start_healers(lab, given, healers)
        yield healers[0]
    finally:
        install.restore(lab, given, base, changed)


def played_by(one: Explained, nodes: Mapping[str, str]) -> Explained:
    """Return what is asked of the nodes that play those of the page, and what these should answer."""

    def named(text: str) -> str:
        return _NODE.sub(lambda name: nodes.get(name[0], name[0]), text)

    return Explained(named(one.command), tuple(map(named, one.answer)))


def hold(lab: RunningLab, page: Path, nodes: Mapping[str, str] = NOBODY) -> None:
    """Ask for every explanation that a page shows, and insist that it is what the page says.

    Args:
        lab: Where.
        page: Of its scenario.
        nodes: Which nodes are now what the page's are, as who leads a database.
    """
    wanted = shown(page)
    assert wanted, f"{page} explains nothing"
    with explaining(lab) as healer:
        until = time.monotonic() + WITHIN
        for one in wanted:
            _hold(lab, healer, played_by(one, nodes), until)


def _hold(lab: RunningLab, healer: str, one: Explained, until: float) -> None:
    while True:
        done = lab.exec(healer, shlex.split(one.command))
        want, said = as_shown(one, done.stdout)
        if want == said or time.monotonic() > until:
            break
        time.sleep(1.0)
    assert said == want, f"{one.command}\n{done.stdout}{done.stderr}"
