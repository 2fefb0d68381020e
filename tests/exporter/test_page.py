"""The page for people, as text; tests/exporter/test_server.py has it over HTTP."""

import re

import pytest

from exporter.collector import Latest, State
from exporter.config import Config
from exporter.page import page

NOW = 1_700_000_000.0


def row(latest: Latest | None) -> str:
    shown = page("/metrics", Config(), [("one", latest)], NOW)
    (found,) = [line for line in shown.splitlines() if 'data-head="Collector"' in line]
    return found


@pytest.mark.parametrize(
    ("latest", "told"),
    [
        (None, "not run yet"),
        (Latest(b"", State.OK, 0.000312, NOW), "312 µs"),
        (Latest(b"", State.OK, 0.0041, NOW), "4.1 ms"),
        (Latest(b"", State.OK, 1.25, NOW), "1.2 s"),
        (Latest(b"", State.OK, 12.5, NOW - 200), "3 min ago"),
        (Latest(b"", State.OK, 12.5, NOW - 7200), "2 h ago"),
        (Latest(b"", State.OK, 12.5, NOW - 260_000), "3 d ago"),
        (Latest(b"", State.OK, 12.5, NOW + 5), "just now"),
        (Latest(b"", State.FAILED, 0.1, None), "never"),
        (Latest(b"", State.FAILED, 0.1, None), "the log says why"),
        (Latest(b"", State.ABSENT, 0.1, None), "nothing of the kind"),
        (Latest(b"", State.TIMED_OUT, None, None), "unknown, not down"),
    ],
)
def test_how_a_collector_fares(latest: Latest | None, told: str) -> None:
    assert told in row(latest)


def test_without_exporter_yml_and_collectors_it_is_still_a_page() -> None:
    shown = page("/metrics", Config(), [], NOW)
    assert "<h1>This node</h1>" in shown
    assert "None is on." in shown
    assert "<table" not in shown


def test_what_somebody_has_to_look_at_comes_first() -> None:
    ages = {"a": State.OK, "b": State.TIMED_OUT, "c": State.ABSENT, "d": State.FAILED}
    shown = page("/m", Config(), [(n, Latest(b"", s, 1.0, None)) for n, s in ages.items()], NOW)
    assert re.findall(r"collect\[\]=(\w)", shown) == ["d", "b", "a", "c"]


def test_names_are_shown_as_text() -> None:
    shown = page("/m", Config("<i>", '"&'), [("<b>", None)], NOW)
    assert "<i>" not in shown
    assert "<b>" not in shown
    assert "&quot;&amp;" in shown
