"""Reads evidence from Prometheus over its HTTP API, version 1.

Rule: all ages are differences of Prometheus' own times, values and their times come from one query, and
whatever is not as expected is Unreachable: it proves nothing.
"""

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import aiohttp
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from healer.adapters import labels as lb
from healer.adapters import readings
from healer.adapters.http_json import call
from healer.core.actions import Args
from healer.core.alert import Alert, Target
from healer.core.facts import Evidence, Reading
from healer.core.lookback import LONGEST, looks_back
from healer.core.picture import NodeHealth, Picture, SeenMark
from healer.core.topology import EXPORTER
from healer.errors import Unreachable
from healer.ports import Clock
from healer.sharing import Shared

IDENTIFYING = ("node", "group", "failure_domain", "service", "mountpoint", "failure")
"""The labels by which an alert says what it is about (docs/contracts.md); one that it lacks says something too."""

SAID_BY_THE_RULE = ("heal", "severity")
"""The labels that a rule gives to each of its alerts; an alert with others is not that rule's."""

RULES_FRESH_SECONDS = 30.0
"""How long the rules' expressions are kept. They change with a deployment, not with a fault."""

_PART = "hale_part"

_Key = tuple[str, ...]
"""An alert's name and what its rule says of it."""

M = TypeVar("M", bound=BaseModel)
Labels = dict[str, str]


class _Sample(BaseModel):
    metric: Labels
    value: tuple[float, float]


class _Vector(BaseModel):
    resultType: Literal["vector"]  # noqa: N815  # the API's own name
    result: list[_Sample]


class _Rule(BaseModel):
    type: Literal["alerting"]
    name: str
    query: str
    labels: Labels = {}
    keepFiringFor: float = 0.0  # noqa: N815  # seconds; the API's own name

    def gives(self, samples: Iterable[Labels]) -> "_Given":
        """Return what alerts these samples of its expression make."""
        given: _Given = {}
        for sample in samples:
            made = sample | self.labels
            about = tuple(made.get(name, "") for name in IDENTIFYING)
            given.setdefault(about, set()).update(("", made.get("cluster", "")))
        return given


_Given = dict[tuple[str, ...], set[str]]
"""The clusters of alerts by what they are about, in the order of IDENTIFYING. An alert that names no cluster is meant
too; one with a label more or less than its rule gives is not."""


class _Group(BaseModel):
    rules: list[_Rule]


class _Rules(BaseModel):
    groups: list[_Group]


class _Recording(BaseModel):
    type: Literal["recording"]
    name: str
    query: str


class _RecordingGroup(BaseModel):
    rules: list[_Recording]


class _Recordings(BaseModel):
    groups: list[_RecordingGroup]


class _Active(BaseModel):
    labels: Labels
    state: str
    activeAt: str  # noqa: N815  # the API's own name


class _Alerts(BaseModel):
    alerts: list[_Active]


class _Envelope(BaseModel):
    status: Literal["success"]
    data: Annotated[dict[str, Any], Field(strict=True)]


@dataclass(frozen=True, slots=True)
class PrometheusSettings:
    """Where Prometheus is.

    Attributes:
        url: Its base, without a slash at the end.
        evidence_age: Oldest sample, in seconds, that says how something is now.
        timeout: For one call, seconds.
    """

    url: str
    cluster: str
    evidence_age: float = 60.0
    timeout: float = 5.0


