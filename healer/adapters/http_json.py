"""One bounded HTTP call: limited in time, in bytes and to no redirects."""

import asyncio
from collections.abc import Container, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import aiohttp

from healer.errors import Unreachable

LIMIT = 32 * 1024 * 1024
"""Bytes of an answer. An alert as rules/ make it, with annotations and receivers, is a kilobyte: 30,000 fit."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back with a status that was wanted.

    Attributes:
        at: The sender's Date header, epoch seconds, cut to whole seconds; None without one.
    """

    body: bytes | bytearray
    at: float | None


async def call(
    session: aiohttp.ClientSession,
    url: str,
    *,
    seconds: float,
    form: Mapping[str, str] | None = None,
    json_body: bytes | None = None,
    wanted: Container[int] = (200,),
    bearer: str = "",
) -> Answer:
    """GET a URL, or POST a form or JSON to it; `bearer` is a token that is shown, empty for none.

    Raises:
        Unreachable: Anything but a whole answer with a wanted status; it names the URL and what was seen.
    """
    method = "GET" if form is None and json_body is None else "POST"
    headers = {} if json_body is None else {"Content-Type": "application/json"}
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    data = form if json_body is None else json_body
    try:
        async with (
            asyncio.timeout(seconds),
            session.request(
                method, url, data=data, headers=headers, allow_redirects=False
            ) as response,
        ):
            body = await _body(response, url)
            if response.status not in wanted:
                msg = f"{url}: status {response.status}: {body[:300]!r}"
                raise Unreachable(msg)
            return Answer(body, _date(response.headers.get("Date", "")))
    except TimeoutError as error:
        msg = f"{url}: no whole answer within {seconds:g} s"
        raise Unreachable(msg) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        msg = f"{url}: {type(error).__name__}: {str(error)[:300]}"
        raise Unreachable(msg) from error


async def _body(response: aiohttp.ClientResponse, url: str) -> bytearray:
    body = bytearray()
    async for part in response.content.iter_chunked(64 * 1024):
        body += part
        if len(body) > LIMIT:
            response.close()
            msg = f"{url}: its answer is longer than {LIMIT} bytes"
            raise Unreachable(msg)
    return body


def _date(header: str) -> float | None:
    try:
        return parsedate_to_datetime(header).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
