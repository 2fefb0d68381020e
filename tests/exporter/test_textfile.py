"""Other programs' metrics: node_exporter's own cases, and files that mean harm."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from exporter.collector import Malformed, OnScrape, State
from exporter.collectors.textfile import (
    MOST_BYTES,
    MOST_BYTES_IN_ALL,
    Folders,
    Textfiles,
    filled,
    go_float,
    guest,
)
from exporter.guests import Guest, admitted
from exporter.openmetrics import OpenMetrics
from exporter.scrape import Scraper
from exporter.textformat import parse
from tests.exporter.fakes import loop_clock
from tests.exporter.golden import same_as_golden
from tests.exporter.offered import FIXTURES, ran

CASES = FIXTURES / "textfile"
NAMES = sorted(path.stem for path in CASES.glob("*.out") if (CASES / path.stem).is_dir())

GOOD = b"# HELP backup_age_seconds Since the last.\n# TYPE backup_age_seconds gauge\nbackup_age_seconds 12\n"
ERROR = b"node_textfile_scrape_error 1\n"
FINE = b"node_textfile_scrape_error 0\n"


def shown(*patterns: str) -> bytes:
    """What the folders' files add to an empty exposition, and the series about them."""
    folders = Folders(patterns)
    about = folders.read()
    return about + admitted([("textfile", one) for one in folders.guests], about, 50_000)[0]


def told(text: str) -> dict[str, object]:
    """Everything that an exposition says, but for the times of the files and where they are."""
    found: dict[str, object] = {}
    for row in text.replace("fixtures/textfile/", f"{CASES}/").splitlines():
        if row.startswith("#"):
            _, word, name, *rest = row.split(" ", 3)
            found[f"{word} {name}"] = rest
        elif not row.startswith("node_textfile_mtime"):
            series, _, value = row.rpartition(" ")
            found[series] = float(value)
        else:
            found[row.partition(" ")[0]] = None
    return found


@pytest.mark.parametrize("name", NAMES)
def test_node_exporters_cases_come_out_as_its_own(name: str) -> None:
    ours = shown(str(CASES / name)).decode().replace(f"{CASES}/", "fixtures/textfile/")
    assert told(ours) == told((CASES / f"{name}.out").read_text())


def test_a_pattern_finds_folders() -> None:
    ours = shown(str(CASES / "*_extra_dimension")).decode()
    ours = ours.replace(f"{CASES}/", "fixtures/textfile/")
    assert told(ours) == told((CASES / "glob_extra_dimension.out").read_text())


def test_the_series_about_folders_are_the_golden_ones(request: pytest.FixtureRequest) -> None:
    same_as_golden(request, "textfile", shown())


def test_no_folder_is_no_error_and_one_that_is_not_there_is() -> None:
    assert shown("") == shown()
    assert FINE in shown()
    assert ERROR in shown("/nowhere")


@pytest.mark.parametrize(
    "value", [0.0, 1e-05, 0.0001, 0.5, 99999.5, 123456.7, 1e6, 1638400.0, 2.5e-7, 1e21]
)
def test_bounds_are_written_as_go_does(value: float) -> None:
    as_go = {
        1e-05: "1e-05", 1e6: "1e+06", 1638400.0: "1.6384e+06", 2.5e-7: "2.5e-07", 1e21: "1e+21",
        0.0: "0", 0.0001: "0.0001",
    }  # fmt: skip
    assert go_float(value) == as_go.get(value, repr(value))


