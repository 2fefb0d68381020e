"""Is it only this one, or does the network or the monitoring fail for many at once."""

from healer.core.facts import Facts, Proposal
from healer.core.storm import least
from healer.core.verdict import Verdict, allow, hold


def no_storm(_: Proposal, facts: Facts) -> Verdict:
    """Hold while nodes have vanished together, until calm was seen for a while."""
    return weather(facts)


def weather(facts: Facts) -> Verdict:
    """Say the same of whatever is proposed: a storm holds those that did not vanish too."""
    name, topology = "no_storm", facts.topology
    numbers, total = topology.numbers, len(topology.nodes)
    storm = facts.weather.storm
    if storm is None:
        lately = facts.weather.lately(topology)
        have = f"{len(lately)} of {total} nodes vanished within {numbers.storm_window:g} s"
        return allow(
            name,
            have=f"{have}: {', '.join(lately)}" if lately else have,
            need=f"fewer than {least(topology)}, or in fewer than {numbers.storm_domains} failure domains",
        )
    calm = "no calm yet" if storm.calm is None else f"calm for {storm.calm:.0f} s"
    return hold(
        name,
        "storm",
        have=f"{len(storm.nodes)} of {total} nodes in {storm.domains} failure domains vanished together, "
        f"{storm.age:.0f} s ago: {', '.join(storm.nodes)}; {calm}",
        need=f"calm for {numbers.storm_calm:g} s",
        sentence="Nodes vanished together, so it is the network or the monitoring: look there first. "
        "It thaws by itself after calm.",
    )
