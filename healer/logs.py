"""How the healer's log is written: one line of logfmt for each event, on standard error.

Rule: what strangers wrote never moves a terminal's cursor, turns text around or begins a line of its own.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from healer.plain import printable

LONGEST = 8000
"""Characters of one value; a traceback has fewer."""


def made_printable(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make every value of an event printable, also those in lists."""
    for key, value in event.items():
        event[key] = _plain(value)
    return event


def _plain(value: object) -> object:
    match value:
        case bool() | int() | float() | None:
            return value
        case str():
            # A traceback's lines: logfmt writes each end of one as two signs.
            return "\n".join(printable(line, LONGEST) for line in value.split("\n"))
        case list() | tuple():
            return [_plain(one) for one in value]
    return printable(value, LONGEST)


def configure(stream: TextIO | None = None) -> None:
    """Write the log from now on, to standard error or to a stream."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            made_printable,
            structlog.processors.LogfmtRenderer(key_order=["level", "event"], bool_as_flag=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
    )
