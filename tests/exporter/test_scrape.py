"""One scrape: a collector that fails costs only its own series."""

import pytest
from structlog.testing import capture_logs

from exporter.clock import Clock
from exporter.collector import Absent, Background, Latest, Malformed, OnScrape, State
from exporter.scrape import Scraper, UnknownCollector
from tests.exporter.fakes import EPOCH, still_clock


class Source(OnScrape):
    """Returns its name, or raises what the test wants."""

    def __init__(self, name: str, error: Exception | None = None) -> None:
        self.name = name
        self.error = error
        self.runs = 0

    def collect(self) -> bytes:
        self.runs += 1
        if self.error is not None:
            raise self.error
        return f"{self.name} 1\n".encode()


class Elsewhere(Background):
    """A background collector with a result that lies ready."""

    name = "elsewhere"

    async def run(self) -> None:
        raise AssertionError("a scrape runs nothing that can hang")

    async def settled(self) -> None:
        raise AssertionError("a scrape waits for nothing")

    def latest(self) -> Latest:
        return Latest(b"elsewhere 1\n", State.TIMED_OUT, 5.0, EPOCH)


def states(body: bytes) -> set[str]:
    """Which collector is in which state, as "name state"."""
    return {
        row.split('"')[1] + " " + row.split('"')[3]
        for row in body.decode().splitlines()
        if row.startswith("hale_collector_state{") and row.endswith(" 1")
    }


def scraper(*collectors: OnScrape | Background) -> Scraper:
    return Scraper(collectors, lambda: b"own 1\n", still_clock())


def test_every_way_to_fail_has_its_state_and_costs_nobody_else() -> None:
    body = scraper(
        Source("fine"),
        Source("gone", Absent("not here")),
        Source("odd", Malformed("no sense")),
        Source("io", OSError("input/output")),
        Source("bug", ZeroDivisionError("a bug")),
        Elsewhere(),
    ).scrape()
    assert states(body) == {
        "fine ok",
        "gone absent",
        "odd failed",
        "io failed",
        "bug failed",
        "elsewhere timed_out",
    }
    assert body.startswith(b"elsewhere 1\nfine 1\n")
    assert body.endswith(b"own 1\n")
    assert b'node_scrape_collector_success{collector="fine"} 1' in body
    assert b'node_scrape_collector_success{collector="odd"} 0' in body


@pytest.mark.parametrize(
    ("name", "success"),
    # As node_exporter 1.12: bonding_linux.go says ErrNoData, edac_linux.go finds nothing, and it has no `addresses`.
    [("bonding", 0), ("edac", 1), ("addresses", 1)],
)
def test_what_is_absent_succeeds_where_node_exporter_does(name: str, success: int) -> None:
    body = scraper(Source(name, Absent("not here"))).scrape().decode()
    assert f'node_scrape_collector_success{{collector="{name}"}} {success}\n' in body


def test_the_last_success_outlives_a_failure() -> None:
    source = Source("fine")
    scrapes = scraper(source)
    series = b'hale_collector_last_success_timestamp_seconds{collector="fine"} 1700000000.0\n'
    assert series in scrapes.scrape()
    source.error = OSError("input/output")
    assert series in scrapes.scrape()


def test_when_its_time_is_up_a_scrape_runs_no_further_collector_and_says_which_it_left_out() -> (
    None
):
    now = 0.0

    class Slow(Source):
        def collect(self) -> bytes:
            nonlocal now
            now += 6.0
            return super().collect()

    one, two, three = Slow("a"), Slow("b"), Slow("c")
    scrapes = Scraper([one, two, three, Elsewhere()], bytes, Clock(lambda: now, lambda: EPOCH))
    with capture_logs() as lines:
        assert states(scrapes.scrape(within=9.5)) == {
            "a ok",
            "b ok",
            "c timed_out",
            "elsewhere timed_out",
        }
        assert states(scrapes.scrape(within=9.5)) >= {"b ok", "c timed_out"}
    assert [entry["collector"] for entry in lines] == ["c"]
    assert states(scrapes.scrape()) >= {"c ok"}
    assert three.runs == 1


