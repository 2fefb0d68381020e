"""What the healer would do, and which guards would hold: asked by the control socket, and nothing is written."""

from dataclasses import replace
from pathlib import Path

import pytest

from healer.core.alert import Alert, Target
from healer.core.facts import Evidence
from healer.core.guards import GUARDS
from healer.core.ladder import Ladder, Mode
from healer.core.topology import EXPORTER, Topology
from healer.web.asking import usual_cause
from healer.web.rules import packaged
from tests.healer.core.world import RESTART, topology
from tests.healer.web.house import House, say

NODE_REBOOT = replace(RESTART, action="node.reboot", fast=False)
DISK_FREE = replace(RESTART, action="disk.free", fast=False)


async def test_an_explanation_of_a_target_names_every_guard_and_writes_nothing(
    tmp_path: Path,
) -> None:
    house = House()
    await house.arm()
    house.trouble()
    before = len(house.store.records)
    code, shown = await say(house, tmp_path, "explain", target="web1/nginx")
    assert (code, shown["decision"], shown["action"]) == (
        200,
        "act",
        "service.restart on web1/nginx",
    )
    assert len(shown["guards"]) == len(GUARDS)
    assert all(one["have"] and one["need"] for one in shown["guards"])
    assert len(house.store.records) == before
    assert not house.gates.orders


async def test_the_guards_are_asked_about_a_supposed_action_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    house = House()
    await house.arm()
    house.trouble()
    before = len(house.store.records)
    code, shown = await say(house, tmp_path, "guards", target="web1/nginx", action="node.reboot")
    (judged,) = shown["incidents"]
    assert (code, judged["id"], judged["state"]) == (200, "", "supposed")
    assert judged["action"] == "node.reboot on web1/nginx"
    assert [one["guard"] for one in judged["guards"]] == [guard.name for guard in GUARDS]
    assert judged["asked_at"] is not None
    assert [one["guard"] for one in shown["guards"]] == [guard.name for guard in GUARDS]
    assert len(house.store.records) == before
    assert not house.gates.orders


@pytest.mark.parametrize(
    ("asked", "action"),
    [
        ({"target": "web1/nginx"}, "service.restart on web1/nginx"),
        ({"target": "web1:/data", "action": "disk.free"}, "disk.free on web1:/data"),
        ({"target": "1"}, "service.restart on web1/nginx"),
    ],
)
async def test_the_guards_are_asked_about_what_would_be_done(
    asked: dict[str, str], action: str, tmp_path: Path
) -> None:
    house = House()
    await house.arm()
    await house.open(house.trouble())
    code, shown = await say(house, tmp_path, "guards", **asked)
    (judged,) = shown["incidents"]
    assert (code, judged["action"]) == (200, action)
    assert len(judged["guards"]) == len(GUARDS)


@pytest.mark.parametrize(
    ("asked", "status", "reason"),
    [
        ({"target": "web9"}, 409, "unknown_target"),
        ({"target": "9"}, 409, "unknown_incident"),
        ({"target": "web1"}, 409, "no_action"),
        ({"target": "web1", "action": "node.explode"}, 409, "unknown_action"),
        ({"target": "web1/nginx", "action": "pool.return"}, 409, "unknown_action"),
        ({"target": "web1/nginx", "action": "pool.drain"}, 409, "nothing_there"),
        ({"target": "1", "action": "node.reboot"}, 400, "malformed"),
        ({"target": "1", "ladder": "restart-service"}, 400, "malformed"),
        ({"target": "web1/nginx", "ladder": "nope"}, 409, "unknown_ladder"),
        ({"target": "web1:/data"}, 409, "unknown_ladder"),
        ({"target": "web1/nginx:/x"}, 409, "impossible_labels"),
        ({"action": "node.reboot"}, 400, "malformed"),
    ],
)
async def test_the_guards_are_not_asked_about_what_makes_no_sense(
    asked: dict[str, str], status: int, reason: str, tmp_path: Path
) -> None:
    house = House()
    await house.arm()
    await house.open(house.trouble())
    code, shown = await say(house, tmp_path, "guards", **asked)
    assert (code, shown["reason"]) == (status, reason)


async def test_an_explanation_of_an_incident_is_asked_afresh(tmp_path: Path) -> None:
    house = House()
    await house.open(house.trouble())
    await house.held()
    code, shown = await say(house, tmp_path, "explain", target="1")
    assert (code, shown["incident"], shown["decision"]) == (200, "1", "hold")
    assert shown["reason"] == "not_armed"


async def test_a_node_has_no_ladder_and_its_exporter_has_one(tmp_path: Path) -> None:
    house = House()
    await house.arm()
    _, node = await say(house, tmp_path, "explain", target="web1")
    assert (node["alert"], node["decision"]) == ("NodeDown", "stay")
    _, exporter = await say(house, tmp_path, "explain", target="web1/hale-exporter")
    assert (exporter["alert"], exporter["ladder"]) == ("ExporterDown", "restart-exporter")


def with_ladders(mode: Mode, **others: Mode) -> Topology:
    """The healer's own mode, and ladders besides, each with a mode of its own; `_` stands for a dash."""
    plain = topology(mode=mode)
    kinds = {"reboot": NODE_REBOOT, "free-disk": DISK_FREE, "restart-service": RESTART}
    ladders = {
        name: Ladder(name, others[key], (kinds[name.removesuffix("-too")],))
        for key in others
        for name in [key.replace("_", "-")]
    }
    return replace(plain, ladders={**plain.ladders, **ladders})


