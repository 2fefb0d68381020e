"""The commands' way to the healer: HTTP over its control socket, blocking and small."""

import http.client
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from healer.errors import Refused, Unreachable

SECONDS = 30.0
"""For one answer. Those that look at a node and at Prometheus take up to their own deadlines."""

MOST_BYTES = 64 * 1024 * 1024
"""Of an answer; more is not the healer's."""


class _Connection(http.client.HTTPConnection):
    """HTTP to a path instead of a port."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(os.fspath(self._path))


@dataclass(frozen=True, slots=True)
class Client:
    """Asks the healer that listens on a control socket.

    Every method raises Unreachable where nobody answers, and Refused where the healer says no; then
    nothing was changed. After Unreachable a command may still have been done, and says so.
    """

    path: Path

    def get(self, path: str) -> Any:
        """Return what the healer shows under a path."""
        return self._ask("GET", path, None)

    def post(self, path: str, fields: Mapping[str, str]) -> Any:
        """Give a command and return its answer."""
        return self._ask("POST", path, json.dumps(dict(fields)))

    def _ask(self, method: str, path: str, body: str | None) -> Any:
        connection = _Connection(self.path)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            status, content = response.status, response.read(MOST_BYTES)
        except PermissionError as exc:
            raise Unreachable(f"{self.path}: only root may: use sudo") from exc
        except TimeoutError as exc:
            doubt = "" if method == "GET" else "; it may still be done: see hale-healer incidents"
            raise Unreachable(f"{self.path}: no answer within {SECONDS:g} s{doubt}") from exc
        except (OSError, http.client.HTTPException) as exc:
            said = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
            raise Unreachable(f"{self.path}: {said}") from exc
        finally:
            connection.close()
        return self._read(status, content)

    def _read(self, status: int, content: bytes) -> Any:
        try:
            answer = json.loads(content)
        except ValueError as exc:
            raise Unreachable(f"{self.path}: what answers there is no healer") from exc
        if status >= 400:
            fields = answer if isinstance(answer, dict) else {}
            raise Refused(str(fields.get("reason", status)), str(fields.get("detail", "")))
        return answer
