"""Alertmanager's webhook, payload version 4: bytes in, alerts out.

Format: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config, and the structs `Message` in
notify/webhook/webhook.go and `Data` in template/template.go of Alertmanager. Rule: the webhook only wakes the healer.
Resolved alerts are passed over, since absence is not recovery. What `truncatedAlerts` left out is read from the API.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from healer.adapters import labels as lb
from healer.adapters.intake import MOST_LABELS
from healer.core.alert import Alert
from healer.errors import Malformed

MOST_BYTES = 4 * 1024 * 1024
MOST_ALERTS = 10_000
LONGEST = 4096
"""Characters of a label's name or value in a webhook."""


class _Known(BaseModel):
    """Keys that every version 4 has must be there, with their types.

    Others are passed over: Alertmanager 0.32 added `notification_reason` and 0.34 `routeLabels` under the same
    version, and a healer that refused them would go deaf by an upgrade of its neighbour.
    """

    model_config = ConfigDict(strict=True, extra="ignore")


class _Alert(_Known):
    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: str  # noqa: N815  # Alertmanager's own name
    endsAt: str  # noqa: N815
    generatorURL: str  # noqa: N815
    fingerprint: str


class _Payload(_Known):
    version: Literal["4"]
    groupKey: str  # noqa: N815
    receiver: str
    status: Literal["firing", "resolved"]
    alerts: list[_Alert]
    groupLabels: dict[str, str]  # noqa: N815
    commonLabels: dict[str, str]  # noqa: N815
    commonAnnotations: dict[str, str]  # noqa: N815
    externalURL: str  # noqa: N815
    # A uint64, which Alertmanager sends since 0.21.
    truncatedAlerts: Annotated[int, Field(ge=0, lt=2**64)] = 0  # noqa: N815


def parse_webhook(body: bytes) -> tuple[Alert, ...]:
    """Return the firing alerts of a webhook, each once.

    Fingerprints are computed from the labels: what the payload says they are is a stranger's word.

    Raises:
        Malformed: It can never be taken; the message says why.
    """
    if len(body) > MOST_BYTES:
        msg = f"webhook: {len(body)} bytes, at most {MOST_BYTES} are taken"
        raise Malformed(msg)
    try:
        payload = _Payload.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        msg = f'webhook: not a payload of version "4": {where or "body"}: {first["msg"]}'[:500]
        raise Malformed(msg) from error
    if len(payload.alerts) > MOST_ALERTS:
        msg = f"webhook: {len(payload.alerts)} alerts, at most {MOST_ALERTS} are taken"
        raise Malformed(msg)
    found: dict[str, Alert] = {}
    for number, alert in enumerate(payload.alerts):
        parsed = _alert(alert, f"webhook: alerts[{number}]")
        if alert.status == "firing":
            found[parsed.fingerprint] = parsed
    return tuple(found.values())


def _alert(alert: _Alert, where: str) -> Alert:
    labels = alert.labels
    if not labels.get("alertname"):
        msg = f"{where}: no alertname"
        raise Malformed(msg)
    if len(labels) > MOST_LABELS:
        msg = f"{where}: {len(labels)} labels, at most {MOST_LABELS} are taken"
        raise Malformed(msg)
    for name, value in labels.items():
        if not lb.is_name(name) or max(len(name), len(value)) > LONGEST:
            msg = (
                f"{where}: label {name[:80]!r} is not one of Prometheus', or longer than {LONGEST}"
            )
            raise Malformed(msg)
    try:
        began_at = lb.epoch(alert.startsAt)
    except ValueError as error:
        msg = f"{where}: startsAt: {error}"
        raise Malformed(msg) from error
    fingerprint, ordered = lb.identified(labels)
    return Alert(fingerprint, labels["alertname"], ordered, began_at)
