"""Alertmanager's webhook, payload version 4: bytes in, alerts out.

Format: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Rule: the webhook only wakes
the healer. Resolved alerts are passed over, since absence is not recovery.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from healer.adapters import labels as lb
from healer.adapters.intake import MOST_LABELS
from healer.core.alert import Alert
from healer.errors import Malformed

MOST_BYTES = 4 * 1024 * 1024
MOST_ALERTS = 10_000
LONGEST = 4096
"""Characters of a label's name or value in a webhook."""


class _Alert(BaseModel):
    model_config = ConfigDict(strict=True)

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    startsAt: str  # noqa: N815  # Alertmanager's own name


class _Payload(BaseModel):
    model_config = ConfigDict(strict=True)

    version: Literal["4"]
    alerts: list[_Alert]


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
    return Alert(lb.fingerprint(labels), labels["alertname"], lb.in_order(labels), began_at)
