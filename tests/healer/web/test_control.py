"""The control socket: who may command, and that every word is checked, journalled and said back."""

import asyncio
import os
import socket
import stat
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from healer.core import events as ev
from healer.core.alert import Alert, Target
from healer.core.facts import Evidence
from healer.core.guards import GUARDS
from healer.core.incident import State
from healer.core.ladder import Ladder, Mode
from healer.core.topology import EXPORTER, Topology
from healer.errors import ConfigError
from healer.web.asking import usual_cause
from healer.web.control import login
from healer.web.rules import packaged
from healer.web.server import address, control_app, listening, public_app, serving
from tests.healer.core.world import RESTART, alert, topology
from tests.healer.web.house import HOSTILE, House

ME = login(os.getuid())

NODE_REBOOT = replace(RESTART, action="node.reboot", fast=False)
DISK_FREE = replace(RESTART, action="disk.free", fast=False)


async def say(house: House, path: Path, command: str, **fields: object) -> tuple[int, Any]:
    """Give one command and return how it was answered."""
    async with house.both(path / "ctl.sock") as (_, control):
        response = await control.post(f"/api/v1/{command}", json=fields)
        return response.status, await response.json()


def state(house: House) -> State:
    return house.journal.board.incidents["1"].state


def last(house: House) -> ev.Event:
    return house.store.records[-1].event


async def test_a_freeze_is_journalled_with_who_set_it_and_why(tmp_path: Path) -> None:
    house = House()
    code, shown = await say(house, tmp_path, "freeze", reason="moving rack b", claim="alice")
    assert (code, shown["by"]) == (200, f"{ME} (sudo: alice)")
    assert last(house) == ev.Frozen("moving rack b", f"{ME} (sudo: alice)")
    assert len(house.wakes) == 1
    code, shown = await say(house, tmp_path, "unfreeze", claim=ME)
    assert (code, shown["by"]) == (200, ME)
    assert last(house) == ev.Unfrozen(ME)


async def test_to_unfreeze_what_nobody_froze_is_refused(tmp_path: Path) -> None:
    house = House()
    code, shown = await say(house, tmp_path, "unfreeze")
    assert (code, shown["reason"]) == (409, "not_frozen")
    assert not house.store.records
    assert not house.wakes


async def test_a_hold_is_journalled_with_its_end_and_shown_in_the_status(tmp_path: Path) -> None:
    house = House()
    code, shown = await say(house, tmp_path, "hold", node="web1", reason="fan", **{"for": "2h"})
    assert (code, shown["until"]) == (200, "2027-01-15T10:00:00.000Z")
    assert last(house) == ev.NodeHeld("web1", "fan", ME, house.clock.wall() + 7200)
    async with house.public() as session:
        status = await (await session.get("/api/v1/status")).json()
    assert status["holds"] == [
        {"node": "web1", "reason": "fan", "by": ME, "until": "2027-01-15T10:00:00.000Z"}
    ]
    code, shown = await say(house, tmp_path, "release", node="web1")
    assert (code, shown["done"]) == (200, f"web1 is released from: fan (by {ME})")
    assert last(house) == ev.NodeReleased("web1", ME)
    code, shown = await say(house, tmp_path, "release", node="web1")
    assert (code, shown["reason"]) == (409, "not_held")


async def test_an_unknown_node_cannot_be_held(tmp_path: Path) -> None:
    code, shown = await say(House(), tmp_path, "hold", node="web9", reason="fan")
    assert (code, shown["reason"]) == (409, "unknown_node")


async def test_a_yes_is_bound_to_the_rung_and_the_target(tmp_path: Path) -> None:
    house = House(Mode.APPROVE)
    await house.arm()
    await house.open(house.trouble())
    await house.asked()
    code, shown = await say(house, tmp_path, "approve", incident="1", action="node.reboot")
    assert (code, shown["reason"]) == (409, "changed_since")
    assert "service.restart on web1/nginx" in shown["detail"]
    code, shown = await say(house, tmp_path, "approve", incident="1", action="service.restart")
    assert code == 200
    said = "yes to service.restart (rung 1) on web1/nginx, once, good until 2027-01-15T08:16"
    assert shown["done"].startswith(said)
    given = last(house)
    assert isinstance(given, ev.ApprovalGiven)
    assert (given.incident, given.rung, given.target) == ("1", 0, Target("web1", "nginx"))


async def test_a_yes_to_what_cannot_be_looked_at_is_refused(tmp_path: Path) -> None:
    house = House(Mode.APPROVE)
    await house.open(house.trouble())
    house.cluster.deaf.add("web1")
    code, shown = await say(house, tmp_path, "approve", incident="1")
    assert (code, shown["reason"]) == (409, "nothing_to_approve")


async def test_a_no_gives_the_incident_to_a_person_and_adopt_takes_it_back(tmp_path: Path) -> None:
    house = House(Mode.APPROVE)
    await house.open(house.trouble())
    assert (await say(house, tmp_path, "deny", incident="1"))[0] == 200
    assert state(house) is State.ESCALATED
    assert (await say(house, tmp_path, "adopt", incident="1"))[0] == 200
    assert state(house) is State.OPEN


