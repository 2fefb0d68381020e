"""Log lines on stderr, in logfmt or as JSON, where journald adds the time and the unit."""

import logging
import sys

import structlog
from structlog.typing import Processor

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
FORMATS: dict[str, Processor] = {
    "logfmt": structlog.processors.LogfmtRenderer(key_order=["level", "event"], bool_as_flag=False),
    "json": structlog.processors.JSONRenderer(),
}


def configure(level: str, form: str = "logfmt") -> None:
    """Set up structlog for the whole process.

    Args:
        level: One of `LEVELS`.
        form: One of `FORMATS`.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            FORMATS[form],
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
