"""What cluster.yml says at one time, and how people change it while incidents are open.

Rule: what stands on the nodes does not change with it; neither do names, which is `regrouped`'s part.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from healer.core.ladder import Mode
from healer.core.topology import Numbers
from tests.healer.safety.described import TIGHT
from tests.healer.safety.site import LADDERS, Crew, Site


@dataclass(frozen=True)
class Charter:
    """One cluster.yml: what it describes, and the guards' numbers that it sets."""

    digest: str
    site: Site
    numbers: Numbers


def amended(before: Charter, digest: str, rng: Random) -> Charter:
    """Return cluster.yml with one or two things changed in it."""
    after = replace(before, digest=digest)
    for change in rng.sample(CHANGES, rng.choice((1, 1, 2))):
        after = change(after, rng)
    return after


def _other_rungs(before: Charter, rng: Random) -> Charter:
    """Other rungs in another order, none at all, other tries, and another word on who is asked."""
    verbs, site = before.site.rungs, before.site
    rungs = tuple(rng.sample(verbs, rng.randint(0, len(verbs))))
    asks = frozenset(one for one in verbs if rng.random() < 0.3)
    return replace(
        before, site=replace(site, rungs=rungs, asks=asks, attempts=rng.choice((1, 2, 3)))
    )


def _a_ladder_less(before: Charter, rng: Random) -> Charter:
    return replace(before, site=replace(before.site, no_ladders=frozenset({rng.choice(LADDERS)})))


def _other_numbers(before: Charter, rng: Random) -> Charter:
    numbers = replace(
        rng.choice((before.numbers, TIGHT)),
        cooldown=rng.choice((1.0, 4.0, 15.0)),
        flapping=rng.choice((2, 3, 4)),
        owner_settled=rng.choice((0.5, 1.0, 3.0)),
        budget_node=rng.choice((1, 2, 4)),
        approval_seconds=rng.choice((3.0, 10.0)),
    )
    return replace(before, numbers=numbers)


def _another_mode(before: Charter, rng: Random) -> Charter:
    crews = dict(before.site.crews)
    name = rng.choice([one for one, crew in crews.items() if not crew.control])
    crews[name] = replace(crews[name], mode=rng.choice(list(Mode)))
    return replace(before, site=replace(before.site, crews=crews))


def _a_node_less(before: Charter, rng: Random) -> Charter:
    """A node is gone that is not the last one of any group."""
    site = before.site
    alone = {crew.nodes[0] for crew in site.crews.values() if len(crew.nodes) == 1}
    able = [one for one in site.racks if one not in site.healers and one not in alone]
    if not able:
        return before
    node = rng.choice(able)

    def smaller(crew: Crew) -> Crew:
        left = tuple(one for one in crew.nodes if one != node)
        return replace(crew, nodes=left, floor=min(crew.floor, len(left)))

    racks = {one: rack for one, rack in site.racks.items() if one != node}
    crews = {name: smaller(crew) for name, crew in site.crews.items()}
    return replace(before, site=replace(site, racks=racks, crews=crews))


def _a_service_less(before: Charter, rng: Random) -> Charter:
    site = before.site
    gone = rng.choice(list(site.jobs))
    jobs = {
        name: replace(job, needs=tuple(one for one in job.needs if one != gone))
        for name, job in site.jobs.items()
        if name != gone
    }
    pools = {name: pool for name, pool in site.pools.items() if pool[2] != gone}
    return replace(before, site=replace(site, jobs=jobs, pools=pools)) if jobs else before


CHANGES: tuple[Callable[[Charter, Random], Charter], ...] = (
    _other_rungs,
    _other_rungs,
    _a_ladder_less,
    _other_numbers,
    _another_mode,
    _a_node_less,
    _a_service_less,
)