async def test_the_guards_go_by_the_mode_of_the_ladder_that_would_be_used(tmp_path: Path) -> None:
    house = House(given=with_ladders(Mode.ACT, restart_service=Mode.EXPLAIN))
    await house.arm()
    house.trouble()
    _, explained = await say(house, tmp_path, "explain", target="web1/nginx")
    asked = {"target": "web1/nginx", "action": "service.restart"}
    _, shown = await say(house, tmp_path, "guards", **asked)
    (judged,) = shown["incidents"]
    assert (explained["reason"], judged["decision"]) == ("explain_mode", "hold")
    assert judged["ladder"] == explained["ladder"] == "restart-service"
    assert [one["reason"] for one in judged["guards"] if not one["allows"]] == ["explain_mode"]
    _, shown = await say(house, tmp_path, "guards", **asked, ladder="restart-exporter")
    assert shown["incidents"][0]["decision"] == "act"
    assert shown["incidents"][0]["ladder"] == "restart-exporter"


async def test_what_the_alerts_own_ladder_lacks_is_asked_of_the_most_cautious_that_has_it(
    tmp_path: Path,
) -> None:
    house = House(given=with_ladders(Mode.ACT, reboot_too=Mode.ACT, reboot=Mode.APPROVE))
    await house.arm()
    house.trouble()
    _, shown = await say(house, tmp_path, "guards", target="web1/nginx", action="node.reboot")
    (judged,) = shown["incidents"]
    assert judged["ladder"] == "reboot"
    assert "approval_needed" in [one["reason"] for one in judged["guards"]]
    _, shown = await say(house, tmp_path, "guards", target="web1", action="disk.free")
    assert shown["reason"] == "nothing_there"
    _, shown = await say(house, tmp_path, "guards", target="web1:/data", action="disk.free")
    assert shown["incidents"][0]["ladder"] == "supposed"


async def test_a_file_system_is_asked_about_by_its_own_alert_and_ladder(tmp_path: Path) -> None:
    house = House(given=with_ladders(Mode.ACT, free_disk=Mode.ACT))
    await house.arm()
    house.cluster.down.add(Target("web1", None, "/data"))
    code, explained = await say(house, tmp_path, "explain", target="web1:/data")
    assert (code, explained["alert"], explained["ladder"]) == (
        *(200, "FilesystemAlmostFull"),
        "free-disk",
    )
    assert explained["action"] == "disk.free on web1:/data"
    _, shown = await say(house, tmp_path, "guards", target="web1:/data")
    assert shown["incidents"][0]["action"] == "disk.free on web1:/data"


async def test_a_target_that_no_alert_can_have_is_refused_with_what_to_say(tmp_path: Path) -> None:
    code, shown = await say(House(), tmp_path, "explain", target="web1/nginx:/x")
    assert (code, shown["reason"]) == (409, "impossible_labels")
    assert shown["detail"].endswith("say web1/nginx or web1:/x")


@pytest.mark.parametrize("ladder", ["nope", "restart service"])
async def test_a_ladder_that_is_not_there_is_refused_with_those_that_are(
    ladder: str, tmp_path: Path
) -> None:
    code, shown = await say(House(), tmp_path, "explain", target="web1/nginx", ladder=ladder)
    assert (code, shown["reason"]) == (409, "unknown_ladder")
    assert shown["detail"] == (
        f"cluster.yml has no ladder {ladder}; there are: restart-exporter, restart-service"
    )


async def test_what_an_incident_has_of_its_own_is_not_supposed(tmp_path: Path) -> None:
    house = House()
    await house.open(house.trouble())
    code, shown = await say(house, tmp_path, "explain", target="1", ladder="restart-exporter")
    assert (code, shown["reason"]) == (400, "malformed")


async def test_another_alert_brings_its_own_ladder(tmp_path: Path) -> None:
    _, shown = await say(House(), tmp_path, "explain", target="web1/nginx", alert="ServiceUnknown")
    assert (shown["alert"], shown["decision"], shown["ladder"]) == (
        "ServiceUnknown",
        "stay",
        "none",
    )
    _, shown = await say(House(), tmp_path, "explain", target="web1/nginx", alert="OurOwn")
    assert (shown["alert"], shown["ladder"]) == ("OurOwn", "restart-service")


async def test_what_is_supposed_is_what_the_packaged_rules_say(tmp_path: Path) -> None:
    """Prometheus knows a rule by its ladder and severity too: another one would be none, and no alert true."""
    for target in (
        Target("web1"),
        Target("web1", EXPORTER),
        Target("web1", "nginx"),
        Target("web1", None, "/data"),
    ):
        usual = usual_cause(target, topology())
        rule = packaged()[usual.alert]
        assert (usual.heal, usual.severity) == (rule.heal, rule.severity)


async def test_an_action_is_asked_for_under_the_label_that_the_rule_has(tmp_path: Path) -> None:
    house = House(given=with_ladders(Mode.ACT, reboot=Mode.ACT))
    await house.arm()
    house.trouble()
    asked: list[Alert] = []
    read = house.prometheus.evidence

    async def noted(one: Alert, metric: str) -> Evidence:
        asked.append(one)
        return await read(one, metric)

    house.prometheus.evidence = noted  # type: ignore[method-assign]
    await say(house, tmp_path, "guards", target="web1/nginx", action="node.reboot")
    assert [one.label("heal") for one in asked] == ["restart-service"]


@pytest.mark.parametrize("target", ["web9/nginx", "web1/mysql", "/", "99"])
async def test_an_explanation_of_what_is_not_there_is_refused(target: str, tmp_path: Path) -> None:
    code, shown = await say(House(), tmp_path, "explain", target=target)
    assert code == 409
    assert shown["reason"] in ("unknown_target", "unknown_incident")
