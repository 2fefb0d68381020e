"""Who watches whom: as many for each node, and no failure domain that is lost unseen where that can be had."""

import random
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from cluster.load import loads, read
from cluster.model import Cluster
from cluster.peers import peers
from cluster.witnesses import Losses, Member, Watching

ROOT = Path(__file__).parents[2]


def cluster_of(
    racks: Mapping[str, str], wanted: int, listed: Mapping[str, Collection[str]] | None = None
) -> Cluster:
    """Make a cluster of these nodes with their racks, all of them apart from the one that watches."""
    nodes = ", ".join(
        f"{name}: {{address: 10.0.{number >> 8}.{number & 255}, failure_domain: {rack}}}"
        for number, (name, rack) in enumerate(racks.items())
    )
    domains = ", ".join(
        f"{name}: {{nodes: [{', '.join(n)}]}}" for name, n in (listed or {}).items()
    )
    first = next(iter(racks))
    return loads(
        f"cluster: x\nnodes: {{{nodes}}}\nfailure_domains: {{{domains}}}\nhealer: {{node: {first}}}\n"
        f"monitoring: {{nodes: [{', '.join(racks)}]}}\nexporter: {{peers: {wanted}}}\n"
    )


def wide_cluster(domains: list[int], wanted: int) -> Cluster:
    """Make a cluster with as many nodes in each failure domain as `domains` says, each of which monitors."""
    return cluster_of(
        {f"n{d}-{i}": f"rack-{d}" for d, size in enumerate(domains) for i in range(size)}, wanted
    )


def seen_whole(watching: Watching, lost: Collection[str]) -> bool:
    """Say whether each of these has a watcher who is left and reaches somebody, as NodeDown asks."""
    left = {name: watched for name, watched in watching.items() if name not in lost}
    heard = [watched for watched in left.values() if set(watched) - set(lost)]
    return all(any(name in watched for watched in heard) for name in lost)


def even(watching: Watching, wanted: int) -> bool:
    """Say whether each node watches and is watched by so many others."""
    return all(
        name not in watched
        and len(set(watched)) == len(watched) == wanted
        and sum(name in others for others in watching.values()) == wanted
        for name, watched in watching.items()
    )


@pytest.mark.parametrize(
    ("domains", "wanted"),
    [
        ([1], 2),
        ([2], 2),
        ([1, 1, 1], 2),
        ([5, 1], 2),
        ([4, 4], 3),
        ([3, 3, 3], 2),
        ([30, 10], 2),
        ([40, 30, 20], 3),
    ],
)
def test_every_node_watches_and_is_watched_by_as_many_as_asked(
    domains: list[int], wanted: int
) -> None:
    assert even(peers(wide_cluster(domains, wanted)), min(wanted, sum(domains) - 1))


@pytest.mark.parametrize("domains", [[1, 1, 1], [3, 3, 3], [6, 6, 6, 6]])
def test_no_witness_fails_together_with_what_it_watches_where_that_can_be_had(
    domains: list[int],
) -> None:
    cluster = wide_cluster(domains, 2)
    for name, chosen in peers(cluster).items():
        own = cluster.nodes[name].failure_domain
        assert own not in {cluster.nodes[peer].failure_domain for peer in chosen}


@pytest.mark.parametrize(
    ("domains", "wanted"), [([2, 2], 2), ([4, 4], 2), ([3, 3], 3), ([20, 20], 2), ([8, 4], 3)]
)
def test_of_two_racks_each_watches_some_of_its_own_so_that_it_is_heard_when_the_other_is_lost(
    domains: list[int], wanted: int
) -> None:
    cluster = wide_cluster(domains, wanted)
    watching = peers(cluster)
    assert all(seen_whole(watching, nodes) for nodes in cluster.domain_nodes.values())


def test_the_switch_of_the_web_tier_is_seen_whole() -> None:
    cluster = read(ROOT / "scenarios/web-tier/cluster.yml").cluster
    watching = peers(cluster)
    assert even(watching, 3)
    assert cluster.domain_nodes["switch-1"] == ("lb1", "web1", "web2")
    assert seen_whole(watching, ["lb1", "web1", "web2"])
    assert seen_whole(watching, ["lb1", "web1"])
    assert seen_whole(watching, ["lb2", "web2"])


def test_any_two_nodes_of_the_web_tier_may_vanish_and_are_seen() -> None:
    watching = peers(read(ROOT / "scenarios/web-tier/cluster.yml").cluster)
    assert all(seen_whole(watching, [one, two]) for one in watching for two in watching)


