"""The village with two balancers before its web nodes, and a ladder that can take a member out."""

from dataclasses import replace

from healer.core.ladder import Ladder, Mode, Rung, Verification
from healer.core.topology import Group, Node, Pool, Topology, VirtualAddress
from tests.healer.core.world import VIP
from tests.healer.village import Village, simple

PROOF = Verification("hale:pool_member_up", 0.0, within_seconds=20.0, soak_seconds=2.0)
DRAIN = Rung("pool.drain", None, False, 30.0, PROOF, attempts=1, wait_seconds=5.0)

DECLINE = replace(
    DRAIN, action="address.decline", verify=replace(PROOF, metric="hale_virtual_address_held")
)

OUT = ["gate lb1 pool.drain web1 web", "gate lb2 pool.drain web1 web"]
BACK = ["gate lb1 pool.return web1 web", "gate lb2 pool.return web1 web"]
"""What the gates of both balancers are told to take web1 out, and to let it in again."""

BOTH = {("lb1", "web/web1"), ("lb2", "web/web1")}
"""What is drained then, and where."""


def tier(*, floor: int = 2, mode: Mode = Mode.ACT, **numbers: float) -> Topology:
    """lb1 and lb2 balance over three web nodes; a restart that does not help is followed by a drain."""
    plain = simple(mode=mode, **numbers)
    ladder = plain.ladders["restart-service"]
    restart, call = ladder.rungs
    rungs = (replace(restart, attempts=1), DRAIN, call)
    balancers = {
        name: Node(name, f"10.0.1.{place}", f"rack-lb{place}")
        for place, name in enumerate(("lb1", "lb2"), 1)
    }
    return replace(
        plain,
        nodes={**plain.nodes, **balancers},
        groups={
            **plain.groups,
            "lb": Group("lb", tuple(balancers), 1, control=False, mode=mode),
            "web": replace(plain.groups["web"], min_available=floor),
        },
        ladders={**plain.ladders, ladder.name: replace(ladder, rungs=rungs)},
        pools={"web": Pool("web", "lb", "web", "nginx")},
    )


def candidates() -> Topology:
    """The tier with an address that lb1 holds and lb2 may take, and a ladder that only declines it."""
    plain = tier()
    call = plain.ladders["restart-service"].rungs[-1]
    ladder = Ladder("restart-service", Mode.ACT, (DECLINE, call))
    haproxy = replace(plain.services["nginx"], name="haproxy", unit="haproxy.service", group="lb")
    return replace(
        plain,
        addresses={"vip": VirtualAddress("vip", VIP, "lb")},
        services={**plain.services, "haproxy": haproxy},
        ladders={**plain.ladders, ladder.name: ladder},
    )


def broken() -> Village:
    """A tier in which nginx cannot be restarted, since its configuration is broken."""
    made = Village(tier())
    made.gates.refuse["service.restart"] = "config_check"
    return made


def orders(village: Village) -> list[str]:
    """What the gates were told, in order."""
    return [line for line in village.diary if line.startswith("gate ")]
