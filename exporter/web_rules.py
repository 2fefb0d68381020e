"""web-config.yml as it is now: read anew when it or a file that it names changes.

Each connection and each request looks, which costs a stat for each file. Rule: what cannot be used is logged, and
what was good last stays. So does what protects: a file caught while it is written must not open the door.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from exporter import web_config
from exporter.config import ConfigError
from exporter.web_config import WebConfig

AGAIN = 5.0
"""Seconds until a file that could not be used is looked into once more, though it is as it was."""

log = structlog.get_logger()


@dataclass
class WebRules:
    """What holds for the next connection, and for the next request.

    Attributes:
        path: Of web-config.yml; what it says at first has to be good.
        heard: Told whether it was good, each time that it was read anew.
        monotonic: Seconds that only grow.

    Raises:
        ConfigError: It cannot be used.
    """

    path: Path
    heard: Callable[[bool], None] = lambda good: None
    monotonic: Callable[[], float] = time.monotonic
    _now: WebConfig = field(init=False)
    _seen: tuple[object, ...] = field(init=False)
    _again_at: float = float("inf")
    _told: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._now = web_config.read(self.path)
        self._seen = self._look()

    @property
    def now(self) -> WebConfig:
        """What holds now."""
        if self._look() != self._seen or self.monotonic() >= self._again_at:
            self._read()
        return self._now

    def _look(self) -> tuple[object, ...]:
        return tuple(_version(one) for one in (self.path, *_files(self._now)))

    def _read(self) -> None:
        seen = self._look()  # before it is read: what changes meanwhile is found at the next look
        try:
            read = web_config.read(self.path)
            self._refuse_to_open(read)
        except ConfigError as error:
            self._seen, self._again_at = seen, self.monotonic() + AGAIN
            if error.problems != self._told:
                for problem in error.problems:
                    log.error("web_config.refused", problem=problem, kept="the one before")
            self._told = error.problems
            self.heard(False)
            return
        others = _files(read) != _files(self._now)
        self._now, self._told, self._again_at = read, (), float("inf")
        self._seen = self._look() if others else seen
        self.heard(True)
        log.info("web_config.loaded", tls=read.tls is not None, users=len(read.users))

    def _refuse_to_open(self, read: WebConfig) -> None:
        if lost := _lost(self._now, read):
            raise ConfigError([f"{self.path}:1:1: {lost}; restart if that is meant"])


def _lost(now: WebConfig, then: WebConfig) -> str:
    """Return what keeps strangers out now and would not then; empty for nothing."""
    if now.users and not then.users:
        return "nobody would need a password"
    if now.tls is None:
        return ""
    if then.tls is None:
        return "TLS would end"
    if then.tls.clients < now.tls.clients:
        return "clients would need no certificate"
    if now.tls.client_ca is not None and then.tls.client_ca is None:
        return "clients of all the system's authorities would be let in"
    if now.tls.allowed_sans and not then.tls.allowed_sans:
        return "clients of any name would be let in"
    return ""


def _files(config: WebConfig) -> tuple[Path, ...]:
    return config.tls.files if config.tls is not None else ()


def _version(path: Path) -> tuple[int, ...] | None:
    """Return what changes when a file does; None where it is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116 - at each request
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
