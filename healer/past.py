"""What is shown of ladders and of what is over: pure functions from the core's values to the shapes of JSON."""

from collections.abc import Iterable, Mapping
from itertools import islice

from healer.core.ended import Ended, Query, search
from healer.core.incident import Incident
from healer.core.ladder import Rung, When
from healer.core.topology import Topology
from healer.instants import rfc3339
from healer.shapes.incidents import EndedView, HistoryView
from healer.shapes.ladders import LadderRungView, LadderView

PAGE = 50
"""Incidents on one page of the history."""


def ladder_views(
    topology: Topology, incidents: Iterable[Incident], alerts: Mapping[str, tuple[str, ...]]
) -> list[LadderView]:
    """Show every ladder.

    Args:
        topology: Has them.
        incidents: Open ones.
        alerts: Names of alerts by the ladder that they name.
    """
    climbing = [one.ladder for one in incidents]
    return [
        LadderView(
            ladder=name,
            mode=ladder.mode.value,
            alerts=list(alerts.get(name, ())),
            open=climbing.count(name),
            rungs=[_rung(index, rung) for index, rung in enumerate(ladder.rungs, 1)],
        )
        for name, ladder in sorted(topology.ladders.items())
    ]


def _rung(number: int, rung: Rung) -> LadderRungView:
    proof = rung.verify
    return LadderRungView(
        rung=number,
        action=rung.action,
        service=rung.service,
        fast=rung.fast,
        asks=rung.approve,
        owner=rung.by_owner,
        only_when=_conditions(rung.when),
        attempts=rung.attempts,
        wait_seconds=rung.wait_seconds,
        backoff=rung.backoff,
        deadline_seconds=rung.deadline_seconds,
        proof_metric=proof.metric if proof is not None else None,
        proof_value=proof.want if proof is not None else None,
        proof_within_seconds=proof.within_seconds if proof is not None else None,
        proof_soak_seconds=proof.soak_seconds if proof is not None else None,
    )


def _conditions(when: When) -> list[str]:
    """Say each condition of a rung; of several values one is enough."""
    named = {
        "failure": when.failures,
        "severity": when.severities,
        "group": when.groups,
        "role": when.roles,
        "hours": tuple(window.name for window in when.windows),
    }
    return [f"{name} {' or '.join(values)}" for name, values in named.items() if values]


def history_view(known: Iterable[Ended], query: Query, page: int) -> HistoryView:
    """Show one page of what is looked for among what is over.

    Args:
        known: The newest first.
        query: What is looked for.
        page: From 1; one beyond the last is empty.
    """
    everything = list(known)
    found = list(search(everything, query))
    start = (page - 1) * PAGE
    return HistoryView(
        incidents=[_ended(one) for one in islice(found, start, start + PAGE)],
        found=len(found),
        known=len(everything),
        page=page,
        pages=max(1, -(-len(found) // PAGE)),
    )


def _ended(one: Ended) -> EndedView:
    return EndedView(
        id=one.incident,
        target=str(one.target),
        node=one.target.node,
        service=one.target.service or "",
        cause=one.cause,
        symptoms=list(one.symptoms),
        ladder=one.ladder,
        outcome=one.outcome,
        detail=one.detail,
        opened_at=rfc3339(one.opened_at),
        closed_at=rfc3339(one.closed_at),
        actions=list(one.actions),
    )
