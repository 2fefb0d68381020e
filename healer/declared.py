"""What cluster.yml declares, in the words of the healer's core.

A loaded cluster in, a topology out: no file is read here. Rule: what is declared is only said anew; what follows from
it for a decision is the core's.
"""

from zoneinfo import ZoneInfo

from cluster.conditions import Day, minutes
from cluster.conditions import When as DeclaredWhen
from cluster.conditions import Window as DeclaredWindow
from cluster.ladder import Ladder as DeclaredLadder
from cluster.ladder import Rung as DeclaredRung
from cluster.listening import alertmanager_nodes
from cluster.maintenance import Maintenance as DeclaredMaintenance
from cluster.model import BuiltinService, Cluster
from cluster.model import Group as DeclaredGroup
from cluster.model import Service as DeclaredService
from healer.core.ladder import ALWAYS, Ladder, Mode, Rung, Verification, When, Window
from healer.core.maintenance import Maintenance
from healer.core.topology import (
    Backup,
    Database,
    Group,
    Node,
    Numbers,
    Pacemaker,
    Pool,
    Service,
    Stores,
    Topology,
    VirtualAddress,
)


def topology_of(cluster: Cluster, own: str) -> Topology:
    """Return the cluster as the core of the healer that runs on the node `own` sees it."""
    declared: tuple[DeclaredService | BuiltinService, ...] = (
        *cluster.services.values(),
        *cluster.builtin_services.values(),
    )
    return Topology(
        cluster=cluster.name,
        nodes={
            node.name: Node(node.name, node.address, node.failure_domain)
            for node in cluster.nodes.values()
        },
        groups={group.name: _group(group, cluster) for group in cluster.groups.values()},
        services={service.name: _service(service) for service in declared},
        ladders={ladder.name: _ladder(ladder, cluster) for ladder in cluster.ladders.values()},
        healer_mode=Mode(cluster.healer.mode.value),
        own_node=own,
        digest=cluster.digest,
        time_zone=ZoneInfo(cluster.time_zone),
        correlation_window=cluster.healer.correlation.window,
        windows={name: _window(one) for name, one in cluster.windows.items()},
        patch_seconds=cluster.patching.limit if cluster.patching is not None else None,
        reboot_seconds=cluster.patching.reboot_limit if cluster.patching is not None else 300.0,
        maintenance=tuple(_maintenance(one, cluster) for one in cluster.maintenance.values()),
        fencing={node: hosts for node in cluster.nodes if (hosts := cluster.fencing_hosts(node))},
        wider={wide.name: frozenset(wide.nodes) for wide in cluster.failure_domains.values()},
        numbers=_numbers(cluster),
        pools={
            pool.name: Pool(pool.name, pool.balancers, pool.members, pool.service)
            for pool in cluster.pools.values()
        },
        addresses={
            one.name: VirtualAddress(one.name, one.address, one.group)
            for one in cluster.virtual_addresses.values()
        },
        databases={
            one.name: Database(one.name, one.group, one.service, one.called, one.max_lag)
            for one in cluster.databases.values()
        }
        | {
            one.name: Database(one.name, one.group, one.service, "", one.max_behind, sentinel=True)
            for one in cluster.sentinels.values()
        },
        pacemakers={
            one.name: Pacemaker(one.name, one.group, one.resources)
            for one in cluster.pacemakers.values()
        },
        backups={
            one.name: Backup(one.name, cluster.backed_up(one.name), one.service, one.rebuildable)
            for one in cluster.backups.values()
            if one.restore and one.service is not None
        },
        alertmanagers=alertmanager_nodes(cluster),
    )


def _service(service: DeclaredService | BuiltinService) -> Service:
    stores = None if service.stores is None else Stores(service.stores.value)
    return Service(
        service.name,
        service.unit,
        service.group,
        service.depends_on,
        stores,
        exclusive=service.exclusive,
    )


def _group(group: DeclaredGroup, cluster: Cluster) -> Group:
    # No ladder touches a control group, whatever its mode says.
    mode = Mode.EXPLAIN if group.control else Mode((group.mode or cluster.healer.mode).value)
    return Group(
        group.name,
        group.nodes,
        group.min_available,
        group.control,
        mode,
        votes=group.votes,
        role=group.role.value,
    )


def _ladder(ladder: DeclaredLadder, cluster: Cluster) -> Ladder:
    mode = Mode((ladder.mode or cluster.healer.mode).value)
    return Ladder(ladder.name, mode, tuple(_rung(rung, cluster) for rung in ladder.rungs))


def _rung(rung: DeclaredRung, cluster: Cluster) -> Rung:
    proof = rung.verify
    return Rung(
        action=rung.action.value,
        service=rung.service,
        fast=rung.fast,
        deadline_seconds=rung.deadline,
        verify=None
        if proof is None
        else Verification(proof.metric, proof.want, proof.within, proof.soak, proof.lookback),
        attempts=rung.attempts,
        wait_seconds=rung.wait,
        approve=bool(rung.approve),
        by_owner=rung.approve == "owner",
        backoff=rung.backoff,
        max_wait_seconds=max(rung.max_wait, rung.wait),
        when=ALWAYS if rung.when is None else _when(rung.when, cluster),
    )


def _when(when: DeclaredWhen, cluster: Cluster) -> When:
    return When(
        tuple(one.value for one in when.failure),
        tuple(one.value for one in when.severity),
        when.group,
        tuple(one.value for one in when.role),
        tuple(_window(cluster.windows[name]) for name in when.window),
    )


def _maintenance(one: DeclaredMaintenance, cluster: Cluster) -> Maintenance:
    named = [*one.nodes, *(f"group {group}" for group in one.groups)]
    return Maintenance(
        one.name,
        one.reason,
        about=", ".join(named) or "the whole cluster",
        nodes=cluster.maintained(one.name),
        hours=_window(one),
        starts=None if one.starts is None else one.starts.timestamp(),
        ends=None if one.ends is None else one.ends.timestamp(),
    )


def _window(window: DeclaredWindow) -> Window:
    days = frozenset(list(Day).index(day) for day in window.days)
    return Window(window.name, days, *minutes(window.hours))


def _numbers(cluster: Cluster) -> Numbers:
    guards = cluster.healer.guards
    return Numbers(
        evidence_age=guards.still_true.max_age,
        watchdog_age=guards.sees_enough.watchdog,
        clock_jump=guards.sees_enough.clock_jump,
        owner_settled=guards.owner_settled.service,
        owner_settled_address=guards.owner_settled.address,
        owner_settled_database=guards.owner_settled.database,
        owner_settled_pacemaker=guards.owner_settled.pacemaker,
        storm_share=guards.no_storm.share,
        storm_targets=guards.no_storm.targets,
        storm_domains=guards.no_storm.domains,
        storm_window=guards.no_storm.window,
        storm_calm=guards.no_storm.calm,
        full_look=cluster.monitoring.scrape_interval + cluster.monitoring.evaluation_interval,
        common_cause_window=guards.common_cause.window,
        budget_node=guards.budget.node,
        budget_group=guards.budget.group,
        budget_cluster=guards.budget.cluster,
        budget_window=guards.budget.window,
        cooldown=guards.attempts.cooldown,
        flapping=guards.attempts.flapping,
        flapping_window=guards.attempts.window,
        poor=guards.attempts.poor,
        record=guards.attempts.record,
        record_failed=guards.attempts.record_failed,
        approval_seconds=guards.approved.good_for,
        blindness=guards.armed.blindness,
    )