class HttpPrometheus:
    """ports.Prometheus over HTTP."""

    def __init__(
        self, settings: PrometheusSettings, session: aiohttp.ClientSession, clock: Clock
    ) -> None:
        self._settings = settings
        self._session = session
        self._clock = clock
        self._rules: dict[_Key, list[_Rule]] = {}
        self._rules_at = -math.inf
        self._recorded: dict[str, str] = {}
        self._recorded_at = -math.inf
        self._given = Shared[_Key, _Given](self._evaluate)
        self._read = Shared[readings.Wanted, Reading](self._readings)
        self._pictured = Shared[None, Picture](self._picture)

    async def evidence(self, alert: Alert, metric: str) -> Evidence:
        """See ports.Prometheus.evidence."""
        firing, reading = await asyncio.gather(
            self._firing(alert), self.reading(alert.target, metric)
        )
        return Evidence(firing, reading)

    async def _firing(self, alert: Alert) -> bool | None:
        """Whether the alert's own rule gives it now; None where there is no such rule."""
        key = (alert.name, *(alert.label(name) for name in SAID_BY_THE_RULE))
        if not (await self._known_rules()).get(key):
            return None
        given = (await self._given.ask([key]))[key]
        about = tuple(alert.label(name) for name in IDENTIFYING)
        return alert.label("cluster") in given.get(about, ())

    async def _evaluate(self, keys: tuple["_Key", ...]) -> Mapping["_Key", _Given]:
        """Evaluate the rules behind each key, one query for each rule."""
        rules = await self._known_rules()
        found: dict[_Key, _Given] = {}
        for key in keys:
            found[key] = {}
            for rule in rules.get(key, ()):
                samples = (await self._query(rule.query)).result
                for about, clusters in rule.gives(one.metric for one in samples).items():
                    found[key].setdefault(about, set()).update(clusters)
        return found

    async def reading(self, target: Target, metric: str, labels: Args = ()) -> Reading:
        """See ports.Prometheus.reading.

        Where several series have the target's labels, the oldest sample counts, and the value is known
        only if all agree.
        """
        wanted = {"cluster": self._settings.cluster, "node": target.node} | dict(labels)
        if metric == "up":
            wanted["job"] = "node"  # the exporter; `up` knows no services
        elif target.service not in (None, EXPORTER):
            wanted["service"] = str(target.service)
        elif target.part:
            wanted["mountpoint"] = target.part
        try:
            one = readings.wanted(metric, wanted)
        except ValueError as error:
            msg = f"{self._settings.url}: {error}: correct `verify` in cluster.yml"
            raise Unreachable(msg) from error
        return (await self._read.ask([one]))[one]

    async def _readings(
        self, wanted: tuple[readings.Wanted, ...]
    ) -> Mapping[readings.Wanted, Reading]:
        asked = readings.selectors(wanted)
        names = {key: f"reading{index}" for index, key in enumerate(asked)}
        parts = await self._pairs({names[key]: selector for key, selector in asked.items()})
        found = readings.sorted_out(wanted, {key: parts.of(names[key]) for key in asked})
        return {one: _reading(series, parts.now) for one, series in found.items()}

    async def picture(self) -> Picture:
        """See ports.Prometheus.picture."""
        return (await self._pictured.ask([None]))[None]

    async def _picture(self, _: tuple[None, ...]) -> Mapping[None, Picture]:
        ours = {"cluster": self._settings.cluster}
        firing = ours | {"alertstate": "firing", "severity": "critical"}
        parts = await self._pairs(
            {
                "up": self._selector("up", ours | {"job": "node"}),
                "peer": self._selector("hale_peer_up", ours),
                "service": self._selector("hale_service_up", ours),
                "address": self._selector("hale_virtual_address_held", ours),
                "mark": self._selector("hale_mark_timestamp_seconds", ours),
                "alert": self._selector("ALERTS", firing),
            }
        )
        oldest = parts.now - self._settings.evidence_age
        scraped = _worst(
            (labels.get("node", ""), value) for labels, value in parts.since(oldest, "up")
        )
        reached: dict[str, bool] = {}
        for labels, value in parts.since(oldest, "peer"):
            peer = labels.get("peer", "")
            reached[peer] = reached.get(peer, False) or value == 1
        addresses: dict[str, dict[str, bool]] = {}
        for labels, value in parts.since(oldest, "address"):
            held = addresses.setdefault(labels.get("address", ""), {})
            held[labels.get("node", "")] = value == 1
        picture = Picture(
            now=parts.now,
            nodes={
                node: NodeHealth(scraped.get(node), reached.get(node))
                for node in scraped.keys() | reached.keys()
            },
            services=_worst(
                (Target(labels.get("node", ""), labels.get("service")), value)
                for labels, value in parts.since(oldest, "service")
            ),
            critical=frozenset(
                self._alert(_without(labels, "alertstate"), 0.0)
                for labels, _ in parts.since(oldest, "alert")
            ),
            marks=frozenset(_mark(labels, since) for labels, since in parts.since(oldest, "mark")),
            addresses=addresses,
        )
        return {None: picture}

    async def pending(self) -> tuple[Alert, ...]:
        """See ports.Prometheus.pending."""
        url = f"{self._settings.url}/api/v1/alerts"
        found = await self._get(url, _Alerts)
        try:
            return tuple(
                self._alert(active.labels, lb.epoch(active.activeAt))
                for active in found.alerts
                if active.state in ("firing", "pending")
                and active.labels.get("cluster", self._settings.cluster) == self._settings.cluster
            )
        except ValueError as error:
            msg = f"{url}: activeAt: {error}"
            raise Unreachable(msg) from error

    def _alert(self, found: Mapping[str, str], began_at: float) -> Alert:
        # Prometheus adds its external label `cluster` only when it sends; Alertmanager has it always.
        labels = {"cluster": self._settings.cluster} | dict(found)
        return Alert(
            lb.fingerprint(labels), labels.get("alertname", ""), lb.in_order(labels), began_at
        )

    def _selector(self, metric: str, wanted: Mapping[str, str]) -> str:
        try:
            return lb.selector(metric, wanted)
        except ValueError as error:
            msg = f"{self._settings.url}: {error}: correct `verify` in cluster.yml"
            raise Unreachable(msg) from error

    async def _known_rules(self) -> Mapping[tuple[str, ...], list[_Rule]]:
        """Return each alert's rules, by its name and what its rule says of it."""
        now = self._clock.boottime()
        if now - self._rules_at > RULES_FRESH_SECONDS:
            found = await self._get(f"{self._settings.url}/api/v1/rules?type=alert", _Rules)
            rules: dict[tuple[str, ...], list[_Rule]] = {}
            for group in found.groups:
                for rule in group.rules:
                    said = (rule.labels.get(name, "") for name in SAID_BY_THE_RULE)
                    rules.setdefault((rule.name, *said), []).append(rule)
            self._rules, self._rules_at = rules, now
        return self._rules

    async def looks_back(self, names: Iterable[str]) -> Mapping[str, float]:
        """See ports.Prometheus.looks_back. Of several rules of one name the longest counts."""
        rules = (await self._known_rules()).values()
        recorded = await self._known_recordings()
        found = {name: looks_back(recorded.get(name, ""), recorded) for name in names}
        for rule in (one for alike in rules for one in alike if one.name in found):
            # The expression is false and the alert goes on firing for that long.
            window = looks_back(rule.query, recorded) + min(rule.keepFiringFor, LONGEST)
            found[rule.name] = max(found[rule.name], window)
        return found

    async def _known_recordings(self) -> Mapping[str, str]:
        """Return the expression behind each recorded series."""
        now = self._clock.boottime()
        if now - self._recorded_at > RULES_FRESH_SECONDS:
            url = f"{self._settings.url}/api/v1/rules?type=record"
            groups = (await self._get(url, _Recordings)).groups
            self._recorded = {rule.name: rule.query for group in groups for rule in group.rules}
            self._recorded_at = now
        return self._recorded

    async def _pairs(self, selectors: Mapping[str, str]) -> "_Parts":
        """Read series with the times of their samples, and Prometheus' time, in one query."""
        terms = [f'label_replace(vector(time()), "{_PART}", "now", "", "")']
        for part, selector in selectors.items():
            terms.append(f'label_replace({selector}, "{_PART}", "{part}", "", "")')
            terms.append(f'label_replace(timestamp({selector}), "{_PART}", "{part}_at", "", "")')
        parts = _Parts.of_samples((await self._query(" or ".join(terms))).result)
        if parts is None:
            msg = f"{self._settings.url}: it did not say what time it is"
            raise Unreachable(msg)
        return parts

    async def _query(self, expression: str) -> _Vector:
        url = f"{self._settings.url}/api/v1/query"
        form = {"query": expression, "timeout": f"{self._settings.timeout:g}s"}
        return await self._get(url, _Vector, form)

    async def _get(self, url: str, model: type[M], form: Mapping[str, str] | None = None) -> M:
        answer = await call(self._session, url, seconds=self._settings.timeout, form=form)
        try:
            envelope = _ENVELOPE.validate_json(answer.body)
            return model.model_validate(envelope.data)
        except ValidationError as error:
            msg = f"{url}: an answer that is not Prometheus' API version 1: {str(error)[:300]}"
            raise Unreachable(msg) from error


