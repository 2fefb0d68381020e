"""One bounded HTTP call: limited in time, in bytes and to no redirects."""

import asyncio
from collections.abc import AsyncIterator, Callable, Container, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Generic, TypeVar

import aiohttp

from healer.adapters.json_array import ArrayReader
from healer.errors import Unreachable

T = TypeVar("T")

PART = 64 * 1024
"""Bytes that are taken of an answer before the loop has another turn."""

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


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """What came back as an array of objects.

    Attributes:
        at: As `Answer.at`.
    """

    items: list[T]
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
    method: str = "",
) -> Answer:
    """GET a URL, or POST a form or JSON to it; `bearer` is a token that is shown, `method` another one, empty for none.

    Raises:
        Unreachable: Anything but a whole answer with a wanted status; it names the URL and what was seen.
    """
    headers = {} if json_body is None else {"Content-Type": "application/json"}
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    data = form if json_body is None else json_body
    asked = _response(session, url, seconds, wanted, data=data, headers=headers, method=method)
    async with asked as response:
        body = bytearray()
        async for part in _parts(response, url):
            body += part
        return Answer(body, _date(response))


async def call_for_list(
    session: aiohttp.ClientSession,
    url: str,
    made: Callable[[dict[str, Any]], T],
    *,
    seconds: float,
) -> Listed[T]:
    """GET an array of objects; return what `made` makes of each while they arrive, so that they are never held at once.

    Raises:
        Unreachable: As for `call`; also where `made` raises ValueError.
    """
    reader, items = ArrayReader(), list[T]()
    async with _response(session, url, seconds, (200,)) as response:
        async for part in _parts(response, url):
            items.extend(map(made, reader.feed(part)))
            await asyncio.sleep(0)
        items.extend(map(made, reader.close()))
        return Listed(items, _date(response))


@asynccontextmanager
async def _response(
    session: aiohttp.ClientSession,
    url: str,
    seconds: float,
    wanted: Container[int],
    *,
    data: Mapping[str, str] | bytes | None = None,
    headers: Mapping[str, str] | None = None,
    method: str = "",
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Yield an answer with a wanted status; whatever goes wrong before it is read is Unreachable."""
    method = method or ("GET" if data is None else "POST")
    try:
        async with (
            asyncio.timeout(seconds),
            session.request(
                method, url, data=data, headers=headers, allow_redirects=False
            ) as response,
        ):
            if response.status not in wanted:
                told = await response.content.read(300)
                msg = f"{url}: status {response.status}: {told!r}"
                raise Unreachable(msg)
            yield response
    except TimeoutError as error:
        msg = f"{url}: no whole answer within {seconds:g} s"
        raise Unreachable(msg) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        msg = f"{url}: {type(error).__name__}: {str(error)[:300]}"
        raise Unreachable(msg) from error


async def _parts(response: aiohttp.ClientResponse, url: str) -> AsyncIterator[bytes]:
    taken = 0
    async for part in response.content.iter_chunked(PART):
        taken += len(part)
        if taken > LIMIT:
            response.close()
            msg = f"{url}: its answer is longer than {LIMIT} bytes"
            raise Unreachable(msg)
        yield part


def _date(response: aiohttp.ClientResponse) -> float | None:
    try:
        return parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
