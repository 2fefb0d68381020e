"""What the collector of tracked connections makes of its sources, beyond what was captured."""

import shutil
from pathlib import Path

import pytest

from exporter.collector import Absent, Malformed
from exporter.collectors import conntrack
from tests.exporter.offered import FIXTURES, body, values

NET = FIXTURES / "proc/1/net"
CONNTRACK = (NET / "stat/nf_conntrack").read_bytes()


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
