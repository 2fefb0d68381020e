"""What a node that is given back still waits for, and what a person can do about it. Pure."""

from collections.abc import Mapping

from healer.core.topology import Topology
from healer.core.upkeep import Upkeep
from healer.core.upkeep_steps import Do, to_give_back
from healer.core.verdict import Verdict, hold


def waits(upkeep: Upkeep, topology: Topology, silent: Mapping[str, str]) -> Verdict | None:
    """Say where a node was not given back yet and why; None where nothing keeps it from that.

    Args:
        upkeep: One that is returning.
        topology: The cluster.
        silent: What became of asking each gate that did not answer lately.
    """
    standing = to_give_back(upkeep, topology)
    said = [(one.gate, *_why(upkeep, one, silent)) for one in standing]
    kept = [(gate, reason, why) for gate, reason, why in said if reason]
    if not kept:
        return None
    where = "; ".join(f"at {gate}: {why}" for gate, _, why in kept)
    gates = ", ".join(dict.fromkeys(gate for gate, _, _ in kept))
    other = next((gate for gate, _, _ in kept if gate != upkeep.node), "")
    never = f"; if {other} never comes back, take it out of cluster.yml, then `hale-healer reload`"
    sentence = (
        f"{upkeep.node} is not given back yet {where}. It is tried again until it is, and {upkeep.node} stays locked. "
        f"Look at `hale-gate marks` on {other or upkeep.node}{never if other else ''}."
    )
    return hold(
        *("given_back", kept[0][1]),
        have=f"kept away at {gates}",
        need=f"{gates} to answer, and to give it back",
        sentence=sentence,
    )


def _why(upkeep: Upkeep, one: Do, silent: Mapping[str, str]) -> tuple[str, str]:
    """Return the word and the sentence for what keeps one mark; empty where it was not tried yet."""
    if one.gate in silent:
        return "gate_silent", f"its gate cannot be asked ({silent[one.gate]})"
    last = upkeep.last(one.action, (one.gate, one.args))
    if last is None or last.outcome is None:
        return "", ""
    return last.reason or last.outcome.value, f"{one.action} {last.outcome.value}: {last.detail}"
