"""A guard's answer. Yes and no alike say what they had and what they needed."""

from dataclasses import dataclass
from functools import lru_cache

CLUSTER_WIDE = frozenset({"no_watchdog", "alertmanager_silent", "minority", "storm"})
"""Reasons that hold every incident alike: people hear of them once, by HealerFrozen."""

SILENCED = "silenced"
"""The reason of one that a person silenced: they know of it, and asked to hear no more."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One guard's answer about one proposal.

    Attributes:
        guard: The guard's name, which is the condition it protects.
        reason: One snake_case word where it holds, the metric's label value; None where it allows.
        have: What was found, short.
        need: What would let the action pass, short.
        sentence: For the operator; empty where it allows.
        passing: Whether the hold ends by itself, so that nobody needs to be told yet.
    """

    guard: str
    reason: str | None
    have: str
    need: str
    sentence: str = ""
    passing: bool = False

    @property
    def allowed(self) -> bool:
        """Whether the guard lets the action pass."""
        return self.reason is None

    @property
    def cluster_wide(self) -> bool:
        """Whether it holds for the whole cluster, and not for this incident alone."""
        return self.reason in CLUSTER_WIDE

    @property
    def calls(self) -> bool:
        """Whether a person needs to be told of the incident that it holds."""
        return not (self.allowed or self.passing or self.cluster_wide or self.reason == SILENCED)


def allow(guard: str, *, have: object, need: object) -> Verdict:
    """The guard's condition holds."""
    return _shared(guard, None, str(have), str(need), "", False)


def hold(
    guard: str,
    reason: str,
    *,
    have: object,
    need: object,
    sentence: str,
    passing: bool = False,
) -> Verdict:
    """The guard's condition does not hold, or could not be read."""
    return _shared(guard, reason, str(have), str(need), sentence, passing)


@lru_cache(maxsize=1000)  # thousands of incidents keep what the guards say of all of them alike
def _shared(
    guard: str, reason: str | None, have: str, need: str, sentence: str, passing: bool
) -> Verdict:
    return Verdict(guard, reason, have, need, sentence, passing)
