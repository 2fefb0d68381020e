"""A cluster as crm_mon and cibadmin tell it, against what ha_cluster_exporter makes of the same.

fixtures/ha_cluster has the outputs and the expositions of that project's own tests; see fixtures/SOURCES.md.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from exporter.collector import Absent, Malformed
from exporter.collectors.pacemaker import CIB, STATUS, Pacemaker, of_status, score
from exporter.exposition import Family
from exporter.gathered import Sample, written
from exporter.programs import Ended, Programs
from exporter.xmltree import MOST_DEPTH, MOST_ELEMENTS, parse
from tests.exporter.golden import same_as_golden

FIXTURES = Path(__file__).parent / "fixtures/ha_cluster"
MON = (FIXTURES / "crm_mon.txt").read_bytes()
BASE = (FIXTURES / "cibadmin.txt").read_bytes()


class Asked:
    """The programs of a node, as long as they say the same."""

    def __init__(self, **answers: Ended) -> None:
        self.answers = {
            STATUS[0]: Ended(0, MON, b""),
            STATUS[1]: Ended(0, MON, b""),
            CIB: Ended(0, BASE, b""),
        }
        for name, answer in answers.items():
            self.answers[{"new": STATUS[0], "old": STATUS[1], "cib": CIB}[name]] = answer

    async def run(self, argv: Sequence[str], deadline: float, about: str = "") -> Ended:
        return self.answers[tuple(argv)]


def series(exposition: bytes) -> dict[str, float]:
    """The samples of an exposition, labels sorted; the original's are."""
    rows = [row for row in exposition.decode().splitlines() if not row.startswith("#")]
    return {name: float(value) for name, _, value in (row.rpartition(" ") for row in rows)}


async def exposition(asked: Asked) -> bytes:
    shown = list[bytes]()
    await Pacemaker(asked).collect(shown.append)
    return shown[-1]


async def test_it_is_what_ha_cluster_exporter_makes_of_the_same() -> None:
    theirs = series((FIXTURES / "pacemaker.metrics").read_bytes())
    assert series(await exposition(Asked())) == theirs


async def test_the_exposition_is_the_golden_one(request: pytest.FixtureRequest) -> None:
    same_as_golden(request, "pacemaker", await exposition(Asked()))


async def test_the_newer_form_of_crm_mon_is_understood_too() -> None:
    newer = (FIXTURES / "crm_mon-2.1.5.xml").read_bytes()
    told = series(await exposition(Asked(new=Ended(0, newer, b""))))
    resource = 'agent="ocf:heartbeat:IPaddr2",clone="",group="",managed="true",node="web1"'
    cloned = 'agent="ocf:pacemaker:controld",clone="each",group="pair:0",managed="true",node=""'
    for name, value in {
        'nodes{node="web1",status="dc",type="member"}': 1,
        'nodes{node="web2",status="online",type="member"}': 0,
        'node_attributes{name="rack",node="web1",value="a"}': 1,
        f'resources{{{resource},resource="ip",role="started",status="failed"}}': 1,
        f'resources{{{cloned},resource="dlm",role="stopped",status="active"}}': 0,
        'fail_count{node="web1",resource="ip"}': math.inf,
        'fail_count{node="web1",resource="nginx"}': 2,
        'migration_threshold{node="web1",resource="nginx"}': 1_000_000,
        "stonith_enabled": 0,
        "config_last_change": 1795770487,
    }.items():
        assert told[f"ha_cluster_pacemaker_{name}"] == value, name


async def test_an_old_crm_mon_is_asked_as_it_wants_to_be() -> None:
    refusing = Asked(new=Ended(64, b"", b"crm_mon: unrecognized option '--output-as=xml'\n"))
    assert await exposition(refusing) == await exposition(Asked())


async def test_what_crm_mon_refuses_is_a_failure_with_its_own_words() -> None:
    refused = Ended(102, b"", b"Could not connect to the CIB: Permission denied\n")
    with pytest.raises(Malformed, match="exit status 102: Could not connect to the CIB"):
        await exposition(Asked(new=refused))


async def test_without_the_constraints_the_state_is_told_all_the_same() -> None:
    shown = list[bytes]()
    with pytest.raises(Malformed, match="cibadmin"):
        await Pacemaker(Asked(cib=Ended(1, b"", b"no"))).collect(shown.append)
    assert b"ha_cluster_pacemaker_nodes{" in shown[-1]
    assert b"location_constraints" not in shown[-1]


async def test_a_node_without_pacemaker_has_nothing_of_the_kind() -> None:
    class Nothing(Programs):
        async def run(self, argv: Sequence[str], deadline: float | None, about: str = "") -> Ended:
            return await super().run(("/nowhere/crm_mon", *argv[1:]), deadline, about)

    with pytest.raises(Absent):
        await Pacemaker(Nothing()).collect(lambda body: None)


def lines_of(document: bytes) -> list[Sample]:
    return list(of_status(parse(document)))


def test_a_group_that_is_cloned_has_both_names() -> None:
    resource = b'<resource id="ip" role="Promoted" active="true"/>'
    nested = (
        b'<r><summary/><resources><clone id="c"><group id="g">%b</group></clone></resources></r>'
    )
    told = dict(lines_of(nested % resource)[0].labels)
    assert (told["clone"], told["group"], told["role"]) == ("c", "g", "promoted")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", 0),
        ("-17", -17),
        ("INFINITY", math.inf),
        ("+INFINITY", math.inf),
        ("-INFINITY", -math.inf),
        ("1000000", math.inf),
        ("-1000000", -math.inf),
        ("9" * 100, math.inf),
    ],
)
def test_scores_are_read_as_pacemaker_means_them(text: str, value: float) -> None:
    assert score(text) == value


@pytest.mark.parametrize("text", ["x", "--1", "1.5", "\0"])
def test_what_is_no_score_is_a_failure_and_no_number(text: str) -> None:
    with pytest.raises(Malformed):
        score(text)


def test_a_time_with_a_zone_behind_it_is_a_time_and_none_is_no_time() -> None:
    known = b"<r><summary><last_change time='Fri Oct  8 11:48:22 2021 Z'/></summary></r>"
    assert [one.value for one in lines_of(known)] == [1633693702.0]
    assert lines_of(b"<r><summary><last_change time=''/></summary></r>") == []
    with pytest.raises(Malformed, match="wanted a time"):
        lines_of(b"<r><summary><last_change time='yesterday'/></summary></r>")


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\0\xff",
        b"<crm_mon>",
        MON[: len(MON) // 2],
        b'<?xml version="1.0" encoding="x"?><a/>',
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<a>&b;</a>",
        b"<a>" * (MOST_DEPTH + 1) + b"</a>" * (MOST_DEPTH + 1),
        b"<a>" + b"<b/>" * MOST_ELEMENTS + b"</a>",
        b"<a/>",
    ],
    ids=range(11),
)
def test_what_is_no_state_of_a_cluster_is_a_failure(document: bytes) -> None:
    with pytest.raises(Malformed):
        lines_of(document)


def test_every_name_is_of_ha_cluster_exporter() -> None:
    theirs = (FIXTURES / "pacemaker.metrics").read_text()
    families = {one.family for one in lines_of(MON)}
    assert all(isinstance(one, Family) for one in families)
    for family in families:
        assert family.header().decode() in theirs
    assert written([]) == b""
