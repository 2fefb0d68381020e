"""Grafana's annotations: POST /api/annotations of its HTTP API, with `time` and `timeEnd` in epoch milliseconds."""

import asyncio
import json
from dataclasses import dataclass

import aiohttp

from healer.adapters.http_json import call
from healer.adapters.private_file import PrivateFile
from healer.errors import ConfigError, Unreachable
from healer.ports import Annotation

SECONDS = 5.0
"""For one annotation. It is told beside the work, so nothing waits for it."""


@dataclass(frozen=True, slots=True)
class GrafanaSettings:
    """Where annotations go.

    Attributes:
        url: Grafana's base, without a slash at the end.
        token: The file of a service account's token; read for each call, so that a new one counts at once.
    """

    url: str
    token: PrivateFile


class HttpGrafana:
    """ports.Grafana."""

    def __init__(
        self, settings: GrafanaSettings, session: aiohttp.ClientSession, seconds: float = SECONDS
    ) -> None:
        """Use this Grafana; `seconds` is for one call."""
        self._settings = settings
        self._session = session
        self._seconds = seconds

    async def annotate(self, annotation: Annotation) -> None:
        """See ports.Grafana.annotate."""
        try:
            token = (await asyncio.to_thread(self._settings.token.text)).strip()
        except ConfigError as exc:
            raise Unreachable(f"healer.grafana.token_file: {exc}") from exc
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            msg = f"{self._settings.token.path}: it is no token: one line of printable ASCII"
            raise Unreachable(msg)
        told = {
            "time": round(annotation.began_at * 1000),
            "timeEnd": round(annotation.ended_at * 1000),
            "tags": list(annotation.tags),
            "text": annotation.text,
        }
        await call(
            self._session,
            f"{self._settings.url}/api/annotations",
            seconds=self._seconds,
            json_body=json.dumps(told).encode(),
            bearer=token,
        )