BAD = {
    "half written": GOOD[:-1],
    "binary": bytes(range(256)),
    "utf-16": GOOD.decode().encode("utf-16"),
    "timestamp": b"a 1 1700000000000\n",
    "second type": b"# TYPE a gauge\n# TYPE a gauge\na 1\n",
    "type after samples": b"a 1\n# TYPE a gauge\n",
    "second help": b"# HELP a x\n# HELP a y\na 1\n",
    "unknown type": b"# TYPE a whatever\na 1\n",
    "no value": b"a\n",
    "no number": b"a one\n",
    "hexadecimal": b"a 0x1p-2\n",
    "underscore": b"a 1_000\n",
    "out of range": b"a 1e999\n",
    "carriage returns": b"a 1\r\n",
    "label twice": b'a{x="1",x="2"} 1\n',
    "label without quotes": b"a{x=1} 1\n",
    "label of the name": b'a{__name__="b"} 1\n',
    "open label": b'a{x="1} 1\n',
    "bad escape": b'a{x="\\t"} 1\n',
    "bad name": b"1a 1\n",
    "bucket without le": b"# TYPE a histogram\na_bucket 1\n",
    "bare histogram": b"# TYPE a histogram\na 1\n",
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_read_costs_only_itself(tmp_path: Path, name: str) -> None:
    (tmp_path / "bad.prom").write_bytes(BAD[name])
    (tmp_path / "good.prom").write_bytes(GOOD)
    seen = shown(str(tmp_path))
    assert ERROR in seen
    assert GOOD.replace(b" 12", b" 12.0") in seen
    assert b"bad.prom" not in seen


def test_what_is_no_file_is_never_opened(tmp_path: Path) -> None:
    """A FIFO has no writer, and a device could do anything; nothing of this waits."""
    os.mkfifo(tmp_path / "fifo.prom")
    (tmp_path / "loop.prom").symlink_to("loop.prom")
    (tmp_path / "zero.prom").symlink_to("/dev/zero")
    (tmp_path / "gone.prom").symlink_to("nowhere")
    (tmp_path / "folder.prom").mkdir()
    (tmp_path / "elsewhere").write_bytes(GOOD)
    (tmp_path / "link.prom").symlink_to("elsewhere")
    began = time.monotonic()
    with capture_logs() as logs:
        seen = shown(str(tmp_path))
    assert time.monotonic() - began < 5
    assert seen.count(b"node_textfile_mtime_seconds{") == 1
    assert {Path(str(one["what"])).name for one in logs} == {
        *("fifo.prom", "loop.prom", "zero.prom", "gone.prom", "folder.prom")
    }


def test_what_a_stranger_wrote_is_quoted_short_and_moves_no_cursor(tmp_path: Path) -> None:
    (tmp_path / "\x1b[2Ja.prom").write_bytes(b"n" * 5000 + b'{x="1",x="2"} 1\n')
    (tmp_path / "b.prom").write_bytes(b"n{" + b"l" * 5000 + b'="1",' + b"l" * 5000 + b'="2"} 1\n')
    (tmp_path / "c.prom").write_bytes(b"# TYPE " + b"n" * 5000 + b" of another\n")
    with capture_logs() as logs:
        shown(str(tmp_path))
    assert len(logs) == 3
    words = [str(one[key]) for one in logs for key in ("what", "reason")]
    assert max(map(len, words)) < 400
    assert all(word.isprintable() for word in words)


def test_files_that_are_too_large_alone_or_together_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "huge.prom").write_bytes(b"# " + b"x" * MOST_BYTES + b"\n")
    comment = b"# " + b"x" * (MOST_BYTES - 3) + b"\n"
    for number in range(MOST_BYTES_IN_ALL // MOST_BYTES + 2):
        (tmp_path / f"{number}.prom").write_bytes(comment)
    seen = shown(str(tmp_path))
    assert ERROR in seen
    assert seen.count(b"mtime_seconds{") == MOST_BYTES_IN_ALL // MOST_BYTES


def test_of_a_series_that_is_there_twice_the_first_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.prom").write_bytes(b'a{x="1"} 1\na{x="1"} 2\n')
    (tmp_path / "b.prom").write_bytes(b'a{x="1",y=""} 3\n')
    seen = shown(str(tmp_path))
    assert ERROR in seen
    assert b'\na{x="1"} 1.0\n' in seen
    assert seen.count(b"\na{") == 1


def test_of_two_types_of_one_name_the_first_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.prom").write_bytes(b"# TYPE a gauge\na 1\n")
    (tmp_path / "b.prom").write_bytes(b'# TYPE a counter\na{x="1"} 3\n')
    seen = shown(str(tmp_path))
    assert ERROR in seen
    assert seen.count(b"# TYPE a ") == 1
    assert b"# TYPE a gauge\na 1.0\n" in seen


def test_a_file_is_read_again_only_when_it_is_another(tmp_path: Path) -> None:
    (tmp_path / "a.prom").write_bytes(b"a 1\n")
    folders = Folders([str(tmp_path)])
    folders.read()
    (first,) = folders._known.values()
    folders.read()
    assert folders._known[first.path] is first
    (tmp_path / "new").write_bytes(b"a 2\n")
    (tmp_path / "new").rename(tmp_path / "a.prom")
    folders.read()
    assert b"\na 2.0\n" in folders.guests[0].text


class Own(OnScrape):
    """A collector of ours."""

    name = "own"

    def collect(self) -> bytes:
        return (
            b"# HELP node_forks_total Forks.\n# TYPE node_forks_total counter\nnode_forks_total 7\n"
        )


INTRUDERS = b"""\
# TYPE node_forks_total gauge
node_forks_total 1
# TYPE node_forks gauge
node_forks 1
# TYPE hale_collector_state gauge
hale_collector_state 1
# TYPE node_textfile_scrape_error gauge
node_textfile_scrape_error 0
# TYPE x histogram
x_bucket{le="1"} 1
x_count 1
x_sum 1
# TYPE y counter
y 1
# TYPE y_total counter
y_total 1
# TYPE fine gauge
fine 1
"""


async def test_a_name_of_ours_cannot_be_taken_nor_the_exposition_broken(tmp_path: Path) -> None:
    (tmp_path / "a.prom").write_bytes(INTRUDERS)
    (tmp_path / "b.prom").write_bytes(b"x_count 1\n")
    collector = Textfiles(Folders([str(tmp_path)]), loop_clock())
    await ran(collector)
    seen = Scraper([Own(), collector], bytes, loop_clock()).scrape()
    names = [one.name for one in text_string_to_metric_families(seen.decode())]
    assert len(names) == len(set(names))
    assert {"fine", "x", "y"} <= set(names)
    assert b"node_forks_total 7\n" in seen
    assert seen.count(b"\nnode_textfile_scrape_error ") == 1
    assert b'hale_collector_series_cut{collector="textfile"} 6\n' in seen
    again = [one.name for one in openmetrics(OpenMetrics()(seen).decode())]
    assert len(again) == len(set(again))


def test_of_many_bad_files_every_one_is_told_once(tmp_path: Path) -> None:
    for number in range(25):
        (tmp_path / f"{number:02}.prom").write_bytes(b"no number\n")
    folders = Folders([str(tmp_path)])
    with capture_logs() as logs:
        runs = [(folders.read(), len(logs))[1] for _ in range(4)]
    assert runs == [10, 20, 25, 25]
    assert len({one["what"] for one in logs}) == 25


def everything(text: bytes) -> Iterator[object]:
    for family in text_string_to_metric_families(text.decode()):
        for one in family.samples:
            yield one.name, tuple(sorted(one.labels.items()))


@given(
    st.binary(max_size=60), st.integers(0, 10_000), st.integers(0, 10_000), st.sampled_from(NAMES)
)
def test_whatever_a_file_holds_what_is_served_can_be_read(
    junk: bytes, begin: int, end: int, name: str
) -> None:
    captured = b"".join(path.read_bytes() for path in sorted((CASES / name).glob("*.prom")))
    left, right = sorted((begin % (len(captured) + 1), end % (len(captured) + 1)))
    with suppress(Malformed):
        families = [filled(one) for one in parse(captured[:left] + junk + captured[right:])]
        text, _ = admitted([("textfile", guest(one)) for one in families], b"", 50_000)
        series = list(everything(text))
        assert len(series) == len(set(series))


async def test_no_file_speaks_for_the_exporter_and_what_is_left_out_is_named(
    tmp_path: Path,
) -> None:
    """Of a name that the exporter does not serve just now, such as a service's that is not declared, too."""
    (tmp_path / "a.prom").write_bytes(
        b'hale_service_up{service="db"} 0\nhale_failures_total 1\nhalea 1\nnode_forks_total 1\n'
    )
    collector = Textfiles(Folders([str(tmp_path)]), loop_clock())
    await ran(collector)
    scraper = Scraper([Own(), collector], bytes, loop_clock())
    with capture_logs() as logs:
        seen = scraper.scrape()
        scraper.scrape(frozenset({"textfile"}))
        scraper.scrape()
    assert b"\nhalea 1" in seen
    assert b"hale_service_up" not in seen
    assert b"hale_failures" not in seen
    assert b'hale_collector_series_cut{collector="textfile"} 3\n' in seen
    said = [one["family"] for one in logs if one["event"] == "guest.refused"]
    assert said == ["hale_failures_total", "hale_service_up", "node_forks_total"]


async def test_the_collector_serves_no_guests_once_its_files_are_too_old(tmp_path: Path) -> None:
    (tmp_path / "a.prom").write_bytes(b"a 1\n")
    collector = Textfiles(Folders([str(tmp_path)]), loop_clock())
    assert (await ran(collector))[1] is State.OK
    assert [one.series for one in collector.latest().guests] == [1]
    collector._periodic._body_at -= 3600
    assert collector.latest().guests == ()


def test_guests_are_held_to_a_number_of_series() -> None:
    many = Guest(
        frozenset({b"a"}),
        b"# TYPE a gauge\n" + b"".join(b'a{x="%d"} 1\n' % n for n in range(20)),
        20,
    )
    text, out = admitted([("textfile", many)], b"", 5)
    assert (text.count(b"a{"), out) == (5, {("textfile", "a"): 15})
