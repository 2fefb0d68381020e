"""The healer's side of the protocol against the gate's own program."""

import contextlib

import asyncssh
import pytest

from healer.adapters.gate_ssh import SshConnector, SshSettings
from healer.adapters.gates import SshGates
from healer.core.attempt import Outcome
from healer.core.order import Order, Token
from healer.errors import OutcomeUnknown, Unreachable
from tests.healer.adapters.real_gate import PipeConnector, serve_command, ssh_server


def order(action_id="1.2.1", unit="nginx.service"):
    expect = (
        '{"boot_id":"b","units":{"nginx.service":{"active_state":"failed","invocation_id":""}}}'
    )
    return Order(action_id, "web1", "service.restart", (("unit", unit),), expect, 5.0)


@contextlib.asynccontextmanager
async def gates_of(connector, token=Token(1, 2, "s/a")):  # noqa: B008  # frozen
    ours = SshGates(connector, cluster="first", token=token, lease_seconds=lambda: 60.0)
    try:
        yield ours
    finally:
        await ours.close()


@contextlib.asynccontextmanager
async def over_ssh(directory, command=None, **changes):
    """Gates reached through a real ssh server."""
    async with ssh_server(directory, command or serve_command(directory)) as port:
        settings = SshSettings(
            **{
                "addresses": {"web1": ("127.0.0.1", port)},
                "key": directory / "healer_key",
                "known_hosts": directory / "known_hosts",
            }
            | changes
        )
        connector = SshConnector(settings)
        try:
            async with gates_of(connector) as ours:
                yield ours
        finally:
            await connector.close()


async def test_the_gate_says_who_it_is_and_what_it_does_not_know(tmp_path):
    async with gates_of(PipeConnector(tmp_path)) as ours:
        look = await ours.look("web1", ["nginx.service", "sshd.service"])
    assert (look.cluster, look.node, look.highest_token, look.holds) == ("first", "web1", None, ())
    assert look.ledger_id
    assert look.units["sshd.service"] is None


async def test_a_unit_that_is_not_listed_is_refused(tmp_path):
    async with gates_of(PipeConnector(tmp_path)) as ours:
        ended = await ours.act(order(unit="sshd.service"))
    assert ended.outcome is Outcome.REFUSED


async def test_a_node_that_is_no_longer_as_it_was_is_not_touched(tmp_path):
    async with gates_of(PipeConnector(tmp_path)) as ours:
        ended = await ours.act(order())
        settled = await ours.settle("web1", "1.2.1", "")
    assert (ended.outcome, ended.reason) == (Outcome.REFUSED, "changed")
    assert settled.outcome is Outcome.NOT_SENT  # a refusal about the moment leaves no entry


async def test_a_late_original_is_refused_after_settle(tmp_path):
    async with gates_of(PipeConnector(tmp_path)) as ours:
        settled = await ours.settle("web1", "1.2.1", "")
        late = await ours.act(order("1.2.1"))
        again = await ours.settle("web1", "1.2.1", "")
    assert (settled.outcome, settled.reason) == (Outcome.NOT_SENT, "voided")
    assert (late.outcome, late.reason) == (Outcome.REFUSED, "voided")
    assert again == settled


async def test_a_gate_whose_ledger_was_replaced_voids_nothing(tmp_path):
    async with gates_of(PipeConnector(tmp_path)) as ours:
        assert (await ours.settle("web1", "1.2.1", "0" * 32)).reason == "other_ledger"
        now = (await ours.look("web1", [])).ledger_id
        assert (await ours.settle("web1", "1.2.1", now)).reason == "voided"


async def test_a_healer_with_a_lower_token_is_refused_and_cannot_settle(tmp_path):
    async with gates_of(PipeConnector(tmp_path), Token(1, 3, "s/b")) as newer:
        await newer.settle("web1", "1.3.1", "")
        assert (await newer.look("web1", [])).highest_token == (1, 3)
    async with gates_of(PipeConnector(tmp_path)) as older:
        late = await older.act(order())
        with pytest.raises(Unreachable, match="lower_token"):
            await older.settle("web1", "1.2.1", "")
    assert (late.outcome, late.reason) == (Outcome.REFUSED, "lower_token")


async def test_over_ssh_a_session_carries_many_requests(tmp_path):
    async with over_ssh(tmp_path) as ours:
        first = await ours.look("web1", ["nginx.service"])
        assert (await ours.settle("web1", "1.2.1", "")).reason == "voided"
        assert (await ours.act(order("1.2.1"))).reason == "voided"
        assert (await ours.look("web1", [])).ledger_id == first.ledger_id


async def test_a_host_key_that_is_not_the_pinned_one_is_refused(tmp_path):
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    wrong = tmp_path / "wrong"
    async with over_ssh(tmp_path, known_hosts=wrong) as ours:
        port = (tmp_path / "known_hosts").read_text().split("]:")[1].split()[0]
        wrong.write_text(f"[127.0.0.1]:{port} {other}\n")
        with pytest.raises(Unreachable, match=r"host key is not the one in .*wrong"):
            await ours.look("web1", [])


async def test_without_a_pinned_key_there_is_no_connection(tmp_path):
    (tmp_path / "empty").write_text("")
    async with over_ssh(tmp_path, known_hosts=tmp_path / "empty") as ours:
        with pytest.raises(Unreachable, match="host key"):
            await ours.look("web1", [])
    async with over_ssh(tmp_path, known_hosts=tmp_path / "missing") as ours:
        with pytest.raises(Unreachable, match="missing"):
            await ours.look("web1", [])


async def test_a_key_that_the_node_does_not_know_is_refused(tmp_path):
    stranger = tmp_path / "stranger"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(stranger)
    async with over_ssh(tmp_path, key=stranger) as ours:
        with pytest.raises(Unreachable, match="stranger: PermissionDenied"):
            await ours.look("web1", [])


async def test_a_port_where_nothing_listens_and_an_unknown_node_are_unreachable(tmp_path):
    async with over_ssh(tmp_path, addresses={"web1": ("127.0.0.1", 1)}) as ours:
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"):
            await ours.look("web1", [])
        with pytest.raises(Unreachable, match="no such node"):
            await ours.look("web9", [])


async def test_a_session_that_dies_after_the_order_leaves_the_outcome_unknown(tmp_path):
    greet = (
        '{"v":1,"cluster":"first","node":"web1","boot_id":"b","ledger_id":"l",'
        '"highest_token":null,"nonce":"n","holds":[],"marks":[],"seen":{}}'
    )
    dies = ["sh", "-c", f"read line; echo '{greet}'; read line; exit 3"]
    async with over_ssh(tmp_path, dies) as ours:
        with pytest.raises(OutcomeUnknown, match="session ended"):
            await ours.act(order())
        # A new connection works at once.
        assert (await ours.look("web1", [])).node == "web1"


async def test_an_endless_line_is_cut_off(tmp_path):
    async with over_ssh(tmp_path, ["sh", "-c", "yes x | tr -d '\\n'"]) as ours:
        with pytest.raises(Unreachable, match="more than 65536 bytes"):
            await ours.look("web1", [])
