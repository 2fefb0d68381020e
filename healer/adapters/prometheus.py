"""Reads evidence from Prometheus over its HTTP API, version 1.

Rule: all ages are differences of Prometheus' own times, values and their times come from one query, and
whatever is not as expected is Unreachable: it proves nothing.
"""

import asyncio
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError

from healer.adapters import labels as lb
from healer.adapters import pictures, readings
from healer.adapters.http_json import call
from healer.adapters.parts import Labels, Parts, Sample, fresh, together, with_times
from healer.adapters.selectors import selectors
from healer.core.actions import Args
from healer.core.alert import IDENTIFYING, SAID_BY_THE_RULE, Alert, Target
from healer.core.facts import Evidence, Reading
from healer.core.lookback import LONGEST, looks_back
from healer.core.picture import Picture
from healer.core.topology import EXPORTER
from healer.errors import Unreachable
from healer.ports import Clock
from healer.sharing import Shared

NODES_LOST = "hale:failure_domain_nodes_lost"
"""How many nodes of each failure domain are dead, as rules/nodes.yml records it: what an alert about one rests on."""

RULES_FRESH_SECONDS = 30.0
"""How long the rules' expressions are kept. They change with a deployment, not with a fault."""

_Key = tuple[str, ...]
"""An alert's name and what its rule says of it."""

M = TypeVar("M", bound=BaseModel)


class _Vector(BaseModel):
    resultType: Literal["vector"]  # noqa: N815  # the API's own name
    result: list[Sample]


class _Rule(BaseModel):
    type: Literal["alerting"]
    name: str
    query: str
    labels: Labels = {}
    keepFiringFor: float = 0.0  # noqa: N815  # seconds; the API's own name

    def gives(self, samples: Iterable[Labels]) -> "_Given":
        """Return what alerts these samples of its expression make."""
        given: _Given = set()
        for sample in samples:
            made = sample | self.labels
            about = tuple([made.get(name, "") for name in IDENTIFYING])
            given |= {(about, ""), (about, made.get("cluster", ""))}
        return given


_Given = set[tuple[tuple[str, ...], str]]
"""What alerts are about, in the order of IDENTIFYING, and their cluster. An alert that names no cluster is meant too;
one with a label more or less than its rule gives is not."""


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


