"""What the collector of bonds makes of its sources, beyond what was captured."""

from pathlib import Path

import pytest

from exporter.collector import Background, State
from tests.exporter.golden import same_as_golden
from tests.exporter.offered import body, made, ran, values, write


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


@pytest.mark.parametrize("name", ["../../secret", "..", "a\0b", "x" * 16])
async def test_a_bonds_name_leads_nowhere_else(node: Path, name: str) -> None:
    for file in ("bonding_masters", "bond1/bonding/slaves"):
        write(node / "sys/class/net" / file, f"{name} bond1\n")
        collector = made("bonding", node)
        assert isinstance(collector, Background)
        assert await ran(collector) == (b"", State.FAILED)
        write(node / "sys/class/net/bonding_masters", "bond1\n")
