"""A small file that a next life reads: written whole, or not at all."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger()

MOST_BYTES = 1024 * 1024


class KeptFile:
    """One JSON object in one file; None for nowhere."""

    def __init__(self, path: Path | None) -> None:
        """Touch nothing yet."""
        self._path = path
        self._text = ""
        self._failed = ""

    def recall(self) -> Mapping[str, Any]:
        """Return what was kept; empty where nothing was, or it cannot be read, which is said."""
        if self._path is None:
            return {}
        try:
            with self._path.open("rb") as file:
                found = json.loads(file.read(MOST_BYTES))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            log.error("memory.unreadable", path=str(self._path), error=str(error))
            return {}
        return found if isinstance(found, dict) else {}

    def keep(self, what: Mapping[str, Any]) -> None:
        """Write it in place of what was there, if it is something else; a disk that fails is said once."""
        text = json.dumps(what)
        if self._path is None or text == self._text:
            return
        new = self._path.with_suffix(".new")
        try:
            with new.open("w") as file:
                file.write(text)
                file.flush()
                os.fdatasync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            if str(error) != self._failed:
                log.error("memory.not_kept", path=str(self._path), error=str(error))
            self._failed = str(error)
            return
        self._text, self._failed = text, ""
