"""Events as the journal stores them: a kind, a version and a JSON body.

What is written can be read: `encode` decodes its own result before it gives it away.
"""

import re
from typing import Any, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from healer.core.events import Event
from healer.errors import ConfigError, Malformed

VERSION = 1
"""Of every kind so far. A change of a class that old bodies do not fit needs the next number."""

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def kind_of(event_class: type) -> str:
    """Return the kind of a class of events: its name in snake_case."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event_class.__name__).lower()


KINDS: dict[str, type[Event]] = {kind_of(known): known for known in get_args(Event)}
"""Every class of events by its kind."""


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
    return kind, VERSION, body.decode()


def decode(kind: str, version: int, body: str) -> Event:
    """Return the event that was stored.

    Raises:
        ConfigError: This program cannot read it; the message says what to do. Nothing was changed.
    """
    adapter = _ADAPTERS.get(kind)
    if adapter is None or version > VERSION:
        msg = (
            f"kind {kind!r} version {version} is not known to this hale-healer (it knows versions up to "
            f"{VERSION} of {len(KINDS)} kinds): a newer one wrote it; start that version again"
        )
        raise ConfigError(msg)
    try:
        event = adapter.validate_json(body)
    except ValidationError as error:
        msg = (
            f"kind {kind!r} version {version} does not have the fields that it should: {error}. "
            "Start the version of hale-healer that wrote it, and report this"
        )
        raise ConfigError(msg) from error
    if event is None:
        msg = f"kind {kind!r} version {version} has no body: start the version of hale-healer that wrote it"
        raise ConfigError(msg)
    return event
