"""What is exposed is what docs/contracts.md says, name by name and label by label."""

import re
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core import upkeep_events as ue
from healer.core.incident import Incident
from healer.core.states import State
from healer.metrics import FREEZES, TIME_TO, Metrics
from healer.narrator import Narrator
from tests.exporter.golden import GOLDEN
from tests.exporter.tools import complaints
from tests.healer.core.world import alert
from tests.healer.web.house import House
from tests.test_contract import CONTRACTS, tables_of_metrics

OURS = (
    "hale_",
    "healer_",
    "ha_cluster_",
    "keepalived_",
    "probe_",
    "apt_",
    "chrony_",
    "smartctl_",
    "ipmi_",
    "node_scrape_collector_",
    "pgbackrest_",
    "node_reboot_",
)
SUFFIXES = re.compile(r"_(bucket|count|sum)$")
"""What a histogram adds to its name, and `le` with it."""


def told_labels() -> dict[str, set[str]]:
    """Return the labels that the tables of docs/contracts.md give each metric."""
    rows = re.findall(r"^\| ((?:`[a-z0-9_]+`(?:, )?)+) \|([^|]*)\|", CONTRACTS, re.MULTILINE)
    # Values of a label stand in brackets behind it and are no labels.
    return {
        name: set(re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", labels)))
        for names, labels in rows
        for name in re.findall(r"`(\w+)`", names)
    }


def of_the_exporter() -> Iterator[tuple[str, set[str]]]:
    """Return what the golden expositions of all collectors show."""
    for file in sorted(GOLDEN.glob("*.prom")):
        yield from shown(file.read_text())


def shown(exposition: str) -> Iterator[tuple[str, set[str]]]:
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            name = SUFFIXES.sub("", sample.name) if family.type == "histogram" else sample.name
            if name not in exposition:  # the parser gives every counter its suffix
                name = name.removesuffix("_total")
            yield name, set(sample.labels) - {"le"}


async def of_the_healer() -> str:
    """Return /metrics of a healer to which everything happened that it counts."""
    house = House()
    metrics = house.desk.metrics
    house.journal.listen(Narrator(house.journal.board, metrics))
    await house.arm()
    for number, service in ("1", "nginx"), ("2", "app"), ("3", "hale-exporter"):
        await house.open(house.trouble(at=f"web{number}/{service}"), number)
    await house.open(house.trouble(at="web3/app"), "4")
    await house.healed("1")
    await house.held("2")
    forged = house.trouble(at="web9/nginx")
    await house.journal.write(
        ie.IncidentEscalated("3", "ladder_exhausted", "2 tried"),
        ie.IncidentMitigated("4", "pool.drain of web3/app stands on lb1"),
        ev.AlertRefused(forged, "unknown_target", "cluster.yml has no web9."),
    )
    metrics.show(house.journal.board.open, frozenset(FREEZES), 0.0)
    away = ue.UpkeepBegan("1", ue.Kind.ROLL, "web1", "", "root", house.clock.wall())
    stopped = [ue.UpkeepMoved("1", move, "", "") for move in (ue.Move.TAKEN, ue.Move.PATCH)]
    for event in away, *stopped, ue.UpkeepMoved("1", ue.Move.STOP, "patch_failed", ""):
        await house.journal.write(event)
    metrics.show_upkeep(house.journal.board.planned.kept_away, house.topology, 0.0)
    metrics.second_path.labels("placed").inc()
    metrics.annotations.labels("placed").inc()
    metrics.webhooks.labels("202").inc()
    async with house.public() as session, session.get("/metrics") as answer:
        return await answer.text()


async def test_everything_in_the_tables_is_exposed_and_nothing_else() -> None:
    both = [*of_the_exporter(), *shown(await of_the_healer())]
    ours = {name for name, _ in both if name.startswith(OURS)}
    assert ours == tables_of_metrics()


async def test_every_series_has_the_labels_of_its_row() -> None:
    told = told_labels()
    for name, labels in [*of_the_exporter(), *shown(await of_the_healer())]:
        if name.startswith(OURS):
            assert labels == told[name], name


async def test_a_series_about_an_incident_has_all_its_labels_even_where_one_is_empty() -> None:
    """One that was left out would be filled with the healer's own node when Prometheus scrapes."""
    metrics = Metrics("test")
    cause = alert("NodeDown", "web1")
    incident = Incident("1", cause, "none", 0.0, 0.0, "", State.ESCALATED, escalation="denied")
    metrics.show([incident], frozenset(), 0.0)
    assert (
        'healer_incident_escalated{failure_domain="rack-1",group="web",mountpoint="",node="web1",'
        'reason="denied",service=""} 1.0'
    ) in metrics.exposition().decode()


@pytest.mark.tools
async def test_promtool_has_nothing_to_say_of_the_healers_names() -> None:
    assert complaints((await of_the_healer()).encode()) == set()


def test_the_buckets_of_the_histogram_are_those_that_are_told_and_hold_a_night() -> None:
    said = re.search(r"histogram with buckets up to ([0-9., and]+) s:", CONTRACTS)
    assert said is not None
    assert tuple(map(float, re.findall(r"[0-9.]+[0-9]|[0-9]", said[1]))) == TIME_TO
    assert TIME_TO[-1] >= 8 * 3600
