"""The guards: every condition that must hold before anything is touched, in the order they are asked.

Each is a pure function from a proposal and the facts to a verdict. None can be switched off; only
their numbers can be set. A fact that could not be read counts as bad.
"""

from collections.abc import Callable
from dataclasses import dataclass

from healer.core.facts import Facts, Proposal
from healer.core.guards.authority import not_stopped, sees_enough, sight, stopped_at_large
from healer.core.guards.cause import common_cause
from healer.core.guards.copies import last_copy, quorum
from healer.core.guards.fencing import fenced
from healer.core.guards.grounds import armed, arming, known_target, still_true
from healer.core.guards.group import capacity, one_at_a_time
from healer.core.guards.limits import attempts, budget, cluster_budget
from healer.core.guards.people import approved
from healer.core.guards.restores import restore_proven
from healer.core.guards.storm import no_storm, weather
from healer.core.guards.witnesses import owner_settled, two_witnesses
from healer.core.topology import Numbers
from healer.core.verdict import Verdict

Judge = Callable[[Proposal, Facts], Verdict]

JudgeAtLarge = Callable[[Facts], Verdict]


@dataclass(frozen=True, slots=True)
class Guard:
    """One row of the registry.

    Attributes:
        holds_unless: The condition it protects, for people.
        numbers: Keys of cluster.yml that set its numbers, each with its field of Numbers.
        at_large: What it says whatever is proposed; where that allows, it may still hold one target. None where all of
            it depends on the target.
    """

    name: str
    holds_unless: str
    judge: Judge
    numbers: tuple[tuple[str, str], ...] = ()
    at_large: JudgeAtLarge | None = None

    def settings(self, numbers: Numbers) -> dict[str, float]:
        """Return the guard's numbers as configured, by their keys in cluster.yml."""
        return {key: getattr(numbers, field) for key, field in self.numbers}


def _keys(guard: str, **fields: str) -> tuple[tuple[str, str], ...]:
    """Return keys of a guard's own block in cluster.yml, each with its field of Numbers."""
    return tuple((f"healer.guards.{guard}.{key}", field) for key, field in fields.items())


GUARDS: tuple[Guard, ...] = (
    Guard(
        "known_target",
        "cluster.yml has the target, outside the control plane and this healer's node, and its gate answers as itself",
        known_target,
    ),
    Guard(
        "armed",
        "the alert began after Hale was armed, was seen clear since, or a person adopted it",
        armed,
        _keys("armed", blindness="blindness"),
        at_large=arming,
    ),
    Guard(
        "still_true",
        "the rule's own expression is true now on fresh samples, "
        "or the node's gate confirms it for a fast rung",
        still_true,
        _keys("still_true", max_age="evidence_age"),
    ),
    Guard(
        "not_stopped",
        "no freeze, silence, maintenance, pause or hold, here or at its own gate, is of what it takes or acts through",
        not_stopped,
        at_large=stopped_at_large,
    ),
    Guard(
        "sees_enough",
        "this healer leads, hears the Watchdog and every Alertmanager, sees a majority of nodes, "
        "and its clock did not jump",
        sees_enough,
        _keys("sees_enough", watchdog="watchdog_age", clock_jump="clock_jump"),
        at_large=sight,
    ),
    Guard(
        "no_storm",
        "nodes of several failure domains did not vanish together, or calm was seen since",
        no_storm,
        _keys(
            "no_storm",
            share="storm_share",
            targets="storm_targets",
            domains="storm_domains",
            window="storm_window",
            calm="storm_calm",
        ),
        at_large=weather,
    ),
    Guard(
        "two_witnesses",
        "whoever is called dead is missed by scrape, by gate and by every peer's probe",
        two_witnesses,
    ),
    Guard(
        "owner_settled",
        "systemd is not about to restart it, and systemd, VRRP, Patroni and Pacemaker had their own time",
        owner_settled,
        _keys(
            "owner_settled",
            service="owner_settled",
            address="owner_settled_address",
            database="owner_settled_database",
            pacemaker="owner_settled_pacemaker",
        ),
    ),
    Guard(
        "common_cause",
        "of members that fail alike this is the first, or the first repair was proved to help; "
        "one that still runs fails alone",
        common_cause,
        _keys("common_cause", window="common_cause_window"),
    ),
    Guard(
        "capacity",
        "every group of the footprint can spare what the action takes",
        capacity,
    ),
    Guard(
        "quorum",
        "without what it takes a majority of each group that votes serves on, and of Pacemaker's nodes is online",
        quorum,
    ),
    Guard(
        "last_copy",
        "no node is taken away, and no copy made anew, that may be the last good one, and no database is led by less",
        last_copy,
    ),
    Guard(
        "one_at_a_time",
        "nothing else is being taken in the same group or failure domain",
        one_at_a_time,
    ),
    Guard(
        "fenced",
        "what may run on one node only is proven off on every other one, by its own gate or fenced",
        fenced,
    ),
    Guard(
        "restore_proven",
        "a backup that would be put back was proved by a drill within its period, "
        "and no disk of the node is known to fail",
        restore_proven,
    ),
    Guard(
        "budget",
        "node, group and cluster have actions left in this window",
        budget,
        _keys(
            "budget",
            node="budget_node",
            group="budget_group",
            cluster="budget_cluster",
            window="budget_window",
        ),
        at_large=cluster_budget,
    ),
    Guard(
        "attempts",
        "the target has cooled down and does not flap, and the action has helped, "
        "there and against this alert in its groups",
        attempts,
        _keys(
            "attempts",
            cooldown="cooldown",
            flapping="flapping",
            window="flapping_window",
            poor="poor",
            record="record",
            record_failed="record_failed",
        ),
    ),
    Guard(
        "approved",
        "the owners' mode is act, or a person agreed to exactly this",
        approved,
        _keys("approved", good_for="approval_seconds"),
    ),
)


def judge(proposal: Proposal, facts: Facts) -> tuple[Verdict, ...]:
    """Ask every guard, in order, so that an explanation is whole."""
    return tuple(guard.judge(proposal, facts) for guard in GUARDS)


def deciding(verdicts: tuple[Verdict, ...]) -> Verdict | None:
    """Return the refusal that decides: the first, but what holds all of the cluster before what holds one.

    In a storm the gates of those that vanished are silent too; people are to hear of the storm, once.
    """
    refusals = [one for one in verdicts if not one.allowed]
    return next((one for one in refusals if one.cluster_wide), next(iter(refusals), None))
