"""Alerts as people and programs are shown them: those that are known, and those that were refused.

Rule: labels are shown as Alertmanager had them; what a target is, we say.
"""

from typing import TypedDict


class AlertView(TypedDict):
    """An alert as Alertmanager had it."""

    fingerprint: str
    name: str
    target: str
    labels: dict[str, str]
    began_at: str | None
    silenced: bool


class RefusedView(TypedDict):
    """An alert that can never start anything."""

    alert: AlertView
    reason: str
    sentence: str
    at: str | None
