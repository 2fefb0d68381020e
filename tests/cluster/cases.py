"""Cases as text: what goes in, what comes out; `pytest --rewrite` accepts new output."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BETWEEN = "====\n"
ANSWER = "----\n"


@dataclass(frozen=True, slots=True)
class Case:
    """One case. Its first line is a comment that says what it shows."""

    given: str
    answer: str

    @property
    def title(self) -> str:
        return self.given.partition("\n")[0].removeprefix("# ")


def read(path: Path) -> list[Case]:
    found = []
    for block in path.read_text(encoding="utf-8").split(BETWEEN):
        given, _, answer = block.partition(ANSWER)
        found.append(Case(given, answer))
    return found


def hold(path: Path, produce: Callable[[str], str], *, rewrite: bool) -> None:
    """Assert that every case of a file still gives its answer."""
    cases = read(path)
    now = [Case(case.given, produce(case.given)) for case in cases]
    if rewrite:
        text = BETWEEN.join(case.given + ANSWER + case.answer for case in now)
        path.write_text(text, encoding="utf-8")
        return
    for case, fresh in zip(cases, now, strict=True):
        assert fresh.answer == case.answer, case.title