def test_who_leaves_no_time_again_and_again_fills_no_log() -> None:
    now = 0.0
    one, two = Source("a"), Source("b")
    scrapes = Scraper([one, two], bytes, Clock(lambda: now, lambda: EPOCH))
    with capture_logs() as lines:
        for seconds in range(90):
            now = float(seconds)
            assert states(scrapes.scrape(within=0.0)) == {"a timed_out", "b timed_out"}
            assert states(scrapes.scrape()) == {"a ok", "b ok"}
    assert [entry["collector"] for entry in lines] == ["a,b", "a,b"]


def test_a_collector_that_never_succeeded_has_no_time_of_success() -> None:
    body = scraper(Source("gone", Absent("not here"))).scrape()
    assert b"last_success" not in body


def test_only_the_collectors_that_are_wanted_run() -> None:
    one, two = Source("one"), Source("two")
    body = scraper(one, two).scrape(frozenset({"two"}))
    assert (one.runs, two.runs) == (0, 1)
    assert states(body) == {"two ok"}


def test_an_unknown_collector_is_refused_and_nothing_runs() -> None:
    one = Source("one")
    with pytest.raises(UnknownCollector, match=r"no collector nope here\. Enabled: one"):
        scraper(one).scrape(frozenset({"one", "nope"}))
    assert one.runs == 0


def test_a_failure_that_lasts_is_logged_once_and_again_after_it_was_gone() -> None:
    source = Source("odd", Malformed("no sense"))
    scrapes = scraper(source)
    with capture_logs() as lines:
        scrapes.scrape()
        scrapes.scrape()
        source.error = None
        scrapes.scrape()
        source.error = Malformed("no sense")
        scrapes.scrape()
    assert [entry["event"] for entry in lines] == ["collector.failed", "collector.failed"]


def test_the_overview_runs_nothing() -> None:
    one = Source("one")
    scrapes = scraper(one, Elsewhere())
    assert [name for name, _ in scrapes.overview()] == ["elsewhere"]
    scrapes.scrape()
    assert [name for name, _ in scrapes.overview()] == ["elsewhere", "one"]
    assert one.runs == 1


class Many(OnScrape):
    """Has as many series as the test wants."""

    name = "many"
    number = 3

    def collect(self) -> bytes:
        return b"# TYPE many gauge\n" + b"".join(
            b'many{n="%d"} 1\n' % n for n in range(self.number)
        )


def test_a_collector_that_explodes_is_cut_and_what_was_cut_is_counted() -> None:
    many, fine = Many(), Source("fine")
    scrapes = Scraper([many, fine], lambda: b"own 1\n", still_clock(), most_series=3)
    assert b'hale_collector_series_cut{collector="many"} 0\n' in scrapes.scrape()
    many.number = 10
    with capture_logs() as lines:
        for _ in range(2):
            body = scrapes.scrape()
            assert body.count(b"\nmany{") == 3
            assert b'hale_collector_series_cut{collector="many"} 7\n' in body
            assert b'hale_collector_series_cut{collector="fine"} 0\n' in body
    assert [(entry["event"], entry["left_out"]) for entry in lines] == [("collector.cut", 7)]
    many.number = 2
    assert b'hale_collector_series_cut{collector="many"} 0\n' in scrapes.scrape()


class ManyElsewhere(Elsewhere):
    """Has two series that lie ready."""

    def latest(self) -> Latest:
        return Latest(b"a 1\nb 1\n", State.OK, 0.0, EPOCH)


def test_what_lies_ready_is_cut_too() -> None:
    scrapes = Scraper([ManyElsewhere()], bytes, still_clock(), most_series=1)
    for _ in range(2):
        body = scrapes.scrape()
        assert body.startswith(b"a 1\n# HELP hale_collector_state")
        assert b'hale_collector_series_cut{collector="elsewhere"} 1\n' in body
