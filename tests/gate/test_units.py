"""What systemd says, read and walked."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from gate.process import Ran
from gate.units import DEPENDENCY_LIMIT, Seen, Unit, Unreadable, look, parse
from tests.gate.fakes import NGINX, FakeClock

# Written by hand in the manner of systemctl 252: a block a unit, an empty line between, no fixed order.
SHOWN = """\
Result=signal
NRestarts=3
Id=nginx.service
RequiredBy=shop.service
RequisiteOf=
BoundBy=shop.service cache.service
ConsistsOf=
PropagatesStopTo=
LoadState=loaded
ActiveState=failed
SubState=failed
StateChangeTimestampMonotonic=2000000
InvocationID=0123456789abcdef0123456789abcdef
Job=471
Conflicts=shutdown.target apache2.service
ConflictedBy=lighttpd.service apache2.service

Result=success
NRestarts=0
Id=gone.service
LoadState=not-found
ActiveState=inactive
SubState=dead
StateChangeTimestampMonotonic=0
InvocationID=
Job=
Conflicts=

Id=multi-user.target
LoadState=loaded
ActiveState=active
SubState=active
StateChangeTimestampMonotonic=9000000
InvocationID=fedcba9876543210fedcba9876543210
"""


class Table:
    """systemd as a table of who goes down with whom; counts how often it is asked."""

    def __init__(
        self,
        above: Mapping[str, tuple[str, ...]],
        readable: int = 99,
        rivals: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self.above = above
        self.rivals = rivals or {}
        self.readable = readable
        self.asked: list[tuple[str, ...]] = []

    def show(self, names: tuple[str, ...]) -> tuple[Unit, ...]:
        self.asked.append(names)
        if len(self.asked) > self.readable:
            raise Unreadable("no answer")
        return tuple(
            replace(
                NGINX, id=n, required_by=self.above.get(n, ()), conflicts=self.rivals.get(n, ())
            )
            for n in names
        )

    def reset_failed(self, name: str, seconds: float) -> Ran:
        raise AssertionError("a look touches nothing")

    restart = reset_failed


def seen(found: Seen | None) -> Seen:
    assert found is not None
    return found


def test_units_are_read_in_the_order_asked_for() -> None:
    nginx, gone, target = parse(SHOWN)
    assert (nginx.id, nginx.active_state, nginx.result, nginx.restarts) == (
        *("nginx.service", "failed", "signal"),
        3,
    )
    assert nginx.required_by == ("shop.service", "cache.service")
    assert nginx.conflicts == ("apache2.service", "lighttpd.service")
    assert (nginx.job, gone.job, target.job) == (True, False, False)
    assert nginx.age_seconds(3_500_000_000) == 1.5
    assert (gone.load_state, gone.invocation_id, gone.age_seconds(1)) == ("not-found", "", None)
    assert (target.result, target.restarts) == ("", None)


def test_an_age_is_never_negative() -> None:
    assert parse(SHOWN)[0].age_seconds(1) == 0.0


@pytest.mark.parametrize("text", ["Id=x.service\n", "nonsense", SHOWN.replace("=3", "=many")])
def test_what_is_not_systemds_answer_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(text)


def test_nothing_is_nothing() -> None:
    assert parse("") == ()
    assert look((), Table({}), FakeClock()) == {}


def test_all_listed_units_are_asked_for_in_one_call() -> None:
    systemd = Table({})
    assert list(look(("a.service", "b.service", "a.service"), systemd, FakeClock())) == [
        "a.service",
        "b.service",
    ]
    assert systemd.asked == [("a.service", "b.service")]


def test_reverse_dependencies_are_walked_to_the_end_and_around_circles() -> None:
    above = {"db": ("app", "pool"), "app": ("web",), "pool": ("web",), "web": ("db",)}
    systemd = Table(above)
    found = look(("db",), systemd, FakeClock())
    assert seen(found["db"]).reverse_dependencies == ("app", "pool", "web")
    assert systemd.asked == [("db",), ("app", "pool"), ("web",)]


def test_what_a_start_stops_counts_with_all_that_stands_on_it_and_not_with_its_own_rivals() -> None:
    systemd = Table({"apache2": ("shop",)}, rivals={"nginx": ("apache2",), "shop": ("other",)})
    found = look(("nginx",), systemd, FakeClock())
    assert seen(found["nginx"]).reverse_dependencies == ("apache2", "shop")
    assert systemd.asked == [("nginx",), ("apache2",), ("shop",)]


def test_dependencies_that_cannot_be_read_make_the_unit_unknown() -> None:
    assert look(("db",), Table({"db": ("app",)}, readable=1), FakeClock()) == {"db": None}


def test_no_answer_at_all_is_unknown() -> None:
    assert look(("db",), Table({}, readable=0), FakeClock()) == {"db": None}


def test_more_dependents_than_can_be_walked_make_the_unit_unknown() -> None:
    many = tuple(f"u{n}.service" for n in range(DEPENDENCY_LIMIT))
    assert look(("db",), Table({"db": many}), FakeClock()) == {"db": None}
