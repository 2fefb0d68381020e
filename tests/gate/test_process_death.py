"""The gate's process dies or loses its peer at the worst moment; what ran once never runs again."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from gate.ledger import Ledger
from tests.gate.real import GATE_JSON, PATIENCE, RealNode


@pytest.fixture
def node(tmp_path: Path) -> RealNode:
    return RealNode(tmp_path)


def wait_for_call(node: RealNode, verb: str) -> int:
    """Return the pid of systemctl once it is inside that command."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for line in node.read("calls"):
            pid, word, _ = line.split()
            if word == verb:
                return int(pid)
        time.sleep(0.01)
    raise AssertionError(f"systemctl {verb} was never called")


def gone(pid: int) -> bool:
    return (
        not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]
    )


def test_a_restart_is_begun_then_done_and_the_unit_runs(node: RealNode) -> None:
    with node.serve() as client:
        client.restart("1.4.1")
        assert client.receive() == {"v": 1, "id": "1.4.1", "state": "begun"}
        last = client.receive()
    assert (last["state"], last["reason"]) == ("done", "restarted")
    assert node.read("effects") == ["nginx.service"]


@pytest.mark.parametrize(("killed_in", "effects"), [("reset-failed", 0), ("restart", 1)])
def test_a_gate_killed_in_the_middle_leaves_unknown_and_a_resend_never_runs(
    node: RealNode, killed_in: str, effects: int
) -> None:
    """Killed before the effect and during it: the same answer, since nobody saw the end."""
    node.nginx(ActiveState="failed", InvocationID="a" * 32, wait_in=killed_in)
    with node.serve() as client:
        client.restart("1.4.1")
        assert client.receive()["state"] == "begun"
        systemctl = wait_for_call(node, killed_in)
        client.process.kill()
        client.process.wait(PATIENCE)
        assert client.receive() is None
    (node.home / "go").touch()  # PID 1 goes on with its job, whoever asked for it
    while not gone(systemctl):
        time.sleep(0.01)
    before = node.read("effects")
    assert len(before) == effects
    with node.serve() as client:
        settled = client.settle("1.4.2", "1.4.1")
        assert (settled["state"], settled["reason"]) == ("unknown", "interrupted")
        node.nginx(ActiveState="failed", InvocationID="a" * 32, wait_in=killed_in)
        client.restart("1.4.1")
        assert client.receive()["state"] == "unknown"
    assert node.read("effects") == before


def test_a_resend_without_a_settle_is_unknown_too(node: RealNode) -> None:
    node.nginx(ActiveState="failed", InvocationID="a" * 32, wait_in="reset-failed")
    with node.serve() as client:
        client.restart("1.4.1")
        client.receive()
        systemctl = wait_for_call(node, "reset-failed")
        client.process.kill()
        client.process.wait(PATIENCE)
    os.kill(systemctl, signal.SIGKILL)
    with node.serve() as client:
        client.restart("1.4.1")
        last = client.receive()
    assert (last["state"], last["reason"]) == ("unknown", "interrupted")
    assert node.read("effects") == []


def test_a_running_action_is_running_to_settle_and_busy_to_others_and_not_a_refusal_to_itself(
    node: RealNode,
) -> None:
    node.nginx(ActiveState="failed", InvocationID="a" * 32, wait_in="restart")
    with node.serve() as first, node.serve() as second:
        first.restart("1.4.1")
        first.receive()
        wait_for_call(node, "restart")
        assert second.settle("1.4.2", "1.4.1")["state"] == "running"
        second.restart("1.4.3")
        other = second.receive()
        assert (other["state"], other["reason"]) == ("refused", "busy")
        second.restart("1.4.1")
        again = second.receive()
        assert (again["state"], again["reason"]) == ("unknown", "running")
        (node.home / "go").touch()
        assert first.receive()["state"] == "done"
        assert second.settle("1.4.4", "1.4.1")["state"] == "done"
    assert node.read("effects") == ["nginx.service"]


def test_a_verb_outlives_its_connection_and_its_end_is_written(node: RealNode) -> None:
    node.nginx(ActiveState="failed", InvocationID="a" * 32, wait_in="restart")
    with node.serve() as client:
        client.restart("1.4.1")
        client.receive()
        wait_for_call(node, "restart")
        client.lines.close()
        client.socket.close()
        (node.home / "go").touch()
        assert client.process.wait(PATIENCE) == 0
    with node.serve() as client:
        assert client.settle("1.4.2", "1.4.1")["state"] == "done"


def test_a_stop_of_the_unit_waits_for_the_verb(node: RealNode) -> None:
    node.nginx(ActiveState="failed", InvocationID="a" * 32, wait_in="restart")
    with node.serve() as client:
        client.restart("1.4.1")
        client.receive()
        wait_for_call(node, "restart")
        client.process.send_signal(signal.SIGTERM)
        (node.home / "go").touch()
        assert client.receive()["state"] == "done"
        assert client.receive() is None
        assert client.process.wait(PATIENCE) == 0


def test_a_stop_ends_a_session_that_waits(node: RealNode) -> None:
    with node.serve() as client:
        client.hello()
        client.process.send_signal(signal.SIGTERM)
        assert client.receive() is None


