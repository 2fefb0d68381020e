"""docker-compose.yml brought up with docker-compose 1.29.2 on images of Debian's programs.

Not shown here: upstream's images themselves, Grafana, and compose v2.
"""

import json
from urllib.parse import quote

import pytest

from tests.compose.conftest import COMMANDS, ONCE, SERVICES, SHOWN_NOWHERE, Stack, eventually
from tests.dashboards.asking import QUERIES, filled

pytestmark = pytest.mark.lab

WATCHDOG = ("Watchdog", "", "")
BROKEN = ("ServiceDown", "web1", "nginx")
HELD = ("HealerHolds", "web1", "nginx")
HEALER = "http://127.0.0.1:9595"


def untouched(stack: Stack) -> dict[str, tuple[str, str, int]]:
    """Which containers there are and since when each runs: whoever acts on one changes this."""
    return {
        name: (one["Id"], one["State"]["StartedAt"], one["State"]["Pid"])
        for name, one in stack.containers().items()
    }


def test_every_service_runs_and_nothing_is_wrong(stack: Stack) -> None:
    assert stack.containers().keys() == SERVICES.keys() - SHOWN_NOWHERE
    eventually(stack.alerts, lambda firing: firing == {WATCHDOG}, within=60.0)
    targets = stack.get("http://127.0.0.1:9090/api/v1/targets")["data"]["activeTargets"]
    up = {(one["labels"]["job"], one["labels"]["node"]): one["health"] for one in targets}
    assert up == {
        ("node", "mon1"): "up",
        ("node", "web1"): "up",
        ("node", "web2"): "up",
        ("healer", "mon1"): "up",
        ("prometheus", "mon1"): "up",
        ("alertmanager", "mon1"): "up",
    }
    assert stack.incidents() == []


def test_every_service_that_goes_on_says_whether_it_is_well(stack: Stack) -> None:
    mute = {name for name, one in stack.containers().items() if "Health" not in one["State"]}
    assert mute == ONCE


def test_nothing_is_published_beyond_loopback(stack: Stack) -> None:
    published = [
        where["HostIp"]
        for one in stack.containers().values()
        for port in (one["NetworkSettings"]["Ports"] or {}).values()
        for where in port or []
    ]
    assert (len(published), set(published)) == (5, {"127.0.0.1"})
    assert "html" in stack.get("http://127.0.0.1:8081/")
    assert "html" in stack.get("http://127.0.0.1:8082/")


def test_what_the_dashboard_asks_is_answered_by_the_prometheus_that_grafana_is_given(
    stack: Stack,
) -> None:
    def left() -> list[str]:
        answer = asked(stack, 'hale:redundancy{cluster="compose",group="web"}')
        return [one["value"][1] for one in answer]

    eventually(left, lambda values: values == ["1"], within=60.0)
    assert all(one["metric"]["cluster"] == "compose" for one in asked(stack, "hale:group_nodes"))
    filling = [query for query in QUERIES if asked(stack, filled(query, "compose"))]
    assert len(filling) >= len(QUERIES) / 3, filling  # the rest is of a tier, or of trouble


def asked(stack: Stack, query: str) -> list[dict]:
    """Return what Prometheus answers now; that it understands the question goes with it."""
    answer = stack.get(f"http://127.0.0.1:9090/api/v1/query?query={quote(query)}")
    assert answer["status"] == "success", query
    return list(answer["data"]["result"])


def test_a_broken_service_is_explained_and_nothing_is_changed(stack: Stack) -> None:
    before = untouched(stack)
    stack.docker.compose("stop", "--timeout", "5", "nginx-web1")
    try:
        eventually(stack.alerts, lambda firing: firing == {WATCHDOG, BROKEN, HELD}, within=90.0)
        (row,) = stack.incidents("open")
        assert (row["state"], row["target"], row["ladder"]) == (
            "held",
            "web1/nginx",
            "restart-service",
        )
        incident = stack.get(f"{HEALER}/api/v1/incidents/{row['id']}")
        explained(stack, incident)
        the_commands_of_the_page_tell(stack)
        page = stack.get(f"{HEALER}/incidents/{row['id']}")
        assert all(one["have"].split()[0] in page for one in incident["guards"] if one["have"])
        pages = stack.docker.compose("logs", "--no-color", "pager")
        assert '"alert": "HealerHolds"' in pages
        after = untouched(stack)
        assert before.pop("nginx-web1")[0] == after.pop("nginx-web1")[0]
        assert stack.containers()["nginx-web1"]["State"]["Status"] == "exited"
        assert after == before
    finally:
        stack.docker.compose("start", "nginx-web1")
    eventually(lambda: stack.incidents("open"), lambda still: not still, within=90.0)
    (closed,) = stack.incidents("closed")
    assert stack.get(f"{HEALER}/api/v1/incidents/{closed['id']}")["outcome"] == "cleared"
    eventually(stack.alerts, lambda firing: firing == {WATCHDOG}, within=60.0)


def the_commands_of_the_page_tell(stack: Stack) -> None:
    """What people are told to run in the healer's container while nginx is stopped answers there."""
    given = [one.split()[1:] for one in COMMANDS if one.startswith("exec ")]
    told = [stack.docker.compose("exec", "-T", *one) for one in given]
    assert len(told) == 3
    assert all("web1/nginx" in one for one in told[:2]), told
    assert "web2/nginx" in told[2]


def explained(stack: Stack, incident: dict) -> None:
    """Every guard of the healer answers, with what it has and what it needs; nothing was tried."""
    guards = {one["guard"]: one for one in incident["guards"]}
    registry = stack.get(f"{HEALER}/api/v1/guards")["guards"]
    assert list(guards) == [one["guard"] for one in registry]
    assert all(one["have"] and one["need"] for one in guards.values())
    assert (guards["known_target"]["reason"], incident["reason"]) == ("gate_silent", "gate_silent")
    assert guards["still_true"]["allows"]
    assert guards["armed"]["allows"]
    assert guards["sees_enough"]["allows"]
    assert guards["capacity"]["allows"]
    assert not guards["approved"]["allows"]
    assert incident["attempts"] == []
    metrics = stack.get(f"{HEALER}/metrics").splitlines()
    assert [line for line in metrics if line.startswith("healer_actions_total{")] == []


def test_explain_says_what_would_be_done_to_a_service_that_is_well(stack: Stack) -> None:
    asked = ("exec", "-T", "healer", "hale-healer", "explain", "web2/nginx", "--output", "json")
    told = json.loads(stack.docker.compose(*asked))
    assert (told["target"], told["decision"]) == ("web2/nginx", "hold")
    assert told["action"] == "service.restart on web2/nginx"


def test_a_second_up_renders_again_and_keeps_the_journal(stack: Stack) -> None:
    known = stack.incidents()
    running = {name: one for name, one in untouched(stack).items() if name not in ONCE}
    stack.docker.compose("up", "--detach", *sorted(SERVICES.keys() - SHOWN_NOWHERE))
    ended = eventually(
        lambda: {name: stack.containers()[name]["State"] for name in ONCE},
        lambda states: all(one["Status"] == "exited" for one in states.values()),
        within=30.0,
    )
    assert [one["ExitCode"] for one in ended.values()] == [0, 0]
    assert {name: one for name, one in untouched(stack).items() if name not in ONCE} == running
    assert known
    assert stack.incidents() == known