class _Answer(BaseModel, Generic[M]):
    status: Literal["success"]
    data: M


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
        self._pictured = Shared[bool, Picture](self._picture)
        self._known = Shared[None, None](self._read_rules)

    async def evidence(self, alert: Alert, metric: str) -> Evidence:
        """See ports.Prometheus.evidence."""
        metric = NODES_LOST if alert.target.domain else metric
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
        return (about, alert.label("cluster")) in given

    async def _evaluate(self, keys: tuple["_Key", ...]) -> Mapping["_Key", _Given]:
        """Evaluate the rules behind each key, one query for each rule."""
        rules = await self._known_rules()
        found: dict[_Key, _Given] = {}
        for key in keys:
            found[key] = set()
            for rule in rules.get(key, ()):
                samples = (await self._query(rule.query)).result
                found[key] |= rule.gives(one["metric"] for one in samples)
        return found

    async def reading(self, target: Target, metric: str, labels: Args = ()) -> Reading:
        """See ports.Prometheus.reading.

        Where several series have the target's labels, the oldest sample counts, and the value is known
        only if all agree.
        """
        about = {"failure_domain": target.domain} if target.domain else {"node": target.node}
        wanted = {"cluster": self._settings.cluster} | about | dict(labels)
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
        terms = with_times({names[key]: selector for key, selector in asked.items()})
        parts = await self._asked(terms)
        found = readings.sorted_out(wanted, {key: parts.timed(names[key]) for key in asked})
        return {one: _reading(series, parts.now) for one, series in found.items()}

    async def picture(self, *, services: bool = True) -> Picture:
        """See ports.Prometheus.picture."""
        return (await self._pictured.ask([services]))[services]

    async def _picture(self, asked: tuple[bool, ...]) -> Mapping[bool, Picture]:
        """Read one picture for all who ask; whoever asks for nodes alone may have the services too."""
        settings = self._settings
        terms = pictures.terms(settings.cluster, settings.evidence_age, services=any(asked))
        return dict.fromkeys(asked, pictures.drawn(await self._asked(terms)))

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
        fingerprint, ordered = lb.identified(labels)
        return Alert(fingerprint, labels.get("alertname", ""), ordered, began_at)

    def _selector(self, metric: str, wanted: Mapping[str, str]) -> str:
        try:
            return lb.selector(metric, wanted)
        except ValueError as error:
            msg = f"{self._settings.url}: {error}: correct `verify` in cluster.yml"
            raise Unreachable(msg) from error

    async def _known_rules(self) -> Mapping[_Key, list[_Rule]]:
        """Return each alert's rules, by its name and what its rule says of it."""
        if self._clock.boottime() - self._rules_at > RULES_FRESH_SECONDS:
            await self._known.ask([None])
        return self._rules

    async def _read_rules(self, _: tuple[None, ...]) -> Mapping[None, None]:
        """Read them for all of a storm's thousands who find them old at the same time."""
        now = self._clock.boottime()
        if now - self._rules_at > RULES_FRESH_SECONDS:
            found = await self._get(f"{self._settings.url}/api/v1/rules?type=alert", _Rules)
            rules: dict[_Key, list[_Rule]] = {}
            for group in found.groups:
                for rule in group.rules:
                    said = (rule.labels.get(name, "") for name in SAID_BY_THE_RULE)
                    rules.setdefault((rule.name, *said), []).append(rule)
            self._rules, self._rules_at = rules, now
        return {None: None}

    async def still_told(self, alert: Alert) -> bool | None:
        """See ports.Prometheus.still_told. Each series that a rule names counts, those beside what it compares too."""
        key = (alert.name, *(alert.label(name) for name in SAID_BY_THE_RULE))
        rules = (await self._known_rules()).get(key, [])
        about = {name: alert.label(name) for name in ("service", "mountpoint")}
        wanted = {"node": alert.label("node")} | {name: one for name, one in about.items() if one}
        try:
            found = {one for rule in rules for one in selectors(rule.query, wanted)}
        except ValueError as error:
            msg = f"{self._settings.url}: {alert.name}: {error}"
            raise Unreachable(msg) from error
        terms: dict[str, str] = {}
        for index, series in enumerate(sorted(found)):
            then, now = (
                f"{series} @ {alert.began_at:.3f}",
                fresh(series, self._settings.evidence_age),
            )
            terms |= {
                f"then{index}": f"count({then})",
                f"lost{index}": f"count({then} unless {now})",
            }
        parts = await self._asked(terms)
        if not any(parts.of(f"then{index}") for index in range(len(found))):
            return None
        return not any(parts.of(f"lost{index}") for index in range(len(found)))

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

    async def _asked(self, terms: Mapping[str, str]) -> Parts:
        """Ask for several things at one moment of Prometheus' time."""
        parts = Parts.of_samples((await self._query(together(terms))).result)
        if parts is None:
            msg = f"{self._settings.url}: it did not say what time it is"
            raise Unreachable(msg)
        return parts

    async def samples(
        self, node: str, names: str, *, before: float | None = None
    ) -> list[tuple[Mapping[str, str], float]]:
        """See ports.Prometheus.samples."""
        about = {"cluster": self._settings.cluster, "node": node}
        said = ",".join(f"{key}={json.dumps(text)}" for key, text in about.items())
        asked = f'{{{said},__name__=~"{names}"}}'
        if before is not None:
            asked = f"last_over_time({asked}[1d] @ {before:.3f})"
        vector = await self._query(asked)
        return [(one["metric"], one["value"][1]) for one in vector.result]

    async def _query(self, expression: str) -> _Vector:
        url = f"{self._settings.url}/api/v1/query"
        form = {"query": expression, "timeout": f"{self._settings.timeout:g}s"}
        return await self._get(url, _Vector, form)

    async def _get(self, url: str, model: type[M], form: Mapping[str, str] | None = None) -> M:
        answer = await call(self._session, url, seconds=self._settings.timeout, form=form)
        try:
            return _Answer[model].model_validate_json(answer.body).data  # type: ignore[valid-type]
        except ValidationError as error:
            msg = f"{url}: an answer that is not Prometheus' API version 1: {str(error)[:300]}"
            raise Unreachable(msg) from error


def _reading(found: Sequence[readings.Series], now: float) -> Reading:
    """Make one reading of all series of a target."""
    values = {value for _, value, _ in found}
    value = values.pop() if len(values) == 1 else None
    sampled = min((at for _, _, at in found), default=None)
    return Reading(value, sampled if value is not None else None, now)
