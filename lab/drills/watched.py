"""What the eyes, the healer and the gates wrote, from JSON to values. Pure.

Rule: a line that cannot be read is skipped, and a missing field is unknown; it is never guessed.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from lab.drills.observation import (
    Alert,
    AlertsAt,
    Answer,
    AnswerAt,
    Entry,
    FreezesAt,
    Incident,
    IncidentsAt,
    LoggedLine,
    Mark,
    QueryAt,
    ServersAt,
    Step,
    Verdict,
)

Told = AlertsAt | IncidentsAt | FreezesAt | QueryAt | AnswerAt | ServersAt


def parse_line(line: str) -> tuple[Told, Any] | None:
    """Return what a line of the eyes tells, with its raw value; None for a line cut off."""
    try:
        told = json.loads(line)
        at, name, value = float(told["at"]), str(told["name"]), told["value"]
        match told["source"]:
            case "alerts":
                return AlertsAt(at, None if value is None else _alerts(value)), value
            case "incidents":
                return IncidentsAt(at, None if value is None else _incidents(value)), value
            case "freezes":
                reasons = None if value is None else tuple(str(word) for word in value)
                return FreezesAt(at, reasons), value
            case "servers":
                return ServersAt(at, name, None if value is None else _texts(value)), value
            case "query":
                return QueryAt(at, name, None if value is None else len(value)), value
            case "url":
                answer = Answer(int(value["status"]), str(value["body"])) if value else Answer(0)
                return AnswerAt(at, name, answer), value
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return None


def parse_ledger(text: str) -> tuple[Entry, ...]:
    """Return the newest entries, as `hale-gate status --output json` lists them.

    Raises:
        ValueError: It is no such answer, or the gate cannot use its ledger.
    """
    status = json.loads(text)
    if not isinstance(status, dict) or not isinstance(status.get("last"), list):
        raise ValueError("no list 'last' in the gate's status")
    if status.get("problem"):
        raise ValueError(f"the ledger cannot be used: {status['problem']}")
    found = status["last"]
    return tuple(_entry(one) for one in found if isinstance(one, dict))


def parse_marks(data: bytes) -> tuple[Mark, ...]:
    """Return what /run/hale-gate/marks.json lists.

    Raises:
        ValueError: It is no such list.
    """
    try:
        listed = json.loads(data)["marks"]
        return tuple(
            Mark(str(one["mark"]), str(one["subject"]), tuple(map(str, one["owners"])))
            for one in listed
        )
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError(f"no list of marks: {exc}") from exc


def parse_local_addresses(fib_trie: str) -> frozenset[str]:
    """Return the addresses of a network namespace's own interfaces, from its /proc/net/fib_trie.

    Source: net/ipv4/fib_trie.c, fib_trie_seq_show(): a leaf `|-- ADDRESS` and below it its routes.
    """
    found, leaf = set(), ""
    for line in fib_trie.splitlines():
        words = line.split()
        if words[:1] == ["|--"]:
            leaf = words[1]
        elif words[:3] == ["/32", "host", "LOCAL"]:
            found.add(leaf)
    return frozenset(found)


def when(value: object) -> float | None:
    """Return epoch seconds of a number or an RFC 3339 time; None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        return datetime.fromisoformat(str(value)).timestamp() if value else None
    except ValueError:
        return None


def _alerts(value: list[Any]) -> tuple[Alert, ...]:
    return tuple(
        Alert(str(one["labels"].get("alertname", "")), str(one["state"]), dict(one["labels"]))
        for one in value
    )


def _incidents(value: list[Any]) -> tuple[Incident, ...]:
    return tuple(_incident(one) for one in value)


def _incident(one: Mapping[str, Any]) -> Incident:
    cause = one.get("cause")
    labels = cause.get("labels", {}) if isinstance(cause, dict) else {}
    name = cause.get("name") or labels.get("alertname") if isinstance(cause, dict) else cause
    state = str(one.get("state", "")).upper()
    hold = one.get("hold")
    states, reasons = _history(one)
    changed = when(one.get("changed_at"))
    # A healer that acts writes each attempt's outcome; a proven one is the state that users know.
    for attempt in one.get("attempts") or ():
        ended = when(attempt.get("ended_at"))
        if ended is not None and attempt.get("outcome") == "verified":
            # The proof comes after the action's end, in the moment in which the incident is closed.
            states.append(Step(max(ended, changed or ended), "VERIFIED"))
        if ended is not None and attempt.get("reason"):
            reasons.append(Step(ended, str(attempt["reason"])))
    if changed is not None:
        states.append(Step(changed, state))
        reasons += [Step(changed, str(one["escalation"]))] if one.get("escalation") else []
    node = str(one.get("node") or labels.get("node", ""))
    shown = one.get("last_lines") or ()
    return Incident(
        id=str(one["id"]),
        state=state,
        cause=str(name or ""),
        node=node,
        domain="" if node else str(one.get("failure_domain") or ""),
        service=str(one.get("service") or labels.get("service", "") or ""),
        holding=str(hold.get("reason") or "") if isinstance(hold, dict) else str(hold or ""),
        states=tuple(sorted(states, key=lambda step: step.at)),
        reasons=tuple(sorted(reasons, key=lambda step: step.at)),
        guards=tuple(_verdict(one) for one in one.get("verdicts") or one.get("guards") or ()),
        alerts=(*_named(str(name or ""), labels), *_symptoms(one.get("symptoms") or ())),
        opened=when(one.get("opened_at")),
        last_lines=tuple(line for found in shown for line in _logged(found)),
        lines_trouble="; ".join(str(found["trouble"]) for found in shown if found.get("trouble")),
    )


def _logged(found: Mapping[str, Any]) -> Iterator[LoggedLine]:
    for one in found["lines"]:
        at, failure = when(one.get("at")), str(one.get("failure_type") or "")
        yield LoggedLine(str(found["node"]), at, str(one["text"]), failure)


def _symptoms(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in found:
        yield from _named(str(one["name"]), one.get("labels") or {})


def _named(name: str, labels: Mapping[str, Any]) -> tuple[str, ...]:
    service = labels.get("service")
    return (name, f"{name}/{service}") if service else (name,)


def _history(one: Mapping[str, Any]) -> tuple[list[Step], list[Step]]:
    states, reasons = [], []
    for moment in one.get("timeline") or one.get("history") or ():
        at = when(moment.get("at") or moment.get("at_wall"))
        if at is None:
            continue
        if moment.get("state"):
            states.append(Step(at, str(moment["state"]).upper()))
        if moment.get("reason"):
            reasons.append(Step(at, str(moment["reason"])))
    return states, reasons


def _texts(value: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(word) for key, word in value.items()}


def _verdict(one: Mapping[str, Any]) -> Verdict:
    return Verdict(str(one.get("guard", "")), str(one.get("have", "")), str(one.get("need", "")))


def _entry(one: Mapping[str, Any]) -> Entry:
    return Entry(
        id=str(one.get("id", "")),
        verb=str(one.get("verb", "")),
        state=str(one.get("state", "")),
        reason=str(one.get("reason") or ""),
        started_at=when(one.get("started_at")),
        ended_at=when(one.get("ended_at")),
    )
