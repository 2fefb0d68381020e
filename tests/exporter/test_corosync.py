"""Corosync's own words in all their forms, against what ha_cluster_exporter makes of the same."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from exporter.collector import Malformed
from exporter.collectors.corosync import (
    LINKS,
    QUORUM,
    Corosync,
    Link,
    Member,
    links,
    members,
    of_quorum,
)
from exporter.programs import Ended
from tests.exporter.golden import same_as_golden
from tests.exporter.test_pacemaker import series

FIXTURES = Path(__file__).parent / "fixtures/ha_cluster"
CFGTOOL = (FIXTURES / "corosync-cfgtool.txt").read_bytes()
QUORUMTOOL = (FIXTURES / "corosync-quorumtool.txt").read_bytes()
# As tools/corosync-cfgtool.c of corosync 3.1 prints it.
OF_3_1 = """Local node ID 1, transport knet
LINK ID 0 udp
\taddr\t= 10.0.0.1
\tstatus:
\t\tnodeid:          1:\tlocalhost
\t\tnodeid:          2:\tconnected
LINK ID 1 sctp
**SCTP is deprecated and will be removed in a future release
\taddr\t= fd00::1
\tstatus:
\t\tnodeid:          1:\tlocalhost
\t\tnodeid:          2:\tdisconnected
"""
BETWEEN = "Printing link status.\nLink ID 0\n\t\taddr\t= 10.0.0.1\n\t\tstatus\t= OK\n"


class Asked:
    def __init__(self, cfgtool: Ended, quorumtool: Ended) -> None:
        self._answers = {LINKS: cfgtool, QUORUM: quorumtool}

    async def run(self, argv: Sequence[str], deadline: float, about: str = "") -> Ended:
        return self._answers[tuple(argv)]


async def exposition(cfgtool: Ended, quorumtool: Ended) -> bytes:
    shown = list[bytes]()
    await Corosync(Asked(cfgtool, quorumtool)).collect(shown.append)
    return shown[-1]


async def test_it_is_what_ha_cluster_exporter_makes_of_the_same_whatever_the_exit_status(
    request: pytest.FixtureRequest,
) -> None:
    seen = await exposition(Ended(1, CFGTOOL, b""), Ended(0, QUORUMTOOL, b""))
    assert series(seen) == series((FIXTURES / "corosync.metrics").read_bytes())
    same_as_golden(request, "corosync", seen)


def test_links_are_read_in_the_form_of_each_version() -> None:
    assert links(OF_3_1) == [Link("0", "10.0.0.1", False), Link("1", "fd00::1", True)]
    assert links(BETWEEN) == [Link("0", "10.0.0.1", False)]


def test_members_are_read_with_and_without_a_quorum_device() -> None:
    plain = "Membership information\n---\n    Nodeid      Votes Name\n         1          1 web1 (local)\n"
    assert members(plain) == [Member("1", "web1", 1, True)]
    device = "Membership information\n   1   1  A,V,NMW web2\n   0   0   Qdevice\n"
    assert members(device) == [Member("1", "web2", 1, False), Member("0", "Qdevice", 0, False)]


def test_a_cluster_without_quorum_is_told_so() -> None:
    text = QUORUMTOOL.decode().replace("Quorate:          Yes", "Quorate:          No")
    text = text.replace("Quorum:           1", "Quorum:           2 Activity blocked")
    told = {(one.family.name, one.labels): one.value for one in of_quorum(text)}
    assert told["ha_cluster_corosync_quorate", ()] == 0
    assert told["ha_cluster_corosync_quorum_votes", (("type", "quorum"),)] == 2


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\0\xff" * 100,
        b"Cannot initialize CMAP service\n",
        QUORUMTOOL[:150],
        QUORUMTOOL.replace(b"Total votes:      2", b"Total votes:      two"),
        QUORUMTOOL.replace(b"Total votes:      2", b"Total votes:      " + b"2" * 5000),
    ],
    ids=range(6),
)
async def test_what_cannot_be_understood_is_a_failure(said: bytes) -> None:
    with pytest.raises(Malformed):
        await exposition(Ended(0, CFGTOOL, b""), Ended(1, said, b""))


async def test_what_corosync_refuses_is_a_failure_with_its_own_words() -> None:
    refused = Ended(1, b"", b"Could not initialize corosync configuration API error 2\n")
    with pytest.raises(Malformed, match="corosync-cfgtool: exit status 1: Could not initialize"):
        await exposition(refused, Ended(0, QUORUMTOOL, b""))
