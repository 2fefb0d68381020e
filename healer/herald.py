"""Calls people when the healer will not or cannot help: by its own alerts, else by the second path.

The original alert is never touched. What is posted here carries exactly the labels of the rules
HealerHolds, HealerEscalation and HealerFrozen, so that Alertmanager sees one alert, not two.
"""

import asyncio
from collections.abc import Iterable

import structlog

from healer.caller import Caller, Key
from healer.core import events as ev
from healer.core.incident import Incident
from healer.core.order import OwnAlert
from healer.core.recovery import SILENT
from healer.core.states import State
from healer.errors import StoreFull, Unreachable
from healer.journal import Journal
from healer.metrics import ABOUT, Metrics
from healer.ports import Alertmanagers, Clock, SecondPath
from healer.standing import Watch

log = structlog.get_logger()

REPEAT = 30.0
"""Seconds between two posts of an alert that still holds; Alertmanager forgets one after 5 min."""

ANNOUNCE_AFTER = {
    "storm": 0.0,
    "store": 0.0,
    "alertmanager_silent": 10.0,
    "minority": 30.0,
    "no_watchdog": 60.0,
}
"""Seconds for which what stops everything may last before people hear of it; the other freezes are theirs."""

LOOK_AGAIN = 600.0
"""Seconds between two looks at whether the second path is due for a test."""

OWN = {
    "HealerHolds": ("will not act on", "critical"),
    "HealerEscalation": ("needs a person for", "critical"),
    "HealerMitigated": ("has put out of harm's way, and did not repair,", "warning"),
}
"""What each alert about an incident says, and how urgent it is."""


class Herald:
    """Keeps people told. One alert for each open incident that needs them, none for the rest."""

    def __init__(  # the ports it calls through, and what it reads
        self,
        journal: Journal,
        watch: Watch,
        alertmanagers: Alertmanagers,
        second_path: SecondPath | None,
        metrics: Metrics,
        clock: Clock,
        external_url: str,
        test_every: float = 86400.0,
    ) -> None:
        self._journal = journal
        self._watch = watch
        self._alertmanagers = alertmanagers
        self._tests = second_path is not None and test_every > 0
        self._caller = Caller(second_path, metrics, external_url)
        self._clock = clock
        self._url = external_url
        self._posted: dict[Key, tuple[OwnAlert, float]] = {}
        self._since: dict[str, float] = {}
        self._test_every = test_every

    def follow(self, before: "Herald") -> None:
        """Go on where another configuration's herald stopped: whom it told is told, and hears the end."""
        self._posted, self._since = before._posted, before._since  # noqa: SLF001  # one of us
        self._caller.follow(before._caller)  # noqa: SLF001  # the same

    async def tell(self, cluster: str) -> None:
        """Post what holds now, end what held before, and have the second path called where that fails."""
        now = self._clock.boottime()
        wanted = {alert.labels: alert for alert in self._wanted(cluster, now)}
        over = [alert for key, (alert, _) in self._posted.items() if key not in wanted]
        due = [
            alert
            for key, alert in wanted.items()
            if key not in self._posted or now - self._posted[key][1] >= REPEAT
        ]
        self._caller.forget(wanted)
        if due or over:
            ended = [OwnAlert(one.labels, one.annotations, over=True) for one in over]
            try:
                await self._alertmanagers.post([*due, *ended])
            except Unreachable as exc:
                log.warning("alertmanager.post_failed", error=str(exc))
                self._caller.call(due)
                return
            for alert in due:
                self._posted[alert.labels] = (alert, now)
            for alert in over:
                del self._posted[alert.labels]
        self._caller.call(())

    async def keep_calling(self) -> None:
        """Call by the second path whenever `tell` could not tell, until cancelled."""
        await self._caller.run()

    async def keep_tested(self) -> None:
        """Try the second path out now and then, so that its loss is noticed before it is needed."""
        while self._tests:
            last, now = self._journal.board.tested_at, self._clock.wall()
            if last is None or abs(now - last) >= self._test_every:
                text = "Hale tests the second path to a person. Nothing is wrong."
                placed = await self._caller.place("test", text)
                try:
                    await self._journal.write(ev.SecondPathTested(placed))
                except StoreFull as exc:
                    log.warning("second_path.test_not_noted", error=str(exc))
            await asyncio.sleep(LOOK_AGAIN)

    def _wanted(self, cluster: str, now: float) -> Iterable[OwnAlert]:
        for incident in self._journal.board.open:
            hold = incident.hold
            if incident.state is State.HELD and hold is not None:
                told = self._about(incident, "HealerHolds", hold.reason or "", hold.sentence)
                # Who was told before all stood still is not told that it ended, and again after it.
                known = hold.cluster_wide and told.labels in self._posted
                if known or incident.holds(self._watch.now.steady):
                    yield told
            elif incident.state is State.MITIGATED:
                silent = hold is not None and hold.reason == SILENT
                detail = (
                    f"{incident.mitigation}. {hold.sentence}"
                    if hold and silent
                    else incident.mitigation
                )
                yield self._about(incident, "HealerMitigated", "mitigated", detail)
            elif incident.calls:
                yield self._about(
                    incident, "HealerEscalation", incident.escalation, incident.escalation_detail
                )
        yield from self._blindness(cluster, now)

    def _about(self, incident: Incident, name: str, reason: str, detail: str) -> OwnAlert:
        cause = incident.cause
        labels = {key: cause.label(key) for key in ("cluster", *ABOUT) if cause.label(key)}
        says, severity = OWN[name]
        labels |= {"alertname": name, "severity": severity, "heal": "none"}
        return OwnAlert(
            tuple(sorted(labels.items())),
            (
                ("summary", f"Hale {says} {incident.target} ({cause.name}): {reason}"),
                ("description", f"{detail} Incident {incident.id}."),
                ("runbook_url", f"{self._url}/runbooks/{name}"),
                ("incident_url", f"{self._url}/incidents/{incident.id}"),
            ),
        )

    def _blindness(self, cluster: str, now: float) -> Iterable[OwnAlert]:
        freezes = self._watch.freezes()
        self._since = {one: self._since.get(one, now) for one in ANNOUNCE_AFTER if one in freezes}
        due = [one for one, since in self._since.items() if now - since >= ANNOUNCE_AFTER[one]]
        if not due:
            return  # one alert, whatever the number of reasons
        labels = {"alertname": "HealerFrozen", "cluster": cluster}
        labels |= {"severity": "critical", "heal": "none"}
        description = "Until this ends, what fails in the cluster is a person's to repair."
        storm = self._watch.weather.storm
        if storm is not None:
            description += f" Vanished together: {', '.join(storm.nodes)}."
        yield OwnAlert(
            tuple(sorted(labels.items())),
            (
                ("summary", f"Hale's healer of {cluster} does nothing: {', '.join(due)}"),
                ("description", description),
                ("runbook_url", f"{self._url}/runbooks/HealerFrozen"),
            ),
        )
