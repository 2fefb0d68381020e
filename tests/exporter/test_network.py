"""What the collectors of networks make of their sources, beyond what was captured."""

import shutil
from pathlib import Path

import pytest

from exporter.collector import Absent, Malformed
from exporter.collectors import conntrack
from tests.exporter.golden import same_as_golden
from tests.exporter.offered import FIXTURES, body, values

NET = FIXTURES / "proc/1/net"
CONNTRACK = (NET / "stat/nf_conntrack").read_bytes()


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A node with a bond of two slaves, as drivers/net/bonding writes it, in mode 802.3ad."""
    bond = tmp_path / "sys/class/net/bond1"
    write(bond.parent / "bonding_masters", "bond1\n")
    write(bond / "bonding/slaves", "eth0 eth1\n")
    write(bond / "bonding/ad_aggregator", "1\n")
    for name, aggregator in (("eth0", 1), ("eth1", 2)):
        slave = bond / f"lower_{name}/bonding_slave"
        write(slave / "mii_status", "up\n")
        write(slave / "state", "active\n")
        write(slave / "ad_aggregator_id", f"{aggregator}\n")
        write(slave / "link_failure_count", "3\n")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def slave(name: str, what: str) -> str:
    return f'hale_bonding_slave_{what}{{master="bond1",slave="{name}"}}'


async def test_the_series_of_a_bond_with_aggregators_are_the_golden_ones(
    request: pytest.FixtureRequest, node: Path
) -> None:
    same_as_golden(request, "bonding-aggregators", await body("bonding", node))


async def test_a_slave_outside_of_the_bonds_aggregator_is_up_and_yet_told(node: Path) -> None:
    seen = await values("bonding", node)
    assert seen['node_bonding_active{master="bond1"}'] == 2
    assert [seen[slave(name, "up")] for name in ("eth0", "eth1")] == [1, 1]
    assert [seen[slave(name, "aggregated")] for name in ("eth0", "eth1")] == [1, 0]
    assert seen[slave("eth0", "link_failures_total")] == 3


async def test_a_backup_is_up_and_carries_nothing(node: Path) -> None:
    bond = node / "sys/class/net/bond1"
    (bond / "bonding/ad_aggregator").unlink()
    write(bond / "lower_eth1/bonding_slave/state", "backup\n")
    write(bond / "lower_eth1/bonding_slave/ad_aggregator_id", "N/A\n")
    seen = await values("bonding", node)
    assert [seen[slave(name, "active")] for name in ("eth0", "eth1")] == [1, 0]
    assert slave("eth1", "aggregated") not in seen


async def test_a_bond_of_which_a_slave_cannot_be_read_has_no_counts(node: Path) -> None:
    """node_exporter would fail for all bonds; a count without the slave would be wrong."""
    (node / "sys/class/net/bond1/lower_eth1/bonding_slave/mii_status").unlink()
    write(node / "sys/class/net/bonding_masters", "bond1 bond2\n")
    write(node / "sys/class/net/bond2/bonding/slaves", "\n")
    assert await values("bonding", node) == {
        'node_bonding_active{master="bond2"}': 0,
        'node_bonding_slaves{master="bond2"}': 0,
    }


async def test_a_bonds_name_leads_nowhere_else(node: Path) -> None:
    write(node / "sys/class/net/bonding_masters", "../../secret bond1\n")
    assert b"secret" not in await body("bonding", node)


def test_connections_of_all_processors_are_added_up() -> None:
    words = dict(zip(conntrack.STATISTICS, conntrack.parse(CONNTRACK), strict=True))
    assert words[b"invalid"] == 3 + 2 + 1 + 0x2F
    assert words[b"search_restart"] == 7


def test_a_kernel_with_another_column_moves_no_number_to_another_name() -> None:
    newer = CONNTRACK.replace(b" found", b" odd found").replace(
        b"00000021 ", b"00000021  0000ffff "
    )
    assert conntrack.parse(newer) == conntrack.parse(CONNTRACK)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        CONNTRACK[:-1],
        CONNTRACK[: len(CONNTRACK) - 20] + b"\n",
        CONNTRACK.replace(b"early_drop", b"late_drop"),
        CONNTRACK.replace(b"0000588a", b"0000_88a"),
        CONNTRACK.replace(b"0000588a", b"9" * 5000),
        CONNTRACK[CONNTRACK.index(b"\n") + 1 :],
    ],
)
def test_connections_that_cannot_be_right_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="nf_conntrack"):
        conntrack.parse(data)


async def test_a_kernel_without_statistics_still_tells_how_full_the_table_is(
    tmp_path: Path,
) -> None:
    shutil.copytree(FIXTURES / "proc/sys", tmp_path / "proc/sys")
    assert await values("conntrack", tmp_path) == {
        "node_nf_conntrack_entries": 123,
        "node_nf_conntrack_entries_limit": 65536,
    }


async def test_where_pid_1_is_hidden_its_network_is_ours(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "proc/sys", tmp_path / "proc/sys")
    shutil.copytree(NET, tmp_path / "proc/net")
    assert await body("conntrack", tmp_path) == await body("conntrack")


async def test_a_node_that_tracks_nothing_is_no_failure(tmp_path: Path) -> None:
    with pytest.raises(Absent):
        await body("conntrack", tmp_path)
