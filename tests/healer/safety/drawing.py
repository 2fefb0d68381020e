"""What every draw of a schedule needs: how it ends again, and how somebody says something and may be refused."""

from collections.abc import Callable
from contextlib import suppress

from healer.errors import HaleError
from tests.healer.safety.lives import Killed

Undo = Callable[[], None] | None
"""What ends a trouble again; None where it ends by itself, or never."""


def flag(thing: object, name: str, value: object, before: object) -> Undo:
    """Set something, until it is as before again."""
    setattr(thing, name, value)
    return lambda: setattr(thing, name, before)


async def said(say: Callable[..., object], incident: str, *more: str) -> None:
    """Say something to a healer, which may refuse it or be gone."""
    with suppress(HaleError, Killed):
        await say(incident, *more, "ann")  # type: ignore[misc]