def a_choice(draw: random.Random) -> dict[str, list[str]]:
    """Draw who watches whom among 5 to 12 nodes, as many for each."""
    size, wanted = draw.randint(5, 12), draw.choice([2, 3])
    names = [f"n{number}" for number in range(size)]
    watching = {
        name: [names[(place + offset) % size] for offset in range(1, wanted + 1)]
        for place, name in enumerate(names)
    }
    for _ in range(20 * size):
        one, other = draw.sample(names, 2)
        given, taken = draw.choice(watching[one]), draw.choice(watching[other])
        if given not in (other, *watching[other]) and taken not in (one, *watching[one]):
            watching[one][watching[one].index(given)] = taken
            watching[other][watching[other].index(taken)] = given
    return watching


def a_cluster_seen_by(watching: dict[str, list[str]], draw: random.Random) -> Cluster:
    """Draw racks, and up to four domains across them, so that this choice sees each loss whole."""
    seen = {name: tuple(watched) for name, watched in watching.items()}
    racks: list[list[str]] = []
    for name in draw.sample(list(seen), len(seen)):
        fitting = [rack for rack in racks if seen_whole(seen, [*rack, name])]
        if fitting and draw.random() < 0.7:
            draw.choice(fitting).append(name)
        else:
            racks.append([name])
    listed: dict[str, list[str]] = {}
    for number in range(draw.randint(0, 4)):
        domain: list[str] = []
        for name in draw.sample(list(seen), draw.randint(2, len(seen))):
            domain += [name] if seen_whole(seen, [*domain, name]) else []
        if len(domain) > 1:
            listed[f"feed-{number}"] = domain
    rack_of = {name: f"rack-{number}" for number, rack in enumerate(racks) for name in rack}
    return cluster_of({name: rack_of[name] for name in seen}, len(watching["n0"]), listed)


@pytest.mark.parametrize("seed", range(150))
def test_a_choice_that_sees_each_loss_is_found_where_there_is_one(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311  # the same clusters each time
    watching = a_choice(draw)
    cluster = a_cluster_seen_by(watching, draw)
    found = peers(cluster)
    assert even(found, len(watching["n0"]))
    assert all(seen_whole(found, nodes) for nodes in cluster.domain_nodes.values())


@pytest.mark.parametrize(
    ("domains", "wanted", "left"), [([5, 1], 2, 5), ([30, 10], 2, 20), ([21, 20], 2, 1)]
)
def test_where_too_few_are_outside_they_tell_of_as_many_as_they_can(
    domains: list[int], wanted: int, left: int
) -> None:
    cluster = wide_cluster(domains, wanted)
    watching = peers(cluster)
    unseen = Losses(cluster).unseen(watching)
    # Of those that each of them outside watches one must be outside too.
    assert len(unseen) == left
    assert {member.domain for member in unseen} == {"rack-0"}
    assert even(watching, wanted)


def test_who_would_not_be_seen_is_who_has_no_watcher_that_is_heard() -> None:
    cluster = cluster_of({"a": "r1", "b": "r1", "c": "r2", "d": "r3"}, 2)
    losses = Losses(cluster)
    ring = {"a": ("b", "c"), "b": ("c", "d"), "c": ("d", "a"), "d": ("a", "b")}
    # d reaches nobody when r1 is lost, so only c is heard, which does not watch b.
    assert losses.unseen(ring) == (Member("r1", "b"),)
    assert losses.told_by("c", ("d", "a")) == {Member("r1", "a")}
    assert losses.told_by("d", ("a", "b")) == losses.told_by("a", ("b", "c")) == frozenset()


def test_a_domain_that_holds_all_of_monitoring_has_nobody_left_to_be_told() -> None:
    cluster = read(ROOT / "scenarios/web-tier/cluster.yml").cluster
    assert "rack-c" in cluster.domain_nodes
    assert {member.domain for member in Losses(cluster).members} == {"rack-a", "rack-b", "switch-1"}


def test_choosing_peers_is_the_same_each_time() -> None:
    racks = {f"n{number}": f"rack-{number % 3}" for number in range(15)}
    listed = {"switch": [name for name, rack in racks.items() if rack != "rack-2"]}
    cluster = cluster_of(racks, 2, listed)
    assert peers(cluster) == peers(cluster_of(racks, 2, listed))
    assert list(peers(cluster)) == list(racks)
