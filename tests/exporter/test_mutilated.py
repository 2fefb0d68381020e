"""Whatever stands in the files of /proc and /sys, a scrape is answered, valid, and without a bug in the log."""

import re
import shutil
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from exporter.clock import Clock
from exporter.collector import OnScrape
from exporter.inventory import OFFERS
from exporter.scrape import Scraper
from tests.exporter.offered import FIXTURES, made

# https://prometheus.io/docs/instrumenting/exposition_formats/
SAMPLE = re.compile(
    r"([a-zA-Z_:][a-zA-Z0-9_:]*)"
    r'(?:\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)+\})?'
    r" (?:NaN|[+-]Inf|-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)"
)


class Host:
    """A tree of captured files that is read again and again, each time with something else in one of them."""

    def __init__(self, tree: Path) -> None:
        for name in ("proc", "sys", "udev"):
            shutil.copytree(FIXTURES / name, tree / name, symlinks=True)
        collectors = [made(offer.name, tree) for offer in OFFERS]
        self.scraper = Scraper([c for c in collectors if isinstance(c, OnScrape)], bytes, Clock())
        self.files = sorted(path for path in tree.rglob("*") if path.is_file())

    def with_in(self, file: Path, content: bytes) -> tuple[str, list[str]]:
        """Scrape with this content; return the exposition and the bugs that the log tells of."""
        before = file.read_bytes()
        file.write_bytes(content)  # the same file, which a collector may hold open
        try:
            with capture_logs() as lines:
                body = self.scraper.scrape().decode()  # which is UTF-8 whatever was read
        finally:
            file.write_bytes(before)
        return body, [str(entry) for entry in lines if entry.get("exc_info")]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    return Host(tmp_path_factory.mktemp("host"))


def check(body: str) -> None:
    """Assert that Prometheus would take it: each line is one, each series is there once, each family in one place."""
    rows = [row for row in body.split("\n")[:-1] if not row.startswith("#")]
    found = [SAMPLE.fullmatch(row) for row in rows]
    assert all(found), [row for row, match in zip(rows, found, strict=True) if not match][:3]
    series = [row.rpartition(" ")[0] for row in rows]
    assert len(set(series)) == len(series), sorted({one for one in series if series.count(one) > 1})
    families = [name for name, _ in groupby(match[1] for match in found if match)]
    assert len(set(families)) == len(families)


def mutilated(content: bytes) -> st.SearchStrategy[bytes]:
    """What may be read instead of a file's content: nothing, a part, other bytes in it, or anything."""
    size = len(content)
    cut = st.integers(0, size).map(lambda at: content[:at])
    doubled = st.integers(0, size).map(lambda at: content[:at] + content)
    spoilt = st.builds(
        lambda at, new: content[:at] + new + content[at + len(new) :],
        st.integers(0, size),
        st.one_of(
            st.binary(min_size=1, max_size=8),
            st.sampled_from([b"\n", b"\0", b'"', b"\\", b"\xff\xfe", b"-1", b"9" * 40, b" ", b":"]),
        ),
    )
    return st.one_of(st.just(b""), cut, doubled, spoilt, st.binary(max_size=200))


def test_the_captured_host_is_read_without_a_complaint(host: Host) -> None:
    body, bugs = host.with_in(host.files[0], host.files[0].read_bytes())
    check(body)
    assert bugs == []


@settings(max_examples=300)
@given(st.data())
def test_any_content_of_any_file_leaves_a_valid_exposition(host: Host, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(host.files))
    body, bugs = host.with_in(file, data.draw(mutilated(file.read_bytes())))
    assert bugs == []
    check(body)
