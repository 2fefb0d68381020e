import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cluster.document import MAX_BYTES
from cluster.errors import ConfigErrors
from cluster.ladder import Mode
from cluster.load import load, loads
from tests.cluster import cases
from tests.cluster.examples import (
    BACKUP,
    DATABASE,
    HEALERS,
    PACED,
    PAIR,
    REDIS,
    SHORT,
    SOUND,
    TIER,
    WIDE,
)

HERE = Path(__file__).parent
SCENARIOS = sorted((HERE.parents[1] / "scenarios").glob("*/cluster.yml"))


def errors_of(text: str) -> str:
    try:
        loads(text)
    except ConfigErrors as errors:
        return f"{errors}\n"
    return "loads\n"


@pytest.mark.parametrize(
    "path", sorted((HERE / "errors").glob("*.txt")), ids=lambda path: str(path.stem)
)
def test_every_mistake_is_told_with_its_place_and_remedy(path: Path, rewrite: bool) -> None:
    cases.hold(path, errors_of, rewrite=rewrite)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: str(path.parent.name))
def test_every_scenario_loads(path: Path) -> None:
    assert load(path).nodes


@pytest.mark.parametrize(
    "text", [SOUND, SHORT, TIER, WIDE, HEALERS, DATABASE, REDIS, PAIR, PACED, BACKUP]
)
def test_every_example_loads(text: str) -> None:
    assert loads(text).nodes


def test_a_short_file_is_completed_with_the_values_for_production() -> None:
    cluster = loads(SHORT)
    assert cluster.healer.mode is Mode.EXPLAIN
    assert cluster.healer.external_url == "http://10.0.0.1:9595"
    assert cluster.monitoring.prometheus == "http://127.0.0.1:9090"
    assert cluster.monitoring.alertmanagers == ("http://127.0.0.1:9093",)
    assert cluster.monitoring.scrape_interval == 15.0
    assert list(cluster.ladders) == [
        *("restart-service", "restart-exporter", "free-disk", "reboot-node"),
        *("take-over", "fence-node", "move-away"),
        *("database", "pacemaker", "backup", "package", "monitoring", "clock"),
    ]
    assert cluster.monitoring.objective == 0.999
    assert cluster.healer.guards.no_storm.targets == 3
    assert cluster.groups["control"].min_available == 1
    assert cluster.groups["web"].min_available == 0


def test_one_healer_is_the_same_however_its_node_is_written() -> None:
    listed = loads(SHORT.replace("healer: {node: a}", "healer: {nodes: [a]}"))
    assert loads(SHORT).healer.nodes == listed.healer.nodes == ("a",)
    assert loads(SHORT).digest == listed.digest


def test_several_monitoring_nodes_are_reached_by_their_addresses() -> None:
    monitoring = loads(WIDE).monitoring
    assert monitoring.prometheus == "http://[2001:db8::10]:9090"
    assert monitoring.alertmanagers == (
        "http://[2001:db8::10]:9093",
        "http://[2001:db8::11]:9093",
    )


def test_a_ladder_in_the_file_replaces_the_built_in_one_as_a_whole() -> None:
    cluster = loads(SOUND + "ladders: {restart-service: {rungs: [{action: person.call}]}}\n")
    assert [rung.action for rung in cluster.ladders["restart-service"].rungs] == ["person.call"]
    assert "restart-exporter" in cluster.ladders


def test_a_rung_that_says_nothing_of_proof_gets_the_one_that_fits_it() -> None:
    ladders = loads(SHORT).ladders
    service, exporter = (
        ladders[n].rungs[0].verify for n in ("restart-service", "restart-exporter")
    )
    assert service is not None
    assert exporter is not None
    assert (service.metric, exporter.metric) == ("hale_service_up", "up")
    assert (service.want, service.within, service.soak) == (1.0, 90.0, 30.0)


# What the action proves, what must then be seen, and the seconds it may take to be seen and to run.
PROOFS = [
    ("service.restart", "hale_service_up", 1.0, 90.0, 30.0, 2),
    ("service.reload", "hale_service_up", 1.0, 90.0, 30.0, 2),
    ("pool.drain", "hale:pool_member_up", 0.0, 90.0, 30.0, 1),
    ("address.decline", "hale_virtual_address_held", 0.0, 90.0, 30.0, 1),
    ("database.switchover", "patroni_primary", 0.0, 90.0, 120.0, 1),
    ("database.bar", "patroni_primary", 0.0, 90.0, 60.0, 1),
    ("database.restart", "hale:database_member_good", 1.0, 180.0, 300.0, 1),
    ("database.reinit", "hale:database_member_good", 1.0, 900.0, 1800.0, 1),
    ("sentinel.failover", "hale:redis_master", 0.0, 90.0, 60.0, 1),
    ("pacemaker.cleanup", "hale:pacemaker_resource_clean", 1.0, 180.0, 60.0, 1),
    ("disk.free", "hale:filesystem_has_room", 1.0, 90.0, 120.0, 1),
    ("package.restore", "hale_service_package_damaged_files", 0.0, 300.0, 300.0, 2),
    ("node.reboot", "hale_service_up", 1.0, 300.0, 300.0, 1),
    ("node.fence", "up", 0.0, 300.0, 60.0, 1),
]


