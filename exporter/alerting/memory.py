"""The file in the exporter's state directory that says which alerts it has posted and not ended.

It is replaced whole, so that a killed process leaves the one before or the one after. It is not synced: who waits for a
sick disk warns late, and what a power cut takes of it costs only that Alertmanager's resolve_timeout ends the alert.
"""

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from exporter.alerting.alert import Alert
from exporter.alerting.book import MOST
from exporter.alerting.ports import Claim

log = structlog.get_logger()

VERSION = 1
LIMIT = 8 * 1024 * 1024
"""Bytes that are read of it: as many as `MOST` long alerts have."""


class StateFile:
    """ports.Memory in a directory that systemd made for this exporter alone."""

    def __init__(self, directory: Path) -> None:
        """Open nothing yet."""
        self._file = directory / "short_way.json"
        self._lock = directory / "short_way.lock"
        self._claimed: int | None = None

    def claim(self) -> Claim:
        """See ports.Memory.claim."""
        if self._claimed is not None:
            return Claim.OURS
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return Claim.ANOTHERS
        except BaseException:
            os.close(descriptor)
            raise
        self._claimed = descriptor
        return Claim.OURS

    def read(self) -> tuple[Alert, ...]:
        """See ports.Memory.read."""
        try:
            with self._file.open("rb") as file:
                text = file.read(LIMIT + 1)
        except FileNotFoundError:
            return ()
        try:
            return _read(text)
        except (ValueError, RecursionError) as error:
            log.warning("short_way.state_unreadable", file=str(self._file), reason=str(error)[:200])
            return ()

    def write(self, alerts: Sequence[Alert]) -> None:
        """See ports.Memory.write."""
        rows = [{"labels": dict(a.labels), "annotations": dict(a.annotations)} for a in alerts]
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps({"version": VERSION, "alerts": rows}), encoding="utf-8")
        fresh.replace(self._file)


class Forgetful:
    """ports.Memory where the exporter has no state directory: alerts of its last life end by resolve_timeout."""

    def claim(self) -> Claim:
        """Ask nobody: there is nothing to share."""
        return Claim.OURS

    def read(self) -> tuple[Alert, ...]:
        """Know nothing."""
        return ()

    def write(self, alerts: Sequence[Alert]) -> None:
        """Keep nothing."""


def _read(text: bytes) -> tuple[Alert, ...]:
    if len(text) > LIMIT:
        raise ValueError(f"more than {LIMIT} bytes")
    match json.loads(text):
        case {"version": version, "alerts": [*rows]} if version == VERSION:
            return tuple(_alert(row) for row in rows[:MOST])
    raise ValueError(f"no state of version {VERSION}")


def _alert(row: Any) -> Alert:
    match row:
        case {"labels": {"alertname": str()} as labels, "annotations": {**annotations}}:
            return Alert.of(_texts(labels), _texts(annotations))
    raise ValueError("an alert without labels and annotations")


def _texts(found: Mapping[Any, Any]) -> dict[str, str]:
    if not all(isinstance(one, str) for pair in found.items() for one in pair):
        raise ValueError("a label or annotation that is no text")
    "".join("".join(pair) for pair in found.items()).encode()  # half a character fails here
    return dict(found)


def state_directory(environment: Mapping[str, str]) -> Path | None:
    """Return the directory that systemd made for this unit (systemd.exec(5), STATE_DIRECTORY), if it did."""
    named = environment.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(named) if named else None