_ENVELOPE = TypeAdapter(_Envelope)


@dataclass(frozen=True, slots=True)
class _Parts:
    now: float
    samples: Mapping[str, Mapping[tuple[tuple[str, str], ...], float]]

    @staticmethod
    def of_samples(found: Iterable[_Sample]) -> "_Parts | None":
        samples: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        for sample in found:
            value = sample.value[1]
            if math.isfinite(value):
                labels = lb.in_order(_without(sample.metric, "__name__", _PART))
                samples.setdefault(sample.metric.get(_PART, ""), {})[labels] = value
        now = samples.get("now", {}).get(())
        return None if now is None else _Parts(now, samples)

    def of(self, part: str) -> list[tuple[Labels, float, float]]:
        """Return labels, value and time of each series of a part; one without a time is left out."""
        times = self.samples.get(f"{part}_at", {})
        return [
            (dict(labels), value, times[labels])
            for labels, value in self.samples.get(part, {}).items()
            if labels in times
        ]

    def since(self, oldest: float, part: str) -> list[tuple[Labels, float]]:
        """Return labels and value of each series of a part with a sample that is no older."""
        return [(labels, value) for labels, value, at in self.of(part) if at >= oldest]


def _reading(found: Sequence[readings.Series], now: float) -> Reading:
    """Make one reading of all series of a target."""
    values = {value for _, value, _ in found}
    value = values.pop() if len(values) == 1 else None
    sampled = min((at for _, _, at in found), default=None)
    return Reading(value, sampled if value is not None else None, now)


def _mark(found: Labels, since: float) -> SeenMark:
    mark, subject, node, kind = (
        found.get(name, "") for name in ("mark", "subject", "node", "owner_kind")
    )
    return SeenMark(mark, subject, node, kind, since)


K = TypeVar("K")


def _worst(found: Iterable[tuple[K, float]]) -> dict[K, bool]:
    """Say for each key whether all its values are 1."""
    good: dict[K, bool] = {}
    for key, value in found:
        good[key] = good.get(key, True) and value == 1
    return good


def _without(labels: Mapping[str, str], *names: str) -> Labels:
    return {name: value for name, value in labels.items() if name not in names}
