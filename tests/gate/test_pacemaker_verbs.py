"""A failed resource is cleaned up once, and a node stands by, only while Pacemaker decides and others can serve."""

import json
from pathlib import Path
from typing import Any

import pytest

from gate.clock import SystemClock
from gate.pacemaker_rule import PacemakerRule
from gate.process import Ran
from tests.gate.fakes import World
from tests.gate.pacemakers import InAFile
from tests.gate.test_pacemaker import HEAD, Says
from tests.gate.test_session import ask, request

OWNER, OTHER, PERSON = "lock:upkeep-1", "incident:7", "person:unknown"
RULE = PacemakerRule("s1", ("s1", "s2"), ("share",))


class Here(World):
    """The gate of s1 with a clock that goes, and Pacemaker's programs on a file."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "gate")
        self.clock = SystemClock()
        self.pacemaker = self.programs = InAFile(folder / "pacemaker")
        self.config.pacemakers["store"] = RULE
        self.config.spacing_seconds.update(
            {f"pacemaker.{one}": 0.001 for one in ("cleanup", "standby", "unstandby")}
        )
        self.number = 0

    @property
    def seen(self) -> Any:
        return seen_by(self)

    def cleanup(self, count: int | None = None, *, seconds: int = 5, **args: Any) -> Any:
        found = self.seen["failures"]
        now = {"count": found[0]["count"], "last": found[0]["last"]} if found else _NEVER
        if count is not None:
            now["count"] = count
        return self.verb("cleanup", {"share": now}, seconds, **{"resource": "share", **args})

    def standby(self, owner: str = OWNER, *, seconds: int = 5) -> Any:
        return self.verb("standby", {}, seconds, owner=owner)

    def unstandby(self, owner: str = OWNER) -> Any:
        return self.verb("unstandby", {}, 5, owner=owner)

    def verb(self, verb: str, failures: Any, seconds: int, **args: Any) -> Any:
        self.number += 1
        seen = self.seen
        standby = seen["nodes"]["s1"]["standby"] if seen else False
        expect = {
            "boot_id": str(self.clock.boot_id()),
            "pacemakers": {"store": {"standby": standby, "failures": failures}},
        }
        told = {"verb": f"pacemaker.{verb}", "args": {"pacemaker": "store", **args}}
        asked = request(self, self.number, **told, expect=expect, deadline_seconds=seconds)
        return ask(self, asked)[-1]

    def owners(self) -> tuple[str, ...] | None:
        mark = self.marks.read().get(("pacemaker.standby", "store"))
        return None if mark is None else mark.owners


def seen_by(world: World, name: str = "pacemaker:store") -> Any:
    hello = {"v": 1, "hello": True, "look": [name]}
    return json.loads(world.talk(json.dumps(hello).encode())[0])["seen"][name]


_NEVER: Any = {"count": 0, "last": ""}


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


def test_a_look_has_the_failures_of_every_resource_but_only_the_listed_resources(tmp_path):
    here = World(tmp_path)
    here.config.pacemakers["store"] = RULE
    flags = "managed='true' failed='false' blocked='false'"
    parts = (
        f"<resources><resource id='disk' {flags}/><resource id='share' {flags}/></resources>"
        "<node_history><node name='s2'><resource_history id='disk' fail-count='1'/></node>"
        "</node_history></pacemaker-result>"
    )
    here.programs = Says(0, HEAD + parts.encode())  # type: ignore[assignment]
    seen = seen_by(here)
    assert list(seen["resources"]) == ["share"]
    assert [(one["resource"], one["node"]) for one in seen["failures"]] == [("disk", "s2")]


def said(answer: Any) -> tuple[str, str]:
    return answer["state"], answer["reason"]


def where(here: Here) -> list[str]:
    found: list[str] = here.seen["resources"]["share"]["nodes"]
    return found


def test_a_resource_that_may_run_here_no_more_is_cleaned_up_and_comes_back(here):
    for _ in range(3):
        here.pacemaker.fail("share", "s1")
    assert where(here) == ["s2"]
    assert said(here.cleanup()) == ("done", "cleaned_up")
    assert here.pacemaker.diary == ["crm_resource --cleanup --resource share --node s1"]
    assert here.seen["failures"] == []
    assert where(here) == ["s1"]


def test_one_that_has_failed_once_more_since_the_decision_is_left(here):
    here.pacemaker.fail("share", "s1")
    assert said(here.cleanup(count=2)) == ("refused", "changed")
    assert here.pacemaker.diary == []


def test_one_that_has_not_failed_is_left(here):
    assert said(here.cleanup()) == ("refused", "not_failed")


def test_one_that_fails_again_at_once_has_failed(here):
    here.pacemaker.fail("share", "s1")
    tools = here.pacemaker

    def in_vain(argv: tuple[str, ...], seconds: float, *more: Any) -> Ran:
        if argv[0] != "crm_resource":
            return tools(argv, seconds, *more)
        text = tools.cib.read_text()
        before = text.split('name="last-failure-share#monitor_10000" value="')[1].split('"')[0]
        tools.say(before, str(int(before) + 5))
        return Ran(0, b"")

    here.programs = in_vain
    answer = here.cleanup()
    assert said(answer) == ("failed", "not_cleaned_up")
    assert "failed again" in answer["detail"]


def test_where_nothing_is_forgotten_nobody_knows(here):
    here.pacemaker.fail("share", "s1")
    tools = here.pacemaker

    def deaf(argv: tuple[str, ...], seconds: float, *more: Any) -> Ran:
        return Ran(None, b"") if argv[0] == "crm_resource" else tools(argv, seconds, *more)

    here.programs = deaf
    assert said(here.cleanup(seconds=1)) == ("unknown", "deadline")


def test_what_pacemaker_refuses_has_failed(here):
    here.pacemaker.fail("share", "s1")
    tools = here.pacemaker

    def refusing(argv: tuple[str, ...], seconds: float, *more: Any) -> Ran:
        if argv[0] in ("crm_resource", "crm_attribute"):
            return Ran(4, b"Insufficient privileges\n")
        return tools(argv, seconds, *more)

    here.programs = refusing
    assert said(here.cleanup()) == ("failed", "not_cleaned_up")
    assert said(here.standby()) == ("failed", "not_standing_by")
    assert here.owners() == (OWNER,)
    assert said(here.unstandby()) == ("failed", "not_back_in_cluster")
    assert here.owners() == (OWNER,)


def worse(here: Here, what: str) -> None:
    """Let the cluster be in a state in which Hale keeps its hands off."""
    if what == "maintenance_mode":
        here.pacemaker.change("crm_attribute", "--name", what.replace("_", "-"), "--update", "true")
    elif what == "no_quorum":
        here.pacemaker.say('have-quorum="1"', 'have-quorum="0"')
    else:
        text = here.pacemaker.cib.read_text()
        line = next(one for one in text.splitlines() if "<node_state" in one and "s2" in one)
        down = line.replace('in_ccm="true"', 'in_ccm="false"').replace('"online"', '"offline"')
        here.pacemaker.say(line, down)


@pytest.mark.parametrize("what", ["maintenance_mode", "no_quorum", "node_unclean"])
def test_where_pacemaker_does_not_decide_or_has_worse_to_do_nothing_is_asked(here, what):
    here.pacemaker.fail("share", "s1")
    worse(here, what)
    assert said(here.cleanup()) == ("refused", what)
    assert said(here.standby()) == ("refused", what)
    assert here.pacemaker.diary == []
    assert here.owners() is None


def test_while_a_fencing_is_under_way_nothing_is_asked(here):
    here.pacemaker.fail("share", "s1")
    tools = here.pacemaker
    event = b"<fence_history><fence_event target='s2' status='pending'/></fence_history>"
    end = b"</pacemaker-result>"

    def fencing(argv: tuple[str, ...], seconds: float, *more: Any) -> Ran:
        ran = tools(argv, seconds, *more)
        added = ran.output.replace(end, event + end) if argv[0] == "crm_mon" else ran.output
        return Ran(ran.code, added)

    here.programs = fencing
    assert said(here.cleanup()) == ("refused", "fencing_pending")
    assert said(here.standby()) == ("refused", "fencing_pending")
    assert here.pacemaker.diary == []


def test_standby_moves_all_away_and_its_end_lets_it_come_back(here):
    assert said(here.standby()) == ("done", "standing_by")
    assert where(here) == ["s2"]
    assert here.owners() == (OWNER,)
    assert said(here.unstandby()) == ("done", "back_in_cluster")
    assert where(here) == ["s1"]
    assert here.owners() is None


def test_it_ends_only_with_its_last_owner(here):
    here.standby()
    assert said(here.standby(OTHER)) == ("done", "standing_by")
    assert said(here.unstandby()) == ("done", "still_marked")
    assert where(here) == ["s2"]
    assert said(here.unstandby(OTHER)) == ("done", "back_in_cluster")


def test_what_a_person_put_in_standby_before_stays_so(here):
    here.pacemaker.change("crm_attribute", "--node", "s1", "--name", "standby", "--update", "on")
    here.pacemaker.schedule()
    assert said(here.unstandby()) == ("done", "still_marked")
    assert said(here.standby()) == ("done", "standing_by")
    assert here.owners() == (OWNER, PERSON)
    assert said(here.unstandby()) == ("done", "still_marked")
    assert where(here) == ["s2"]


def test_where_no_other_could_run_it_the_node_stays(here):
    here.pacemaker.change("crm_attribute", "--node", "s2", "--name", "standby", "--update", "on")
    assert said(here.standby()) == ("refused", "no_place")
    ban = '<rsc_location id="never" rsc="share" node="s2" score="-INFINITY"/></constraints>'
    here.pacemaker.change("crm_attribute", "--node", "s2", "--name", "standby", "--delete")
    here.pacemaker.say("</constraints>", ban)
    answer = here.standby()
    assert said(answer) == ("refused", "no_place")
    assert "share" in answer["detail"]
    assert here.pacemaker.diary == []


def test_while_something_still_runs_here_nobody_knows_how_it_ends(here):
    here.pacemaker.follows = False
    answer = here.standby(seconds=3)
    assert said(answer) == ("unknown", "deadline")
    assert "share" in answer["detail"]
    assert here.owners() == (OWNER,)


def test_the_mark_says_whether_pacemaker_has_it_so(here):
    here.standby()
    hello = json.dumps({"v": 1, "hello": True, "look": []}).encode()
    assert json.loads(here.talk(hello)[0])["marks"][0]["applied"] is True
    here.pacemaker.change("crm_attribute", "--node", "s1", "--name", "standby", "--delete")
    assert json.loads(here.talk(hello)[0])["marks"][0]["applied"] is False


@pytest.mark.parametrize(
    ("verb", "args"),
    [
        ("cleanup", {"resource": "power"}),
        ("cleanup", {"resource": 1}),
        ("cleanup", {}),
        ("cleanup", {"resource": "share", "owner": OWNER}),
        ("standby", {}),
        ("standby", {"owner": PERSON}),
        ("standby", {"owner": OWNER, "pacemaker": "other"}),
        ("unstandby", {"owner": OWNER, "pacemaker": 1}),
    ],
)
def test_arguments_that_are_none_are_refused(here, verb, args):
    answer = here.verb(verb, {"share": _NEVER}, 5, **args)
    assert answer["state"] == "refused"
    assert answer["reason"] in ("bad_argument", "not_listed")
    assert here.pacemaker.diary == []


def test_a_pacemaker_that_is_not_there_is_not_seen_and_lets_nothing_begin(here):
    here.programs = lambda *_: Ran(102, b"crm_mon: Connection to cluster failed\n")
    assert here.seen is None
    assert said(here.standby()) == ("refused", "changed")
    assert said(here.verb("cleanup", {"share": _NEVER}, 5, resource="share")) == (
        "refused",
        "changed",
    )