@pytest.mark.parametrize(("action", "metric", "want", "within", "deadline", "attempts"), PROOFS)
def test_each_action_has_a_proof_and_numbers_of_its_own(
    action: str, metric: str, want: float, within: float, deadline: float, attempts: int
) -> None:
    (rung,) = (
        loads(TIER + f"ladders: {{l: {{rungs: [{{action: {action}}}]}}}}\n").ladders["l"].rungs
    )
    assert rung.verify is not None
    assert (rung.verify.metric, rung.verify.want, rung.verify.within) == (metric, want, within)
    assert (rung.deadline, rung.attempts) == (deadline, attempts)


def test_a_proof_written_in_part_keeps_the_rest_of_what_fits_its_action() -> None:
    rungs = "[{action: pool.drain, verify: {soak: 1s}}, {action: pool.drain, verify: {metric: up}}]"
    one, other = loads(TIER + f"ladders: {{l: {{rungs: {rungs}}}}}\n").ladders["l"].rungs
    assert one.verify is not None
    assert other.verify is not None
    assert (one.verify.metric, one.verify.want, one.verify.soak) == ("hale:pool_member_up", 0, 1)
    assert (other.verify.metric, other.verify.want) == ("up", 1)


def test_every_verb_of_a_gate_has_a_spacing_that_a_file_may_change() -> None:
    spacing = loads(SOUND.replace("mode: act", "mode: act\n  gate_spacing: {node.reboot: 2h}"))
    assert {str(verb): seconds for verb, seconds in spacing.healer.gate_spacing.items()} == {
        "service.restart": 30,
        "service.reload": 10,
        "database.switchover": 60,
        "database.restart": 30,
        "database.reinit": 600,
        "database.bar": 5,
        "database.admit": 5,
        "sentinel.failover": 60,
        "pacemaker.cleanup": 60,
        "pacemaker.standby": 5,
        "pacemaker.unstandby": 5,
        "disk.free": 60,
        "files.restore": 60,
        "package.restore": 60,
        "node.reboot": 7200,
        "pool.drain": 5,
        "pool.return": 5,
        "address.decline": 5,
        "address.accept": 5,
        "node.lock": 5,
        "node.unlock": 5,
        "node.patch": 60,
        "node.fence": 60,
        "node.unfence": 30,
    }


def test_the_digest_changes_with_meaning_and_not_with_writing() -> None:
    rewritten = SHORT.replace(
        "a: {address: 10.0.0.1}", "a: {failure_domain: unknown, address: '10.0.0.1'}"
    )
    assert loads(SHORT).digest == loads("# a comment\n" + rewritten).digest
    assert loads(SHORT).digest != loads(SHORT.replace("10.0.0.2", "10.0.0.3")).digest


def test_a_file_that_cannot_be_read_is_a_config_error(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.yml", tmp_path, tmp_path / "nul\0byte"):
        with pytest.raises(ConfigErrors, match="cannot be read"):
            load(path)


def test_an_endless_file_is_refused() -> None:
    with pytest.raises(ConfigErrors, match=f"more than {MAX_BYTES}"):
        load("/dev/zero")


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, SHORT.encode())
    os.close(write_end)
    assert load(f"/dev/fd/{read_end}").name == "short"
    os.close(read_end)


# Bits of YAML and of cluster.yml, so that random text gets past the first character.
SCRAPS = st.sampled_from(
    [
        *"{}[]:,-#&*!|>'\"%@`?~\n\t \\",
        *("cluster: x\n", "nodes:\n", "  a: {address: 10.0.0.1}\n", "groups: {g: {nodes: [a]}}\n"),
        *(
            "services:\n",
            "healer: {node: a}\n",
            "monitoring: {nodes: [a]}\n",
            "ladders: {l: {rungs: ",
        ),
        *(
            "- ",
            "  ",
            "{address}",
            "1e999",
            ".nan",
            "0o7",
            "9" * 50,
            "!!int ",
            "<<: ",
            "---\n",
            "null",
        ),
        *(
            "[{action: reboot}]",
            "depends_on: [a]",
            "pools: {p: {balancers: g, members: g, service: a, port: 80}}\n",
            "virtual_addresses: {v: {address: 10.0.0.9, group: g, interface: e, router_id: 1}}\n",
            "http://[",
            "http://{address}:x/",
            "30s",
            "\ud800",
        ),
    ]
)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(st.lists(SCRAPS | st.text(max_size=5), max_size=25).map("".join))
@example("\ufeff")
@example("a: !!int '0x'")
def test_no_text_raises_anything_but_config_errors(text: str) -> None:
    try:
        loads(text)
    except ConfigErrors as errors:
        assert str(errors)  # noqa: PT017  # the point is that nothing else comes


LEAVES = st.sampled_from(
    [None, True, 3, -1, 0.5, "", "x", "30s", "a", "web1", [], {}, [1], {"a": 1}, "http://x", "é\n"]
)


@given(st.data())
def test_no_wrong_value_in_the_right_place_raises_anything_else(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from([SOUND, TIER])).splitlines()
    for number in data.draw(st.sets(st.integers(0, len(lines) - 1), min_size=1, max_size=3)):
        key, _, _ = lines[number].partition(":")
        lines[number] = f"{key}: {data.draw(LEAVES)!r}"
    try:
        loads("\n".join(lines))
    except ConfigErrors as errors:
        assert all(problem.line >= 1 for problem in errors.problems)  # noqa: PT017
