"""What every Alertmanager is to be told, decided on times that the tests make up."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.alerting import book as bk
from exporter.alerting.alert import Alert
from exporter.alerting.book import Book, Due

ONE, TWO = "http://one", "http://two"
NGINX = Alert.of({"alertname": "ServiceDown", "service": "nginx"}, {"summary": "It is down."})
CRON = Alert.of({"alertname": "ServiceDown", "service": "cron"}, {})
DATE = 1_700_000_000.0  # of some Alertmanager, far from the tests' own time


def book(*urls: str, kept: tuple[Alert, ...] = ()) -> Book:
    return Book(urls or (ONE,), 60.0, kept)


def holding(*urls: str) -> Book:
    """NGINX began at 0, and everybody took the post."""
    made = book(*urls)
    made.look([(NGINX, True)], 0.0)
    for url in urls or (ONE,):
        made.taken(url, made.due(url, 0.0), DATE, 0.0)
    return made


def served(made: Book, by: str, now: float) -> None:
    made.served(by, made.cleared, now)


def test_what_begins_to_hold_is_due_at_once_everywhere() -> None:
    made = book(ONE, TWO)
    made.look([(NGINX, True), (CRON, False)], 5.0)
    assert made.due(ONE, 5.0) == made.due(TWO, 5.0) == Due(posts=(NGINX,))
    assert made.next_at(ONE) == 5.0


def test_what_never_held_is_nobodys_business() -> None:
    made = book()
    made.look([(NGINX, False), (CRON, None)], 0.0)
    assert (made.alerts, made.due(ONE, 1e6), made.next_at(ONE)) == ((), Due(), bk.inf)


def test_it_is_repeated_often_at_first_and_then_within_any_resolve_timeout() -> None:
    made = holding()
    posted, now = [0.0], 0.0
    while now < 400:
        now = made.next_at(ONE)
        posted.append(now)
        made.taken(ONE, made.due(ONE, now), DATE + now, now)
    gaps = [later - sooner for sooner, later in pairwise(posted)]
    assert set(gaps[: int(bk.EARLY_FOR / bk.EARLY)]) == {bk.EARLY}
    assert set(gaps[int(bk.EARLY_FOR / bk.EARLY) :]) == {60.0}


def test_an_end_waits_for_a_scrape_that_told_it_and_a_moment_more() -> None:
    made = holding()
    made.look([(NGINX, False)], 10.0)
    assert made.due(ONE, 500.0) == Due()
    served(made, "prometheus", 20.0)
    assert made.due(ONE, 20.0 + bk.SETTLE - 0.01) == Due()
    assert made.due(ONE, 20.0 + bk.SETTLE) == Due(ends=(NGINX,))
    made.taken(ONE, Due(ends=(NGINX,)), DATE + 21, 21.0)
    assert (made.alerts, made.due(ONE, 1e6)) == ((), Due())


def test_a_scrape_that_was_made_before_the_clear_state_does_not_count() -> None:
    made = holding()
    before = made.cleared
    made.look([(NGINX, False)], 10.0)
    made.served("prometheus", before, 11.0)
    assert made.due(ONE, 100.0) == Due()


def test_a_scrape_of_an_earlier_clear_state_does_not_count_for_a_later_one() -> None:
    made = holding()
    made.look([(NGINX, False)], 10.0)
    earlier = made.cleared
    made.look([(NGINX, True)], 11.0)
    made.look([(NGINX, False)], 12.0)
    made.served("prometheus", earlier, 13.0)
    assert made.due(ONE, 100.0).ends == ()


def test_of_two_prometheus_the_end_waits_for_both_unless_one_is_silent_for_long() -> None:
    made = holding()
    for one in ("first", "second"):
        served(made, one, 1.0)
    made.look([(NGINX, False)], 10.0)
    served(made, "first", 20.0)
    assert made.due(ONE, 25.0).ends == ()
    served(made, "second", 26.0)
    assert made.due(ONE, 26.0 + bk.SETTLE).ends == (NGINX,)
    again = holding()
    for one in ("first", "second"):
        served(again, one, 1.0)
    again.look([(NGINX, False)], 10.0)
    served(again, "first", 1.0 + bk.FORGOTTEN)
    assert again.due(ONE, 2.0 + bk.FORGOTTEN).ends == (NGINX,)


def test_what_is_unknown_is_neither_posted_nor_ended() -> None:
    made = holding()
    made.look([(NGINX, None)], 10.0)
    served(made, "prometheus", 20.0)
    assert (made.due(ONE, 1e6), made.alerts) == (Due(), (NGINX,))
    made.look([(NGINX, True)], 30.0)
    assert made.due(ONE, 30.0).posts == (NGINX,)


def test_what_is_no_longer_declared_is_clear() -> None:
    made = holding()
    made.look([], 10.0)
    served(made, "prometheus", 20.0)
    assert made.due(ONE, 30.0).ends == (NGINX,)


def test_an_end_is_told_to_each_alertmanager_once() -> None:
    made = holding(ONE, TWO)
    made.look([(NGINX, False)], 10.0)
    served(made, "prometheus", 10.0)
    made.taken(ONE, made.due(ONE, 11.0), DATE + 11, 11.0)
    assert (made.due(ONE, 50.0), made.due(TWO, 50.0).ends) == (Due(), (NGINX,))
    assert made.alerts == (NGINX,)
    made.taken(TWO, made.due(TWO, 50.0), DATE + 50, 50.0)
    assert made.alerts == ()


def test_what_fails_again_before_all_were_told_of_its_end_is_posted_anew_to_those_who_were() -> (
    None
):
    made = holding(ONE, TWO)
    made.look([(NGINX, False)], 10.0)
    served(made, "prometheus", 10.0)
    made.taken(ONE, made.due(ONE, 11.0), DATE + 11, 11.0)
    made.look([(NGINX, True)], 12.0)
    assert made.due(ONE, 12.0).posts == (NGINX,)


def test_an_end_that_crosses_a_new_failure_is_taken_back() -> None:
    made = holding()
    made.look([(NGINX, False)], 10.0)
    served(made, "prometheus", 10.0)
    under_way = made.due(ONE, 11.0)
    made.look([(NGINX, True)], 11.1)
    made.taken(ONE, under_way, DATE + 11, 11.2)
    assert made.due(ONE, 11.2) == Due(posts=(NGINX,))


def test_an_end_never_lies_before_its_beginning_by_that_alertmanagers_own_clock() -> None:
    made = holding()
    made.look([(NGINX, False)], 0.2)
    served(made, "prometheus", 0.3)
    assert made.past(ONE, (NGINX,), DATE, 1.4) == ()
    assert made.due(ONE, 1.5) == Due()  # and it is not asked for again at once
    assert made.past(ONE, (NGINX,), DATE + 1, 2.5) == (NGINX,)


def test_after_a_restart_what_holds_is_repeated_and_what_does_not_is_ended() -> None:
    made = book(kept=(NGINX, CRON))
    assert made.due(ONE, 0.0) == Due()
    made.look([(NGINX, True), (CRON, False)], 1.0)
    assert made.due(ONE, 1.0) == Due(posts=(NGINX,))
    served(made, "prometheus", 2.0)
    assert made.due(ONE, bk.STRANGE).ends == ()  # a second Prometheus may not have come yet
    served(made, "prometheus", bk.STRANGE)
    assert made.due(ONE, bk.STRANGE + bk.SETTLE).ends == (CRON,)


def test_one_that_fails_rests_longer_each_time_and_the_other_is_not_concerned() -> None:
    made = book(ONE, TWO)
    made.look([(NGINX, True)], 0.0)
    rests, now = [], 0.0
    for _ in range(6):
        made.failed(ONE, now)
        rests.append(made.next_at(ONE) - now)
        assert made.due(ONE, now) == Due()
        now = made.next_at(ONE)
    assert rests == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    assert made.due(TWO, 0.0).posts == (NGINX,)
    made.taken(ONE, made.due(ONE, now), DATE, now)
    made.failed(ONE, now)
    assert (
        made.next_at(ONE) == now + bk.EARLY
    )  # it has begun anew: a second, and nothing is due sooner


def test_who_cannot_be_told_of_an_end_is_given_up_when_its_own_time_out_is_long_over() -> None:
    made = holding()
    made.look([(NGINX, False)], 10.0)
    made.look([(NGINX, False)], 10.0 + bk.GIVE_UP)
    assert made.alerts == (NGINX,)
    made.look([(NGINX, False)], 10.1 + bk.GIVE_UP)
    assert made.alerts == ()


def test_the_book_and_each_request_are_bounded() -> None:
    made = book()
    every = [Alert.of({"service": f"s{n}"}, {}) for n in range(bk.MOST + 100)]
    made.look([(one, True) for one in every], 0.0)
    assert len(made.alerts) == bk.MOST
    assert len(made.due(ONE, 0.0).posts) == bk.AT_ONCE
    for number in range(10 * bk.MOST_SCRAPERS):
        served(made, f"scraper{number}", float(number))
    assert len(made._scrapers) == bk.MOST_SCRAPERS


STEPS = st.lists(
    st.tuples(st.sampled_from(["up", "down", "unknown", "scrape", "deliver", "fail", "wait"]),
              st.sampled_from([ONE, TWO])),
    max_size=60,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_whatever_happens_all_are_told_in_the_end_what_is_so(steps: list[tuple[str, str]]) -> None:
    """What each has been told last is kept as Alertmanager would; no end is told while Prometheus still sees it."""
    made, now, holds, scraped = book(ONE, TWO), 0.0, False, False
    told = {ONE: False, TWO: False}

    def deliver(url: str) -> None:
        due = made.due(url, now)
        assert not due.posts or holds is True
        assert not due.ends or (holds is False and scraped is False)
        if due:
            made.taken(url, due, DATE + now, now)
            told[url] = bool(due.posts)

    for step, url in steps:
        now += 0.7
        match step:
            case "up" | "down" | "unknown":
                holds = {"up": False, "down": True, "unknown": None}[step]  # type: ignore[assignment]
                made.look([(NGINX, holds)], now)
            case "scrape":
                scraped = holds is True
                served(made, "prometheus", now)
            case "deliver":
                deliver(url)
            case "fail":
                made.failed(url, now)
            case _:
                now += 40.0
    for last in (True, False):
        holds = last
        made.look([(NGINX, holds)], now)
        scraped = holds
        served(made, "prometheus", now)
        now += 20.0
        for url in (ONE, TWO):
            deliver(url)
        assert set(told.values()) == {last}
    assert made.alerts == ()
