"""Reads and posts alerts at every Alertmanager peer, over API version 2.

Rule: what any peer has counts, so one peer that lost its state hides nothing.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import aiohttp
import structlog
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from healer.adapters import labels as lb
from healer.adapters.http_json import call, call_for_list
from healer.adapters.intake import IMPOSSIBLE_TIME, concerns_nobody, is_of_a_group, refusal
from healer.adapters.webhook_body import parse_webhook
from healer.core.alert import Alert
from healer.core.order import OwnAlert, Sight
from healer.core.topology import Topology
from healer.errors import Unreachable
from healer.ports import Clock
from healer.sharing import Shared

__all__ = ["HttpAlertmanagers", "parse_webhook"]

WATCHDOG = "Watchdog"
EVERYTHING = "active=true&silenced=true&inhibited=true&unprocessed=true"

NEVER = 0.0
"""When an alert began that says no time of it, epoch seconds."""

IN_PASSING = 0.05
"""Seconds in which a peer may answer that is not waited for: its node may be back, and nobody have noticed yet."""

T = TypeVar("T")

log = structlog.get_logger()


class _Status(TypedDict):
    silencedBy: list[str]  # the API's own name


class _Alert(TypedDict):
    labels: dict[str, str]
    startsAt: str
    updatedAt: str
    status: _Status


_ALERT = TypeAdapter(_Alert)


@dataclass(frozen=True, slots=True)
class _Heard:
    """One alert of a peer.

    Attributes:
        refreshed_at: Of our Watchdog when it was refreshed, epoch seconds of the peer's clock; else None.
        refused: Why it can never be taken, whatever cluster.yml says.
    """

    alert: Alert
    refreshed_at: float | None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class _View:
    """What one peer has.

    Attributes:
        refused: Those that can never be taken, whatever cluster.yml says, each with the reason.
        watchdog_age: Seconds since Watchdog was refreshed, by that peer's own clock.
    """

    alerts: tuple[Alert, ...]
    refused: tuple[tuple[Alert, str], ...]
    watchdog_age: float | None


class HttpAlertmanagers:
    """ports.Alertmanagers over HTTP."""

    def __init__(
        self,
        urls: Sequence[str],
        topology: Topology,
        session: aiohttp.ClientSession,
        clock: Clock,
        timeout: float = 5.0,
    ) -> None:
        """Speak to every peer; `urls` are their bases, without a slash at the end."""
        self._urls = tuple(urls)
        self._topology = topology
        self._session = session
        self._clock = clock
        self._timeout = timeout
        self._sights = Shared[frozenset[str], Sight](self._read)

    async def read(self, missed: frozenset[str] = frozenset()) -> Sight:
        """See ports.Alertmanagers.read. Those who ask at the same time are answered together."""
        return (await self._sights.ask([missed]))[missed]

    async def _read(self, asked: tuple[frozenset[str], ...]) -> Mapping[frozenset[str], Sight]:
        # Whom any of those who ask still counts upon is waited for.
        found = await self._found(frozenset.intersection(*asked))
        views = _answers(list(found.values()))
        now = self._clock.wall()
        ages = [view.watchdog_age for view in views if view.watchdog_age is not None]
        alerts = _merged(alert for view in views for alert in view.alerts)
        judged: list[tuple[Alert, str | None]] = [one for view in views for one in view.refused]
        nobodys = []
        for alert in alerts:
            if concerns_nobody(alert, self._topology):
                nobodys.append(alert)
            else:
                judged.append((alert, refusal(alert, self._topology)))
        sight = Sight(
            alerts=tuple(alert for alert, reason in judged if reason is None),
            rejected=tuple((alert, reason) for alert, reason in judged if reason is not None),
            silent=tuple(
                self._place(url) for url, one in found.items() if isinstance(one, Unreachable)
            ),
            watchdog_at=now - min(ages) if ages else None,
            of_groups=tuple(one for one in nobodys if is_of_a_group(one, self._topology)),
        )
        return dict.fromkeys(asked, sight)

    async def _found(self, missed: frozenset[str]) -> dict[str, _View | BaseException]:
        """Ask every peer; return by URL what each said, or why it said nothing.

        A dead node's time-out would make what the others said too old to act on, so nobody waits for it.
        """
        asked = {url: asyncio.create_task(self._view(url), name=f"ask:{url}") for url in self._urls}
        counted = [one for url, one in asked.items() if self._place(url) not in missed]
        try:
            await asyncio.wait(asked.values(), timeout=IN_PASSING)
            if counted:
                await asyncio.wait(counted)
            if not any(one.done() and one.exception() is None for one in asked.values()):
                await asyncio.wait(asked.values())
        finally:
            for one in asked.values():
                one.cancel()
            said = await asyncio.gather(*asked.values(), return_exceptions=True)
        return {
            url: Unreachable(f"{url}: not waited for, since nobody hears of {self._place(url)}")
            if isinstance(one, asyncio.CancelledError)
            else one
            for url, one in zip(asked, said, strict=True)
        }

    def _place(self, url: str) -> str:
        return self._topology.alertmanagers.get(url, url)

    async def post(self, alerts: Sequence[OwnAlert]) -> None:
        """See ports.Alertmanagers.post.

        Alerts are sent without startsAt and endsAt: Alertmanager's clock and its resolve_timeout apply.
        """
        if not alerts:
            return
        _answers(
            await asyncio.gather(
                *(self._post(url, alerts) for url in self._urls), return_exceptions=True
            )
        )

    async def _view(self, url: str) -> _View:
        where = f"{url}/api/v2/alerts?{EVERYTHING}"
        found = await call_for_list(self._session, where, self._heard, seconds=self._timeout)
        # Its clock and ours may differ, so the age is taken between two times of its own: the Date of
        # its answer and updatedAt. Date is cut to whole seconds, so the age may be 1 s too small.
        ages = [
            max(0.0, found.at - one.refreshed_at)
            for one in found.items
            if found.at is not None and one.refreshed_at is not None
        ]
        return _View(
            tuple(one.alert for one in found.items if one.refused is None),
            tuple((one.alert, one.refused) for one in found.items if one.refused is not None),
            min(ages, default=None),
        )

    def _heard(self, found: Mapping[str, Any]) -> _Heard:
        """Take one element of a peer's answer.

        Raises:
            ValueError: It is no alert of Alertmanager's API version 2.
        """
        try:
            one = _ALERT.validate_python(found)
        except ValidationError as error:
            msg = f"an answer that is not Alertmanager's API version 2: {str(error)[:300]}"
            raise ValueError(msg) from error
        "".join(map("".join, one["labels"].items())).encode()  # half a surrogate pair fails here
        fingerprint, labels = lb.identified(one["labels"])
        silenced = bool(one["status"]["silencedBy"])
        alert = Alert(fingerprint, one["labels"].get("alertname", ""), labels, NEVER, silenced)
        ours = alert.name == WATCHDOG and alert.label("cluster") == self._topology.cluster
        refreshed_at = lb.epoch(one["updatedAt"]) if ours else None
        try:
            alert = replace(alert, began_at=lb.epoch(one["startsAt"]))
        except (
            ValueError
        ):  # Alertmanager takes years and offsets that are no times, of anybody who posts them
            return _Heard(alert, refreshed_at, IMPOSSIBLE_TIME)
        return _Heard(alert, refreshed_at)

    async def _post(self, url: str, alerts: Sequence[OwnAlert]) -> None:
        now: float | None = None
        if any(alert.over for alert in alerts):
            # An end has to be in Alertmanager's past, so it is read off Alertmanager's own clock.
            now = (await call(self._session, f"{url}/-/healthy", seconds=self._timeout)).at
        body = json.dumps([_own(alert, now) for alert in alerts]).encode()
        await call(self._session, f"{url}/api/v2/alerts", seconds=self._timeout, json_body=body)


def _own(alert: OwnAlert, now: float | None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
    }
    if alert.over and now is not None:
        body["endsAt"] = datetime.fromtimestamp(now, UTC).isoformat()
    return body


def _merged(alerts: Iterable[Alert]) -> list[Alert]:
    found: dict[str, Alert] = {}
    for alert in alerts:
        known = found.setdefault(alert.fingerprint, alert)
        found[alert.fingerprint] = replace(
            known,
            began_at=min(known.began_at, alert.began_at),
            silenced=known.silenced or alert.silenced,
        )
    return [found[key] for key in sorted(found)]


def _answers(found: Sequence[T | BaseException]) -> list[T]:
    """Return what peers answered, if any did; a bug is not taken for silence."""
    good: list[T] = []
    silent: list[str] = []
    for one in found:
        if isinstance(one, Unreachable):
            silent.append(str(one))
        elif isinstance(one, BaseException):
            raise one
        else:
            good.append(one)
    if not good:
        msg = f"no Alertmanager answered: {'; '.join(silent)}"
        raise Unreachable(msg)
    if silent:
        log.warning("alertmanager.incomplete", silent=silent)
    return good
