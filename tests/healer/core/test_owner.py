"""systemd comes first: nothing is done to a unit for which it has a job of its own."""

from dataclasses import replace

import pytest

from healer.core.decide import Hold, decide
from healer.core.facts import Facts, Heard
from tests.healer.core.test_guards import broken, opened


def with_job(facts: Facts, *, job: bool) -> Facts:
    look = facts.heard("web1").look
    assert look is not None
    units = {
        name: unit and replace(unit, job=job and name == "nginx.service")
        for name, unit in look.units.items()
    }
    return replace(facts, gates={"web1": Heard(replace(look, units=units))})


@pytest.mark.parametrize("job", [True, False])
def test_a_queued_job_holds_and_passes_by_itself(job: bool) -> None:
    """A unit whose start waits for another one is `inactive`, and looks as if nobody cared."""
    world = broken()
    incident = opened(world)
    decision = decide(incident, with_job(world.facts(incident), job=job), None)
    held = isinstance(decision, Hold)
    assert held is job
    if isinstance(decision, Hold):
        assert (decision.hold.guard, decision.hold.reason) == ("owner_settled", "owner_busy")
        assert decision.hold.passing
