"""Quorum, votes and links of corosync, under the names of ha_cluster_exporter, from corosync's own two programs.

Three forms of corosync-cfgtool are read: RING of 2.x, Link of the versions before 3.1, and LINK of 3.1 and later, where
a link is faulty that does not reach some node.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from exporter.collector import Malformed
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written
from exporter.programs import Ended

LINKS = ("corosync-cfgtool", "-s")
QUORUM = ("corosync-quorumtool", "-p")
DEADLINE = 5.0  # seconds for one program

# ha_cluster_exporter, collector/corosync/corosync.go.
PREFIX = "ha_cluster_corosync_"


def _gauge(name: str, text: str) -> Family:
    return Family(PREFIX + name, Kind.GAUGE, text)


QUORATE = _gauge("quorate", "Whether or not the cluster is quorate")
RINGS = _gauge("rings", "The status of each Corosync ring; 1 means healthy, 0 means faulty.")
ERRORS = _gauge("ring_errors", "The total number of faulty corosync rings")
MEMBERS = _gauge(
    "member_votes", "How many votes each member node has contributed with to the current quorum"
)
VOTES = _gauge("quorum_votes", "Cluster quorum votes; one line per type")

# corosync, tools/corosync-quorumtool.c; the key as the label `type` has it.
COUNTED = {
    "expected_votes": "Expected votes",
    "highest_expected": "Highest expected",
    "total_votes": "Total votes",
    "quorum": "Quorum",
}
LINK = re.compile(r"^\s*(?:RING|Link|LINK) ID (\d+)\b.*$", re.MULTILINE)
ADDRESS = re.compile(r"^\s*(?:id|addr)\s*= *(.*?)\s*$", re.MULTILINE)
# tools/corosync-cfgtool.c of 3.1 writes `disconnected` for each node that a link does not reach.
FAULTY = re.compile(r"FAULTY|\bdisconnected\b")
MEMBER = re.compile(r"^\s*(\w+)\s+(\d{1,9})\s+(?:.*?\s)??(\S+?)(\s+\(local\))?\s*$")


class Link(NamedTuple):
    """One link of this node; `faulty` where corosync says that it, or a node behind it, is not to be reached."""

    number: str
    address: str
    faulty: bool


class Member(NamedTuple):
    """One line of the membership: a node, or the quorum device."""

    id: str
    name: str
    votes: int
    local: bool


class Runs(Protocol):
    """Runs a program, as `Programs` does."""

    async def run(self, argv: tuple[str, ...], deadline: float, about: str = "") -> Ended:
        """Run one program to its end."""
        ...


class Corosync:
    """Serves ha_cluster_corosync_*."""

    name = "corosync"
    interval = 15.0
    deadline = 12.0

    def __init__(self, programs: Runs) -> None:
        """Ask nothing yet."""
        self._programs = programs

    async def collect(self, publish: Callable[[bytes], None]) -> None:
        """Ask once. A program that ends with an error has often said all the same what is wrong.

        Raises:
            Absent: Corosync's programs are not here.
            Malformed: They refuse, or say what cannot be understood.
            OSError: One cannot be run.
        """
        quorum = _said(QUORUM, await self._programs.run(QUORUM, DEADLINE), "Quorum information")
        links = _said(LINKS, await self._programs.run(LINKS, DEADLINE), "Local node ID")
        publish(written([*of_quorum(quorum), *of_links(links, quorum)]))


def _said(argv: Sequence[str], ended: Ended, wanted: str) -> str:
    text = ended.output.decode("utf-8", "replace")
    if wanted not in text:
        errors = (ended.errors or ended.output)[:200].decode("utf-8", "replace").strip()
        raise Malformed(f"{argv[0]}: exit status {ended.status}: {errors}")
    return text


def _value(text: str, name: str) -> str:
    match = re.search(rf"^{name}:\s+(\S.*?)\s*$", text, re.MULTILINE)
    if match is None:
        raise Malformed(f"corosync-quorumtool: wanted `{name}:`, saw none")
    return match[1]


def of_quorum(text: str) -> Iterator[Sample]:
    """Yield what corosync-quorumtool says.

    Raises:
        Malformed: Something of it is missing, or a number is none.
    """
    yield sample(QUORATE, _value(text, "Quorate") == "Yes")
    for kind, name in COUNTED.items():
        value = _value(text, name).split()[0]  # `Quorum: 2 Activity blocked`
        if not re.fullmatch(r"[0-9]{1,9}", value):
            raise Malformed(f"corosync-quorumtool: wanted a number of votes, saw {value[:40]!r}")
        yield sample(VOTES, int(value), type=kind)
    for one in members(text):
        local = str(one.local).lower()
        yield sample(MEMBERS, one.votes, node_id=one.id, node=one.name, local=local)


def members(text: str) -> list[Member]:
    """Return the lines of the membership, with or without a column for the quorum device."""
    _, _, table = text.partition("Membership information")
    rows = (MEMBER.match(row) for row in table.splitlines())
    return [Member(row[1], row[3], int(row[2]), row[4] is not None) for row in rows if row]


def of_links(text: str, quorum: str) -> Iterator[Sample]:
    """Yield what corosync-cfgtool says of the links; the ring and the node are named in the other's words."""
    ring, node = _value(quorum, "Ring ID"), _value(quorum, "Node ID")
    found = links(text)
    for one in found:
        labels = {"ring_id": ring, "node_id": node, "number": one.number, "address": one.address}
        yield sample(RINGS, not one.faulty, **labels)
    yield sample(ERRORS, sum(one.faulty for one in found))


def links(text: str) -> list[Link]:
    """Return the links of this node."""
    parts = LINK.split(text)[1:]  # number, what follows it, number, ...
    found = []
    for number, said in zip(parts[::2], parts[1::2], strict=True):
        address = ADDRESS.search(said)
        found.append(Link(number, address[1] if address else "", FAULTY.search(said) is not None))
    return found
