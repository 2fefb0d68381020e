"""What people find again of incidents that are over."""

from dataclasses import replace

import pytest

from healer.core.alert import Target
from healer.core.ended import NAMES, Ended, Query, ended, search
from healer.core.incident import Incident
from tests.healer.core.test_verification import ENDED as TRIED
from tests.healer.core.world import NOW, alert

ONE = Ended(
    incident="7",
    target=Target("web1", "nginx"),
    cause="ServiceDown",
    symptoms=("PoolMemberDown",),
    ladder="restart-service",
    outcome="healed",
    detail="hale_service_up is 1",
    opened_at=NOW,
    closed_at=NOW + 60,
    actions=("service.restart",),
)


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        (Query(), True),
        (Query(node="web1", service="nginx", outcome="healed"), True),
        (Query(node="web2"), False),
        (Query(service="app"), False),
        (Query(outcome="cleared"), False),
        (Query(since=NOW + 60, until=NOW + 60.1), True),
        (Query(since=NOW + 60.1), False),
        (Query(until=NOW + 60), False),
        (Query(text="  servicedown RESTART web1 "), True),
        (Query(text="poolmember 7 healed"), True),
        (Query(text="hale_service_up service.restart"), True),
        (Query(text="servicedown web2"), False),
    ],
)
def test_all_that_is_asked_for_has_to_fit(query: Query, fits: bool) -> None:
    assert query.fits(ONE) is fits
    assert list(search([ONE, replace(ONE, incident="8")], query))[:1] == ([ONE] if fits else [])


def test_a_flood_of_symptoms_and_tries_is_kept_in_short() -> None:
    symptoms = [alert(f"Odd{number // 2}", "web1/app") for number in range(3 * NAMES)]
    over = replace(
        Incident("7", alert(), "restart-service", NOW, NOW + 60, "d1"),
        symptoms=tuple(symptoms),
        attempts=(TRIED,) * (NAMES + 1),
        outcome="healed",
    )
    kept = ended(over, "in words", NOW + 60)
    assert kept.symptoms == tuple(f"Odd{number}" for number in range(NAMES))
    assert kept.actions == ("service.restart",) * NAMES
    same = replace(ONE, symptoms=kept.symptoms, actions=kept.actions, detail="in words")
    assert kept == same