@pytest.mark.parametrize("command", ["approve", "deny", "adopt"])
async def test_an_unknown_incident_is_refused(command: str, tmp_path: Path) -> None:
    code, shown = await say(House(), tmp_path, command, incident="99")
    assert (code, shown["reason"]) == (409, "unknown_incident")


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
        usual = usual_cause(target)
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


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        ("approve", {}),
        ("approve", {"incident": 1}),
        ("approve", {"incident": "1", "rung": "2"}),
        ("freeze", {"reason": ""}),
        ("freeze", {"reason": "two\nlines"}),
        ("freeze", {"reason": HOSTILE}),
        ("freeze", {"reason": "x" * 201}),
        ("freeze", {"reason": ["x"]}),
        ("freeze", {"reason": "x", "claim": "root; rm"}),
        ("freeze", {"reason": "x", "claim": ["root"]}),
        ("hold", {"node": "web1"}),
        ("hold", {"node": "web1", "reason": "x", "for": "0h"}),
        ("hold", {"node": "web1", "reason": "x", "for": "2"}),
        ("hold", {"node": "web1", "reason": "x", "for": "366d"}),
        ("hold", {"node": "web1", "reason": "x", "for": "٢h"}),
        ("freeze", {"reason": "x", "claim": "a" * 65}),
    ],
)
async def test_a_command_that_makes_no_sense_changes_nothing(
    command: str, fields: dict[str, object], tmp_path: Path
) -> None:
    house = House()
    code, shown = await say(house, tmp_path, command, **fields)
    assert (code, shown["reason"]) == (400, "malformed")
    assert not house.store.records


@pytest.mark.parametrize("body", [b"[]", b"x", b"\xff", b"null", b"[" * 10_000])
async def test_a_body_that_is_no_object_changes_nothing(body: bytes, tmp_path: Path) -> None:
    house = House()
    async with house.both(tmp_path / "ctl.sock") as (_, control):
        response = await control.post("/api/v1/freeze", data=body)
        assert response.status == 400
        response = await control.post("/api/v1/freeze", data=b" " * 70_000)
        assert response.status == 413
        response = await control.post("/api/v1/reboot", json={})
        assert response.status == 404
        assert "freeze" in (await response.json())["detail"]
    assert not house.store.records


async def test_a_command_that_cannot_be_durable_is_not_obeyed(tmp_path: Path) -> None:
    house = House()
    house.store.full = True
    code, shown = await say(house, tmp_path, "freeze", reason="x")
    assert (code, shown["reason"]) == (503, "store_full")
    assert not house.journal.board.freezes


async def test_the_same_reads_are_answered_on_the_socket(tmp_path: Path) -> None:
    house = House()
    await house.open(alert())
    async with house.both(tmp_path / "ctl.sock") as (public, control):
        for path in ("incidents", "incidents/1", "guards", "status"):
            here = await (await control.get(f"/api/v1/{path}")).json()
            assert here == await (await public.get(f"/api/v1/{path}")).json()


async def test_whoever_is_not_root_nor_the_healer_is_refused() -> None:
    """The socket's mode keeps others out; this is what they find where somebody widened it."""
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    house = House()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ctl.sock"
        path.parent.chmod(0o755)
        async with house.both(path):
            path.chmod(0o666)
            answer = await _as_nobody(path)
    assert answer.startswith(b"HTTP/1.0 403 ")
    assert b"not_root" in answer
    assert b"nobody: use sudo" in answer
    assert not house.store.records


async def _as_nobody(path: Path) -> bytes:
    """Speak to the socket as the user nobody: the kernel notes who connects."""
    script = (
        "import socket,sys\n"
        "s=socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect(sys.argv[1])\n"
        "s.sendall(b'POST /api/v1/unfreeze HTTP/1.0\\r\\nContent-Length: 0\\r\\n\\r\\n')\n"
        "sys.stdout.buffer.write(s.makefile('rb').read())\n"
    )
    process = await asyncio.create_subprocess_exec(
        *("/usr/bin/python3", "-I", "-c", script, str(path)),
        stdout=asyncio.subprocess.PIPE,
        user=65534,
        group=65534,
        extra_groups=[],
    )
    out, _ = await process.communicate()
    return out


async def test_a_socket_of_another_kind_has_nobody_behind_it() -> None:
    """Were the commands ever put on a port by mistake, nobody could give one."""
    house = House()
    server = web.AppRunner(control_app(house.desk))
    await server.setup()
    site = web.TCPSite(server, "127.0.0.1", 0)
    await site.start()
    try:
        async with aiohttp.ClientSession() as session:
            host, port = server.addresses[0]
            response = await session.post(f"http://{host}:{port}/api/v1/freeze", json={})
            assert response.status == 403
    finally:
        await server.cleanup()
    assert not house.store.records


async def test_the_socket_is_its_owners_alone_and_gone_afterwards(tmp_path: Path) -> None:
    house, path = House(), tmp_path / "ctl.sock"
    async with house.both(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


async def test_a_socket_left_over_from_a_killed_healer_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ctl.sock"
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
    async with House().both(path) as (_, control):
        assert (await control.get("/-/healthy")).status == 200


async def test_a_second_healer_beside_a_running_one_does_not_start(tmp_path: Path) -> None:
    house, path = House(), tmp_path / "ctl.sock"
    async with house.both(path) as (_, control):
        with pytest.raises(ConfigError, match="another healer answers"):
            listening(path)
        assert (await control.get("/-/healthy")).status == 200


async def test_a_port_that_is_taken_leaves_no_socket_behind(tmp_path: Path) -> None:
    house, path = House(), tmp_path / "ctl.sock"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError, match=f"cannot listen on {listen}: "):
            async with serving(public_app(house.desk), listen, control_app(house.desk), path):
                pass
    assert not path.exists()


def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        listening(tmp_path / "gone" / "ctl.sock")


@pytest.mark.parametrize(
    ("listen", "expected"),
    [(":9595", ("", 9595)), ("[::1]:1", ("::1", 1)), ("h:0", ("h", 0))],
)
def test_an_address_is_host_and_port(listen: str, expected: tuple[str, int]) -> None:
    assert address(listen) == expected


@pytest.mark.parametrize("listen", ["", "9595", "h:", "h:x", "h:65536", "h:-1", "h:٣"])
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        address(listen)
