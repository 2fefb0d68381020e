"""Every word with which the healer refuses an alert or a person is explained in docs/healer.md."""

import ast
import re
from collections.abc import Iterator

from healer.adapters import intake
from tests.test_contract import ROOT, words_given_to

PAGE = (ROOT / "docs/healer.md").read_text()

# Who says no to people, and which argument is the word.
SAYERS = {"Refused": 0, "NotDone": 1, "refusal": 1, "no": 1}


def explained(part: str) -> set[str]:
    """Return the words in the first column of the tables below a heading."""
    text = re.split(r"^##+ ", PAGE.partition(f" {part}\n")[2], flags=re.MULTILINE)[0]
    cells = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"`([a-z_]+)`", cell)}


def said_to_people() -> Iterator[str]:
    for path in (ROOT / "healer/operators.py", *(ROOT / "healer/web").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=name), args=args) if name in SAYERS:
                    word = args[SAYERS[name]] if len(args) > SAYERS[name] else None
                    if isinstance(word, ast.Constant):
                        yield word.value


def test_every_word_for_a_person_is_explained() -> None:
    words = set(said_to_people())
    assert {"changed_since", "stale_form", "not_root"} <= words
    told = ("What it refuses", "The webhook", "Nodes that reboot themselves")
    assert words <= set().union(*map(explained, told))


def test_every_word_for_an_alert_is_explained() -> None:
    words = words_given_to("AlertRefused", 1)
    assert "unknown_ladder" in words
    words |= {intake.OTHER_CLUSTER, intake.UNKNOWN_TARGET, intake.IMPOSSIBLE_LABELS}
    assert words <= explained("What it refuses")
