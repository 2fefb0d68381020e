"""Events as the journal stores them: a kind, a version and a JSON body.

What is written can be read: `encode` decodes its own result before it gives it away. What an earlier release
wrote is raised to today's fields as it is read (healer.adapters.upcasts); what is stored is never changed.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from healer.adapters.upcasts import UPCASTS, VERSIONS
from healer.core.events import Event
from healer.errors import ConfigError, Malformed

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def kind_of(event_class: type) -> str:
    """Return the kind of a class of events: its name in snake_case."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event_class.__name__).lower()


KINDS: dict[str, type[Event]] = {kind_of(known): known for known in get_args(Event)}
"""Every class of events by its kind."""


def version_of(kind: str) -> int:
    """Return the version in which this release writes a kind."""
    return VERSIONS.get(kind, 1)


def _adapter(known: Any) -> TypeAdapter[Event | None]:
    # pydantic takes a configuration for a dataclass only through a type around it.
    return TypeAdapter(known | None, config=_STRICT)


_ADAPTERS = {kind: _adapter(known) for kind, known in KINDS.items()}


def incident_of(event: Event) -> str | None:
    """Return the incident that an event changes; None for one that changes none."""
    incident = getattr(event, "incident", None)
    return incident if isinstance(incident, str) else None


def encode(event: Event) -> tuple[str, int, str]:
    """Return an event's kind, version and body.

    Raises:
        Malformed: The event holds what JSON cannot say (a NaN, half a surrogate pair); it must
            not be stored, since it could not be read again.
    """
    kind = kind_of(type(event))
    try:
        body = _ADAPTERS[kind].dump_json(event)
        same = _ADAPTERS[kind].validate_json(body) == event
    except (PydanticSerializationError, ValidationError) as error:
        msg = f"event {kind}: it cannot be written as JSON and read again: {error}"
        raise Malformed(msg) from error
    if not same:
        msg = f"event {kind}: what is read back differs from what was written: {body[:200]!r}"
        raise Malformed(msg)
    return kind, version_of(kind), body.decode()


def decode(kind: str, version: int, body: str) -> Event:
    """Return the event that was stored.

    Raises:
        ConfigError: This program cannot read it; the message says what to do. Nothing was changed.
    """
    if kind not in KINDS or version != version_of(kind):
        require([(kind, version)])
    adapter = _ADAPTERS[kind]
    try:
        if version < version_of(kind):
            body = _raised(kind, version, body)
        event = adapter.validate_json(body)
    except (ValueError, KeyError, TypeError) as error:
        msg = (
            f"kind {kind!r} version {version} does not have the fields that it should: {error}. "
            "Start the version of hale-healer that wrote it, and report this"
        )
        raise ConfigError(msg) from error
    if event is None:
        msg = f"kind {kind!r} version {version} has no body: start the version of hale-healer that wrote it"
        raise ConfigError(msg)
    return event


def require(written: Iterable[tuple[str, int]]) -> None:
    """Make sure that every kind and version of a journal can be read, before anything rests on it.

    Raises:
        ConfigError: One cannot; the message says what to do. Nothing was changed.
    """
    for kind, version in sorted(written):
        if kind not in KINDS:
            msg = (
                f"kind {kind!r} is not known to this hale-healer: a newer one wrote it. "
                "Install and start that version again"
            )
            raise ConfigError(msg)
        newest = version_of(kind)
        if version > newest:
            msg = (
                f"kind {kind!r} version {version} was written by a newer hale-healer, this one reads up to "
                f"version {newest}. Install and start that version again"
            )
            raise ConfigError(msg)
        if any((kind, step) not in UPCASTS for step in range(version, newest)) or version < 1:
            msg = (
                f"kind {kind!r} version {version} is too old for this hale-healer, which reads version {newest} "
                "and what leads to it. Start the version that wrote it, or move the journal away and make a new "
                "one with `hale-healer store init`"
            )
            raise ConfigError(msg)


def _raised(kind: str, version: int, body: str) -> str:
    fields = json.loads(body)
    for step in range(version, version_of(kind)):
        fields = UPCASTS[kind, step](fields)
    return json.dumps(fields, ensure_ascii=False)
