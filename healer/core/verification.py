"""Did it help? Passes only on what was seen after the action, from inside, from outside and around it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from healer.core.actions import GIVING_BACK, MARKING, RESTORE, UNFENCE
from healer.core.attempt import Attempt, Outcome
from healer.core.facts import Reading
from healer.core.ladder import Rung, Verification

BLIND = ("no_answer", "alarms_unknown")
"""What says nothing about the target: the monitoring could not be asked."""

STILL_BAD, NEW_ALARM = "still_bad", "new_alarm"

LOOKING_BACK = (STILL_BAD, NEW_ALARM)
"""What may be of before the action, seen through a window that reaches back there."""

FULL_LOOK_SECONDS = 30.0
"""After a window's end, until a scrape, an evaluation and Alertmanager have had their turn."""

LEFT_TO_OTHERS = "still_marked"
"""The gate's word for a mark that is ours no more and stands for others: nothing changes outside for us to see."""

AT_ITS_WORD = {
    "address.accept": "which candidate holds the address is for VRRP to say",
    "database.admit": "which member leads is for Patroni to say",
}
"""Taken at the gate's word: whether the node then holds the address, or leads, and mostly another one does."""

RESTORED_AT = "hale_backup_job_last_success_timestamp_seconds"
"""When hale-backup's own report says that a restore was last well. A service with rotten files may serve all along."""

BLIND_SECONDS = 300.0
"""How much longer than `within` a proof is waited for while nobody can be asked."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One look after an action.

    Attributes:
        reading: The verified series; None where Prometheus did not answer.
        outside: The service's probe from here; None where it has none.
        alarms: Names of critical alerts in the footprint that were not there before the action;
            None where not every Alertmanager answered.
        looks_back: For the series and each of these alerts, how many seconds its rule looks back; 0 for one that
            is not named.
        restored_at: When the node's report says that a restore of that backup was last well, epoch seconds by the
            node's clock; None where nobody says, or nobody was asked.
    """

    reading: Reading | None
    outside: bool | None
    alarms: tuple[str, ...] | None = ()
    looks_back: Mapping[str, float] = field(default_factory=dict)
    restored_at: float | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Not proved yet; `well` says whether this look was good, so that the soak can be counted."""

    well: bool
    missing: str


@dataclass(frozen=True, slots=True)
class Verified:
    """It helped."""

    detail: str


@dataclass(frozen=True, slots=True)
class NotVerified:
    """It was not seen to help within its time; that counts as failed."""

    reason: str
    detail: str


STRICTEST = Verification("up", 1.0, within_seconds=90.0, soak_seconds=30.0)
"""What proves a rung that does not say: the strictest that every node can answer."""


def spec_of(attempt: Attempt, rung: Rung | None) -> Verification:
    """Return what proves an attempt, as its rung asked for it when it was begun.

    A mark that is taken back is proved by the opposite.

    Args:
        attempt: What was tried.
        rung: The one that is in its place today, for an attempt of which the journal does not say.
    """
    told = attempt.verify or (rung.verify if rung is not None else None)
    if told is None or told == STRICTEST:
        return STRICTEST
    if attempt.action in GIVING_BACK:
        return replace(told, want=1.0 - told.want)
    return told


def of_a_report(attempt: Attempt) -> bool:
    """Whether only the report of the job that was begun says if it was done: a restore of which no end is known."""
    return attempt.action == RESTORE and attempt.outcome is Outcome.UNKNOWN


def verify(
    spec: Verification, attempt: Attempt, proof: Proof, soaked: float | None, waited: float
) -> Wait | Verified | NotVerified:
    """Judge one look after an action.

    Args:
        spec: What the rung asks for.
        attempt: The ended attempt.
        proof: What was seen now.
        soaked: For how many seconds every look was good; None if the last was not.
        waited: Seconds since the action's end.
    """
    if attempt.action in GIVING_BACK and attempt.reason == LEFT_TO_OTHERS:
        return Verified(f"our part of the mark is gone, others keep it: {attempt.detail}")
    if attempt.action in MARKING and attempt.outcome is Outcome.UNKNOWN:
        # A member that is dead looks drained, and an address that is elsewhere looks declined.
        return NotVerified("unknown", "only the gate can say that a mark stands, and it did not")
    if attempt.action == UNFENCE and attempt.outcome is Outcome.DONE:
        return Verified(f"its power is on again: {attempt.detail}")
    if attempt.action in AT_ITS_WORD and attempt.outcome is Outcome.DONE:
        return Verified(f"the mark is gone; {AT_ITS_WORD[attempt.action]}")
    missing = _missing(spec, attempt, proof)
    if missing is None:
        if soaked is not None and soaked >= spec.soak_seconds:
            return Verified(
                f"{spec.metric} is {spec.want:g} on new samples, held for {soaked:.0f} s"
            )
        return Wait(well=True, missing=f"soak of {spec.soak_seconds:g} s")
    word = missing.split(":")[0]
    if waited >= _patience(word, spec, proof):
        return NotVerified(word, missing)
    return Wait(well=False, missing=missing)


def _patience(word: str, spec: Verification, proof: Proof) -> float:
    """Return for how many seconds after the action's end a look that lacks this is waited out.

    What looks back goes on saying what was before the action. Once its window holds nothing from then, it counts.
    """
    if word not in LOOKING_BACK:
        return spec.within_seconds + (BLIND_SECONDS if word in BLIND else 0.0)
    # Of alarms one that does not look back is new whatever the others are.
    bad = (spec.metric,) if word == STILL_BAD else proof.alarms or ()
    window = max(min(proof.looks_back.get(one, 0.0) for one in bad), spec.lookback_seconds)
    return max(spec.within_seconds, window + FULL_LOOK_SECONDS) if window else spec.within_seconds


def _missing(spec: Verification, attempt: Attempt, proof: Proof) -> str | None:
    """Return what is missing, as `word: sentence`; None if this look is good. Empty is unknown."""
    reading = proof.reading
    if reading is None:
        return "no_answer: Prometheus does not answer"
    if reading.value is None or reading.sampled_at is None:
        return f"no_sample: {spec.metric} has no sample"
    if attempt.prometheus_at is None or reading.sampled_at <= attempt.prometheus_at:
        return f"old_sample: {spec.metric} has no sample from after the action yet"
    if reading.value != spec.want:
        return f"{STILL_BAD}: {spec.metric} is {reading.value:g}, not {spec.want:g}"
    if of_a_report(attempt) and (proof.restored_at or 0.0) <= attempt.began_at:
        return "no_report: the node's report has no restore that was well since this one began"
    if proof.outside is False:
        return "outside_probe: the service does not answer from outside its node as it should"
    if proof.alarms is None:
        return "alarms_unknown: not every Alertmanager answers"
    if proof.alarms:
        return f"{NEW_ALARM}: {', '.join(proof.alarms)} fires since the action"
    return None
