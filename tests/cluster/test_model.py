import pytest
from pydantic import ValidationError

from cluster.ladder import Mode
from cluster.load import loads
from tests.cluster.examples import SHORT, SOUND, TIER, WIDE


def test_modes_go_from_the_most_cautious_on() -> None:
    assert sorted([Mode.ACT, Mode.EXPLAIN, Mode.APPROVE]) == list(Mode)


@pytest.mark.parametrize(
    ("healer", "ladder", "group", "effective"),
    [
        ("act", None, None, Mode.ACT),
        ("explain", None, None, Mode.EXPLAIN),
        ("explain", "act", None, Mode.EXPLAIN),
        ("explain", None, "act", Mode.EXPLAIN),
        ("explain", "act", "act", Mode.ACT),
        ("act", "explain", "act", Mode.EXPLAIN),
        ("act", "act", "approve", Mode.APPROVE),
        ("approve", "act", None, Mode.APPROVE),
    ],
)
def test_acting_needs_both_the_ladders_and_the_groups_owner(
    healer: str, ladder: str | None, group: str | None, effective: Mode
) -> None:
    text = SOUND.replace("mode: act", f"mode: {healer}")
    if group:
        text = text.replace("min_available: 1", f"min_available: 1, mode: {group}")
    if ladder:
        text += f"ladders: {{own: {{mode: {ladder}, rungs: [{{action: service.restart}}]}}}}\n"
    name = "own" if ladder else "restart-service"
    assert loads(text).effective_mode(name, ["web"]) is effective


def test_one_cautious_group_of_the_footprint_is_enough() -> None:
    assert loads(WIDE).effective_mode("restart-service", ["db.main"]) is Mode.ACT
    assert loads(WIDE).effective_mode("restart-service", ["db.main", "off"]) is Mode.EXPLAIN


def test_without_any_group_the_healers_mode_counts() -> None:
    assert loads(SHORT).effective_mode("restart-service", []) is Mode.EXPLAIN
    assert loads(SOUND).effective_mode("restart-service", []) is Mode.ACT


@pytest.mark.parametrize(
    ("ladder", "group"),
    [("unknown", "web"), ("restart-service", "unknown"), ("restart-service", "control")],
)
def test_what_nobody_knows_and_what_no_ladder_touches_is_only_explained(
    ladder: str, group: str
) -> None:
    assert loads(SOUND).effective_mode(ladder, [group]) is Mode.EXPLAIN


def test_a_node_in_several_groups_has_the_first_one_as_label() -> None:
    cluster = loads(WIDE)
    assert cluster.groups_of("db3") == ("db.main", "off")
    assert cluster.first_group("db3") == "db.main"
    assert [service.name for service in cluster.services_on("db3")] == ["postgres", "redis"]
    assert cluster.first_group("nobody") is None
    assert cluster.services_on("nobody") == ()


def test_every_node_has_the_exporter_as_a_service_in_no_group() -> None:
    exporter = loads(SHORT).service("hale-exporter")
    assert exporter is not None
    assert (exporter.unit, exporter.group) == ("hale-exporter.service", None)
    assert loads(SHORT).service("nothing") is None


def test_a_probe_gets_the_address_of_its_node() -> None:
    cluster = loads(WIDE)
    postgres = cluster.probe_for(cluster.services["postgres"], "db2")
    redis = cluster.probe_for(cluster.services["redis"], "db3")
    assert postgres is not None
    assert postgres.tcp == "[2001:db8::22]:5432"
    assert redis is not None
    assert redis.command is not None
    assert redis.command[2] == "2001:db8::23"
    short = loads(SHORT)
    assert short.probe_for(short.services["site"], "b") is None


def test_a_tier_knows_its_candidates_its_balancers_and_what_they_serve() -> None:
    cluster = loads(TIER)
    assert [each.name for each in cluster.addresses_on("lb2")] == ["vip"]
    assert cluster.addresses_on("web1") == cluster.pools_on("web1") == ()
    assert [pool.name for pool in cluster.pools_on("lb1")] == ["web"]
    assert [pool.name for pool in cluster.pools_of("nginx")] == ["web"]
    assert cluster.pools_of("haproxy") == ()
    assert cluster.pools["web"].listens == "*:80"


@pytest.mark.parametrize(
    ("prefix", "written"),
    [("prefix: 24,", "10.0.0.100/24"), ("", "10.0.0.100/32")],
)
def test_an_address_without_a_prefix_stands_alone(prefix: str, written: str) -> None:
    text = TIER.replace("prefix: 24,", prefix)
    assert loads(text).virtual_addresses["vip"].interface_address == written


@pytest.mark.parametrize(
    ("old", "new", "asks"),
    [
        ("manage: true", "manage: true", "http://127.0.0.1:8404/ready"),
        ("port: 80, manage: true", "port: 80", None),
        (
            "router_id: 51,",
            'router_id: 51, check: {http: "http://127.0.0.1:81/"},',
            "http://127.0.0.1:81/",
        ),
    ],
)
def test_a_candidate_asks_its_own_balancer_where_hale_writes_it(
    old: str, new: str, asks: str | None
) -> None:
    cluster = loads(TIER.replace(old, new))
    check = cluster.check_of(cluster.virtual_addresses["vip"])
    assert (check and check.http) == asks


def test_a_maintenance_window_is_about_what_it_names_or_about_everything() -> None:
    windows = "{all: {reason: x}, some: {reason: x, nodes: [mon1], groups: [web]}, one: {reason: x, nodes: [web1]}}"
    cluster = loads(f"{SOUND}maintenance: {windows}\n")
    assert cluster.maintained("all") == {"mon1", "web1", "web2"}
    assert cluster.maintained("some") == {"mon1", "web1", "web2"}
    assert cluster.maintained("one") == {"web1"}


def test_a_time_means_the_same_however_its_offset_is_written() -> None:
    text = SOUND + "maintenance: {m: {reason: x, ends: 2026-11-28T22:00:00Z}}\n"
    other = text.replace("22:00:00Z", "23:00:00+01:00")
    ends = loads(text).maintenance["m"].ends
    assert ends is not None
    assert ends.timestamp() == 1_795_903_200.0
    assert loads(other).maintenance["m"].ends == ends
    assert loads(other).digest == loads(text).digest
    assert loads(text.replace("22:00:00Z", "22:00:01Z")).digest != loads(text).digest


def test_nothing_changes_after_loading() -> None:
    with pytest.raises(ValidationError):
        loads(SHORT).name = "other"
