"""One drill, and what comes of it in a fake lab."""

from collections.abc import Callable

from lab.drills.facts.monitoring import AlertFires
from lab.drills.facts.serving import Unchanged
from lab.drills.judgement import Report
from lab.drills.model import Drill, Expected, Given, Limits, Load, Step
from lab.drills.moments import Moment
from lab.drills.reading import Seconds
from lab.drills.runner import run
from lab.faults.service_kill import ServiceKill
from tests.lab.drills.fakes import FakeLab

DRILL = Drill(
    name="one",
    purpose="Shows one thing.",
    given=Given(within=Seconds(10)),
    load=Load(("http://10.77.0.11:80/",)),
    steps=(Step("service.kill", ServiceKill("web1", "nginx.service")),),
    expected=(
        Expected(AlertFires("ServiceDown", "web1"), Seconds(10)),
        Expected(Unchanged(("web2",)), Seconds(60)),
    ),
    never=(AlertFires("NodeDown"),),
    limits=Limits(detected=Seconds(5)),
    watch=Seconds(4),
)


def ran(
    lab: FakeLab, drill: Drill = DRILL, say: Callable[[Moment, float], None] | None = None
) -> Report:
    return run(drill, lab, lab.clock, say or (lambda moment, began: None), lab.directory / "seen")
