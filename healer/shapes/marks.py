"""Marks as people and programs are shown them: what is taken away for now, and who says so.

Rule: a mark counts as set where those who tell of it differ, and is shown so.
"""

from typing import TypedDict

from healer.shapes.guards import VerdictView


class MarkView(TypedDict):
    """Something that is taken away for now, and at whose gate; the last of its owners gives it back.

    `owners` has `incident:ID` for an open incident, else the kind: incident, person, lock. `seen` says whether
    the node's exporter tells of it; None where nothing is known of it.
    """

    mark: str
    subject: str
    node: str
    owners: list[str]
    since: str | None
    seen: bool | None


class MarkStateView(MarkView):
    """A mark as everybody tells it; whatever they say, it counts as set.

    `journal` says whether an open incident may have set it; `gate` is set, not_set or unknown, as its gate says when
    asked; `applied` whether the native tool has it so. `differs` says whether they disagree. `giving_back` is allowed,
    held or not_asked, and `says` the guard that holds it now. `how` says how it is given back.
    """

    journal: bool
    gate: str
    applied: bool | None
    differs: bool
    giving_back: str
    says: VerdictView | None
    how: str


class SilentView(TypedDict):
    """A gate that did not say which marks it has, and why."""

    node: str
    error: str


class MarksView(TypedDict):
    """Every mark, the oldest first, and the gates that could not be asked: there any may stand."""

    marks: list[MarkStateView]
    silent: list[SilentView]
