"""The simulated clusters as a healer reads them: its topology, ladders and numbers, from the site's description."""

from dataclasses import replace

from healer.core.ladder import PERSON, Ladder, Mode, Rung, Verification
from healer.core.topology import (
    EXPORTER,
    Backup,
    Database,
    Group,
    Node,
    Numbers,
    Pool,
    Service,
    Stores,
    Topology,
    VirtualAddress,
)
from tests.healer.safety.site import MAX_LAG, Site, address_of

NUMBERS = Numbers(
    evidence_age=6.0,
    watchdog_age=8.0,
    clock_jump=3.0,
    owner_settled=1.0,
    owner_settled_address=1.0,
    owner_settled_database=2.0,
    storm_window=30.0,
    storm_calm=4.0,
    full_look=3.0,
    common_cause_window=20.0,
    budget_node=4,
    budget_group=6,
    budget_cluster=9,
    budget_window=600.0,
    cooldown=4.0,
    flapping=3,
    flapping_window=120.0,
    approval_seconds=10.0,
)

TIGHT = replace(NUMBERS, budget_node=1, budget_group=2, budget_cluster=2)
"""An owner who lets little be done."""


def topology_of(site: Site, own: str, numbers: Numbers, digest: str = "d1") -> Topology:
    """Return a cluster as a healer on one of its nodes reads it."""
    proof = Verification("hale_service_up", 1.0, within_seconds=6.0, soak_seconds=1.0)
    drained = Verification("hale:pool_member_up", 0.0, within_seconds=6.0, soak_seconds=1.0)
    elsewhere = Verification("hale_virtual_address_held", 0.0, within_seconds=6.0, soak_seconds=1.0)
    sick = Verification("node_sick", 0.0, within_seconds=12.0, soak_seconds=1.0)
    copies = Verification("database_member_good", 1.0, within_seconds=6.0, soak_seconds=1.0)
    follows = Verification("patroni_primary", 0.0, within_seconds=6.0, soak_seconds=1.0)
    silent = Verification("up", 0.0, within_seconds=12.0, soak_seconds=0.0)
    call = Rung(PERSON, None, False, 0.0, None, attempts=1, wait_seconds=0.0)

    def rung(verb: str, verify: Verification) -> Rung:
        fast = verb == "service.restart"
        return Rung(
            verb,
            None,
            fast,
            8.0,
            verify,
            site.attempts if fast else 1,
            1.0,
            approve=verb in site.asks,
        )

    proofs = {"pool.drain": drained, "address.decline": elsewhere}
    repair = (*(rung(verb, proofs.get(verb, proof)) for verb in site.rungs), call)
    ladders = {
        "restart-service": Ladder("restart-service", Mode.ACT, repair),
        "reboot-node": Ladder("reboot-node", Mode.ACT, (rung("node.reboot", sick), call)),
        "fence-node": Ladder("fence-node", Mode.ACT, (rung("node.fence", silent), call)),
        "take-over": Ladder("take-over", Mode.ACT, (rung("service.restart", proof), call)),
        "database": Ladder(
            "database",
            Mode.ACT,
            (rung("database.restart", copies), rung("database.reinit", copies), call),
        ),
        "move-away": Ladder(
            "move-away",
            Mode.ACT,
            (rung("database.switchover", follows), rung("database.bar", follows), call),
        ),
    }
    return Topology(
        cluster=site.cluster,
        patch_seconds=3.0,
        reboot_seconds=12.0,
        nodes={name: Node(name, address_of(name), rack) for name, rack in site.racks.items()},
        groups={
            name: Group(name, one.nodes, one.floor, one.control, one.mode, votes=one.votes)
            for name, one in site.crews.items()
        },
        services={
            **{
                name: Service(
                    name,
                    f"{name}.service",
                    one.group,
                    one.needs,
                    Stores.DATABASE
                    if name in site.databases.values()
                    else Stores.ONLY_COPY
                    if one.stores
                    else None,
                    exclusive=one.exclusive,
                )
                for name, one in site.jobs.items()
            },
            EXPORTER: Service(EXPORTER, "hale-exporter.service", None),
        },
        ladders={name: one for name, one in ladders.items() if name not in site.no_ladders},
        healer_mode=Mode.ACT,
        own_node=own,
        digest=digest,
        numbers=numbers,
        pools={
            name: Pool(name, balancers, members, job)
            for name, (balancers, members, job) in site.pools.items()
        },
        addresses={
            name: VirtualAddress(name, ip, crew) for name, (ip, crew) in site.addresses.items()
        },
        fencing={node: hosts for node, hosts in site.fencing.items() if node in site.racks},
        databases={
            name: Database(name, site.jobs[job].group, job, name, MAX_LAG)
            for name, job in site.databases.items()
            if job in site.jobs
        },
        backups={
            name: Backup(name, site.crews[site.jobs[one.job].group].nodes, one.job, one.rebuildable)
            for name, one in site.backups.items()
            if one.job in site.jobs
        },
    )


def regrouped(topology: Topology, *, groups: bool, racks: bool) -> Topology:
    """Return the same cluster under other names, as a reload finds it; what is so on the nodes stays so."""

    def crew(name: str) -> str:
        return f"{name}-2" if groups else name

    return replace(
        topology,
        digest=f"d{2 + 2 * groups + racks}",
        nodes={
            name: replace(one, failure_domain=f"{one.failure_domain}-2") if racks else one
            for name, one in topology.nodes.items()
        },
        groups={crew(name): replace(one, name=crew(name)) for name, one in topology.groups.items()},
        services={
            name: replace(one, group=crew(one.group)) if one.group is not None else one
            for name, one in topology.services.items()
        },
        pools={
            name: replace(one, balancers=crew(one.balancers), members=crew(one.members))
            for name, one in topology.pools.items()
        },
        addresses={
            name: replace(one, group=crew(one.group)) for name, one in topology.addresses.items()
        },
        databases={
            name: replace(one, group=crew(one.group)) for name, one in topology.databases.items()
        },
    )
