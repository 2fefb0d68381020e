"""The control socket: who may command, and that every word is checked, journalled and said back."""

import asyncio
import os
import socket
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import pytest
from aiohttp import web

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import Target
from healer.core.ladder import Mode
from healer.core.states import State
from healer.errors import ConfigError
from healer.web.control import login
from healer.web.server import address, control_app, listening, public_app, serving
from tests.healer.core.world import alert
from tests.healer.web.house import HOSTILE, House, say

ME = login(os.getuid())


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
    assert isinstance(given, ie.ApprovalGiven)
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