def test_hello_leaves_the_ledger_byte_identical(node: RealNode) -> None:
    with node.serve() as client:
        client.hello("nginx.service")
        ledger = node.folder / "state" / "ledger"
        before, changed = ledger.read_bytes(), ledger.stat().st_mtime_ns
        assert client.hello("nginx.service")["seen"]["nginx.service"]["active_state"] == "failed"
    assert ledger.read_bytes() == before
    assert ledger.stat().st_mtime_ns == changed
    assert node.read("calls") == []


def test_a_missing_ledger_is_made_anew_with_another_id(node: RealNode) -> None:
    with node.serve() as client:
        first = client.hello()["ledger_id"]
    (node.folder / "state" / "ledger").unlink()
    with node.serve() as client:
        second = client.hello()["ledger_id"]
    assert first != second


def test_a_hold_by_command_refuses_and_a_release_lets_go(node: RealNode) -> None:
    assert node.run("hold", "replacing a fan", "--for", "2h", *node.paths).returncode == 0
    assert node.run("status", *node.paths).returncode == 3
    with node.serve() as client:
        client.restart("1.4.1")
        assert client.receive()["reason"] == "held"
        assert node.run("status", "--output", "json", *node.paths).returncode == 3
        assert node.run("release", *node.paths).stdout == "released\n"
        client.restart("1.4.2")
        assert client.receive()["state"] == "begun"
        assert client.receive()["state"] == "done"
    status = node.run("status", "--output", "json", *node.paths)
    assert status.returncode == 0
    assert '"id": "1.4.2"' in status.stdout


def test_a_fresh_node_would_act(node: RealNode) -> None:
    status = node.run("status", *node.paths)
    assert status.returncode == 0
    assert status.stdout.endswith("no ledger yet, the next session makes one\n")
    assert '"problem": null' in node.run("status", "--output", "json", *node.paths).stdout


def test_a_hold_names_the_action_that_still_runs(node: RealNode) -> None:
    node.nginx(ActiveState="failed", InvocationID="a" * 32, wait_in="restart")
    with node.serve() as client:
        client.restart("1.4.1")
        assert client.receive()["state"] == "begun"
        held = node.run("hold", "replacing a fan", *node.paths)
        (node.home / "go").touch()
        assert client.receive()["state"] == "done"
    assert "1.4.1 service.restart nginx.service began before and still runs" in held.stdout
    assert "still runs" not in node.run("hold", "replacing a fan", *node.paths).stdout


def test_a_hold_does_not_wait_for_a_ledger_that_another_keeps(node: RealNode) -> None:
    with node.serve() as client:
        client.hello()
    with Ledger(node.folder / "state" / "ledger").open():
        held = node.run("hold", "replacing a fan", *node.paths)
    assert held.returncode == 0
    assert "may still run" in held.stdout
    assert node.run("status", *node.paths).returncode == 3


@pytest.mark.parametrize("duration", ["366d", "999999999d", "8761h"])
def test_a_hold_for_more_than_a_year_is_refused(node: RealNode, duration: str) -> None:
    held = node.run("hold", "replacing a fan", "--for", duration, *node.paths)
    assert held.returncode == 2
    assert "want at most 365d" in held.stderr
    assert node.run("status", *node.paths).returncode == 0


def test_a_failing_check_leaves_the_unit_alone(node: RealNode) -> None:
    text = (node.folder / "gate.json").read_text()
    (node.folder / "gate.json").write_text(text.replace("/bin/true", "/bin/false"))
    with node.serve() as client:
        client.restart("1.4.1")
        assert client.receive()["reason"] == "config_check"
    assert node.read("calls") == []


def test_a_wrong_gate_json_is_said_in_one_line(node: RealNode) -> None:
    (node.folder / "gate.json").write_text('{"v":1,"cluster":"first","shell":true}')
    with node.serve() as client:
        answer = client.receive()
        assert (answer["state"], answer["reason"]) == ("refused", "misconfigured")
        assert "shell" in answer["detail"]
        assert client.process.wait(PATIENCE) == 2


@pytest.mark.parametrize("how", ["replaced", "written to", "gone"])
def test_a_session_ends_at_the_next_hello_where_the_nodes_rules_were_changed(
    node: RealNode, how: str
) -> None:
    rules = node.folder / "gate.json"
    with node.serve() as client:
        assert "nginx.service" in client.hello("nginx.service")["seen"]
        assert client.hello("nginx.service")["node"] == "web1"
        changed = json.dumps(GATE_JSON | {"units": {}})
        if how == "replaced":
            (node.folder / "new.json").write_text(changed)
            (node.folder / "new.json").rename(rules)
        elif how == "written to":
            rules.write_text(changed)
        else:
            rules.unlink()
        client.send({"v": 1, "hello": True, "look": ["nginx.service"]})
        assert client.receive() is None
        assert client.process.wait(PATIENCE) == 0
    rules.write_text(changed)
    with node.serve() as client:
        assert client.hello("nginx.service")["seen"] == {"nginx.service": None}
