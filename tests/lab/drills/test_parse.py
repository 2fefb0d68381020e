"""A drill's file: what is read, and what is said about a wrong one."""

from pathlib import Path

import pytest

from cluster.errors import ConfigErrors
from cluster.load import read
from lab.drills import find, load_drill
from lab.drills.facts.monitoring import AlertFires
from lab.drills.facts.serving import UrlAnswers
from lab.drills.install import overridden
from lab.drills.model import Journal
from lab.drills.parse import parse_drill
from lab.faults.service_kill import ServiceKill
from tests.lab.drills.fakes import SCENARIO

SOUND = """\
name: one
purpose: Shows one thing.
fault:
  - {kind: service.kill, node: web1, args: {unit: nginx.service}, at: 1500ms}
expected:
  - {alert: {name: ServiceDown}, within: 30s}
"""


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        parse_drill(text.encode(), "d.yml")
    return [str(problem) for problem in caught.value.problems]


def test_a_small_drill_is_read() -> None:
    """What is left out has the usual meaning."""
    drill = parse_drill(SOUND.encode(), "d.yml")
    assert drill.steps[0].fault == ServiceKill("web1", "nginx.service")
    assert drill.steps[0].at == 1.5
    assert drill.expected[0].fact == AlertFires("ServiceDown")
    assert drill.expected[0].within == 30
    assert drill.given.redundant
    assert drill.given.quiet
    assert drill.given.journal is Journal.KEPT
    assert drill.limits.detected is None


def test_steps_are_in_the_order_of_their_times() -> None:
    """The order in the file does not matter, the times do."""
    more = "  - {kind: node.freeze, node: web2}\n"
    drill = parse_drill(SOUND.replace("expected:", more + "expected:").encode(), "d.yml")
    assert [step.kind for step in drill.steps] == ["node.freeze", "service.kill"]


def test_a_step_that_waits_keeps_its_place_and_all_after_it() -> None:
    """What it waits for is a fact like any other, and is watched for."""
    more = (
        "  - {kind: node.power_on, node: web1, at: 10s, when: {answers: {url: http://x/}}}\n"
        "  - {kind: node.freeze, node: web2}\n"
    )
    drill = parse_drill(SOUND.replace("expected:", more + "expected:").encode(), "d.yml")
    assert [step.kind for step in drill.steps] == ["service.kill", "node.power_on", "node.freeze"]
    assert drill.steps[1].when == UrlAnswers("http://x/")
    assert UrlAnswers("http://x/") in drill.facts


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: one\n", "", "d.yml:1:1: 'name' is missing."),
        ("name: one", "name: [one]", "d.yml:1:1: name: this is a list, not text."),
        ("purpose:", "porpoise:", "porpoise: unknown key."),
        ("service.kill", "service.kil", "fault[0].kind: unknown fault 'service.kil'. Known: alert"),
        ("{unit: nginx.service}", "{}", "fault[0].args: 'unit' is missing."),
        ("{unit: nginx.service}", "{unit: 5}", "fault[0].args.unit: this is '5', not text."),
        ("unit: nginx", "units: nginx", "fault[0].args.units: unknown key. Known: node, unit."),
        ("1500ms", "1500", "fault[0].at: this is '1500', not a duration."),
        (", within: 30s", "", "expected[0]: 'within' is missing."),
        ("alert:", "alarm:", "expected[0].alarm: unknown fact. Known: alert, resolved"),
        ("name: ServiceDown", "nam: x", "expected[0].alert.nam: unknown key. Known: count"),
        ("within: 30s", "within: soon", "expected[0].within: this is 'soon', not a duration."),
        ("fault:", "given: {journal: gone}\nfault:", "given.journal: 'gone' is unknown. Known:"),
        ("fault:", "given: {monitoring: new}\nfault:", "given.monitoring: 'new' is unknown."),
        ("fault:", "given: {redundancy: no}\nfault:", "given.redundancy: 'no' is unknown."),
        ("fault:", "never: [{lost: {}, pages: {}}]\nfault:", "never[0]: 2 facts in one item."),
        ("fault:", "limits: {pages: -1}\nfault:", "limits.pages: this is '-1', not a whole"),
        (
            "fault:",
            "limits: {speed: 1}\nfault:",
            "limits.speed: unknown key. Known: acknowledged_lost, acted",
        ),
        ("fault:", "load: {rate: true}\nfault:", "load.rate: this is 'True', not a whole"),
        (
            "fault:",
            "given: {services: [{name: a}]}\nfault:",
            "given.services[0]: 'node' is missing",
        ),
        (", at: 1500ms", ", when: {}", "fault[0].when: 0 facts in one item."),
        ("fault:", "name: two\nfault:", "name: this key is already on line 1."),
    ],
)
def test_a_mistake_is_named_with_its_place(old: str, new: str, said: str) -> None:
    """Where it is, what was seen, and what is known instead."""
    found = mistakes(SOUND.replace(old, new, 1))
    assert any(said in one for one in found), found
    assert all(one.startswith("d.yml:") for one in found)


def test_all_mistakes_are_said_at_once() -> None:
    """Nobody mends a file one mistake at a time."""
    text = SOUND.replace("service.kill", "x").replace("within: 30s", "within: x")
    assert len(mistakes(text + "watch: never\nsettle: 3\n")) == 4


@pytest.mark.parametrize("text", ["", "- a\n", "{", "a: &a [*a]\n", "\x00", "[" * 100_000])
def test_what_is_no_drill_is_refused(text: str) -> None:
    """Empty, another shape, cut off, endless or absurd: one mistake, no crash."""
    assert mistakes(text)


@pytest.mark.parametrize("file", find(SCENARIO), ids=lambda file: file.stem)
def test_every_drill_of_the_scenario_can_run_on_it(file: Path) -> None:
    """Each is read, names nodes that are there, and its changes make a valid cluster."""
    base = read(SCENARIO / "cluster.yml")
    drill = load_drill(file)
    changed = overridden(base, drill.given.overrides)
    assert drill.name == file.stem
    assert drill.purpose.endswith(".")
    nodes = {getattr(step.fault, "node", "mon1") for step in drill.steps}
    assert nodes <= set(changed.cluster.nodes)
    services = {service.name for service in drill.given.services}
    assert services <= set(changed.cluster.services)


def test_the_scenario_page_names_every_drill_and_its_example_is_read() -> None:
    """The page is held to the files beside it."""
    page = (SCENARIO / "README.md").read_text()
    assert all(f"(drills/{file.name})" in page for file in find(SCENARIO))
    example = page.split("```yaml\n")[1].split("```")[0]
    assert parse_drill(example.encode(), "README.md").name == "nginx-hangs"
