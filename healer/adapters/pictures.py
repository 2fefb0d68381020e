"""The picture of the cluster, as one query to Prometheus and its answer.

Rule: it is asked for every two seconds, so Prometheus sends no label that the picture does not have.
"""

from functools import lru_cache

from healer.adapters import labels as lb
from healer.adapters.parts import Labels, Parts, fresh
from healer.core.alert import Target
from healer.core.picture import NodeHealth, Picture, SeenMark

ABLE = (1, 2)
"""BACKUP and MASTER among the states of a VRRP instance (docs/contracts.md); in INIT and FAULT it takes no address."""

FAILING = {("disk", "kernel"), ("disk", "daemon"), ("filesystem", "kernel")}
"""Failures (docs/failures.md) of a disk to which nothing is restored, each by whose word."""


def terms(cluster: str, age: float, *, services: bool) -> dict[str, str]:
    """Return what to ask for.

    Args:
        cluster: Ours.
        age: Oldest sample, in seconds, that says how something is now.
        services: Whether to ask for those, of which there may be thousands.
    """

    def worst(metric: str, by: str, **more: str) -> str:
        return fresh(lb.selector(metric, {"cluster": cluster} | more), age, by)

    asked = {
        "up": worst("up", "node", job="node"),
        # Each witness' own word: one who reaches the peer is enough.
        "peer": worst("hale_peer_up", "node, peer"),
        "address": worst("hale_virtual_address_held", "node, address"),
        "candidate": worst("keepalived_vrrp_state", "node, ip_address"),
        "primary": worst("patroni_primary", "node, scope"),
        "master": worst("hale:redis_master", "node"),
        "failing": worst("hale_failure", "node, failure, witness"),
        "mark": worst("hale_mark_timestamp_seconds", "node, mark, subject, owner_kind"),
    }
    return asked | {"service": worst("hale_service_up", "node, service")} if services else asked


def drawn(parts: Parts) -> Picture:
    """Make the picture of what came back."""
    scraped = {labels.get("node", ""): value == 1 for labels, value in parts.of("up")}
    reached: dict[str, bool] = {}
    for labels, value in parts.of("peer"):
        peer = labels.get("peer", "")
        reached[peer] = reached.get(peer, False) or value == 1
    addresses: dict[str, dict[str, bool]] = {}
    for labels, value in parts.of("address"):
        held = addresses.setdefault(labels.get("address", ""), {})
        held[labels.get("node", "")] = value == 1
    candidates: dict[str, dict[str, bool]] = {}
    for labels, value in parts.of("candidate"):
        able = candidates.setdefault(labels.get("ip_address", ""), {})
        able[labels.get("node", "")] = value in ABLE
    primaries: dict[str, dict[str, bool]] = {}
    for labels, value in (*parts.of("primary"), *parts.of("master")):
        leads = primaries.setdefault(labels.get("scope", ""), {})
        leads[labels.get("node", "")] = value == 1
    return Picture(
        now=parts.now,
        nodes={
            node: NodeHealth(scraped.get(node), reached.get(node))
            for node in scraped.keys() | reached.keys()
        },
        services={
            _target(labels.get("node", ""), labels.get("service")): value == 1
            for labels, value in parts.of("service")
        },
        failing=frozenset(
            labels.get("node", "")
            for labels, value in parts.of("failing")
            if value == 1 and (labels.get("failure"), labels.get("witness")) in FAILING
        ),
        marks=frozenset(_mark(labels, since) for labels, since in parts.of("mark")),
        addresses=addresses,
        candidates=candidates,
        primaries=primaries,
    )


@lru_cache(maxsize=20_000)  # the same services are looked at every two seconds
def _target(node: str, service: str | None) -> Target:
    return Target(node, service)


def _mark(found: Labels, since: float) -> SeenMark:
    mark, subject, node, kind = (
        found.get(name, "") for name in ("mark", "subject", "node", "owner_kind")
    )
    return SeenMark(mark, subject, node, kind, since)
