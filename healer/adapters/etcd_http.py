"""A client of etcd v3's JSON gateway: several members, deadlines, users and TLS.

Rule: whatever is asked here may be asked twice. A member that does not answer in time may have done it, so
every transaction has conditions that let it happen once, and its sender tells from the answer which of the two it is.
"""

import asyncio
import json
import ssl
from collections.abc import Mapping
from io import BytesIO
from itertools import count
from typing import Any

import aiohttp

from healer.adapters.etcd_errors import SignInAgain, Undecided, refusal
from healer.adapters.etcd_settings import EtcdSettings
from healer.adapters.etcd_wire import (
    Answer,
    Change,
    Compare,
    Found,
    Get,
    answer_of,
    found_of,
    get_body,
    text,
    txn_body,
)
from healer.errors import ConfigError, OutcomeUnknown, Refused, StoreFull, Unreachable

LIMIT = 64 * 1024 * 1024
"""Bytes of an answer; etcd's gateway itself gives no more than 4 MiB of keys and values at once."""

BETWEEN_ROUNDS = 0.1
"""Seconds between two times that all members were asked."""

PASSWORD_BYTES = 4096


class EtcdHttp:
    """Asks whichever member answers, and stays with it."""

    def __init__(self, settings: EtcdSettings) -> None:
        """Prepare; nothing is asked yet.

        Raises:
            ConfigError: A certificate or key cannot be used.
        """
        self._settings = settings
        self._endpoints = list(settings.endpoints)
        # A member that hangs may not eat the lease: there is time for two others.
        self._attempt_seconds = min(2.0, max(0.5, settings.lease_seconds / 5))
        self._token: str | None = None
        connector = aiohttp.TCPConnector(ssl=_tls(settings), limit=16)
        self._session = aiohttp.ClientSession(connector=connector)

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Every member's URL, the one that answered last first."""
        return tuple(self._endpoints)

    async def get(self, get: Get, *, seconds: float) -> Found:
        """Read keys, as a majority has them.

        Raises:
            Unreachable: No member answered in time.
            Refused: `compacted`: that revision is gone.
            TooLarge: The answer would be; ask for less.
            ConfigError: etcd does not let us in.
        """
        return found_of(await self.ask("/v3/kv/range", get_body(get), seconds=seconds))

    async def transact(
        self,
        *compares: Compare,
        then: tuple[Change, ...],
        otherwise: tuple[Get, ...] = (),
        seconds: float,
    ) -> Answer:
        """Change keys if all conditions hold. It may have been applied by an earlier attempt of this very call.

        Raises:
            Unreachable: No member could be asked; nothing was changed.
            OutcomeUnknown: A member was asked and nobody answered in time.
            StoreFull: etcd has no room; nothing was changed.
            Refused: It is larger than etcd takes; nothing was changed.
            ConfigError: etcd does not let us in; nothing was changed.
        """
        body = txn_body(compares, then, otherwise)
        return answer_of(await self.ask("/v3/kv/txn", body, seconds=seconds, changes=True))

    async def grant(self, lease: int, ttl: int, *, seconds: float) -> None:
        """Make a lease with an id of our choice, that runs out `ttl` seconds after its last renewal.

        Raises:
            Unreachable, OutcomeUnknown, StoreFull, ConfigError: As `transact`.
        """
        body = {"ID": str(lease), "TTL": str(ttl)}
        try:
            await self.ask("/v3/lease/grant", body, seconds=seconds, changes=True)
        except Refused as error:
            if error.reason != "precondition":
                raise
            # The id is random: it is there because an earlier attempt made it.

    async def keep_alive(self, lease: int, *, seconds: float) -> int:
        """Renew a lease; return after how many seconds it runs out, 0 where there is none any more.

        Raises:
            Unreachable: No member answered in time. It may have been renewed.
        """
        answer = await self.ask("/v3/lease/keepalive", {"ID": str(lease)}, seconds=seconds)
        return int(answer["result"].get("TTL", 0))

    async def revoke(self, lease: int, *, seconds: float) -> None:
        """End a lease and remove what hangs on it.

        Raises:
            Unreachable, OutcomeUnknown, ConfigError: As `transact`. It runs out by itself.
        """
        try:
            await self.ask("/v3/lease/revoke", {"ID": str(lease)}, seconds=seconds, changes=True)
        except Refused as error:
            if error.reason != "not_found":
                raise

    async def compact(self, revision: int, *, seconds: float) -> None:
        """Forget what was before a revision. Done already is done.

        Raises:
            Unreachable, OutcomeUnknown, ConfigError: As `transact`.
        """
        body = {"revision": str(revision)}
        try:
            await self.ask("/v3/kv/compaction", body, seconds=seconds, changes=True)
        except Refused as error:
            if error.reason != "compacted":
                raise

    async def changed(self, prefix: bytes, end: bytes, since: int, *, seconds: float) -> None:
        """Wait until a key from `prefix` up to `end` changes after a revision, or for so long. Says nothing certain."""
        body = {
            "create_request": {
                "key": text(prefix),
                "range_end": text(end),
                "start_revision": str(since + 1),
            }
        }
        url = self._endpoints[0] + "/v3/watch"
        try:
            async with (
                asyncio.timeout(seconds),
                self._session.post(url, json=body, headers=self._headers()) as response,
            ):
                async for line in response.content:
                    if response.status != 200 or b'"created":true' not in line:
                        break
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
            return

    async def ask(
        self, path: str, body: Mapping[str, Any], *, seconds: float, changes: bool = False
    ) -> Any:
        """Ask one member after the other until one answers.

        Raises:
            Unreachable: As `get` where nothing was sent, or nothing would have been changed.
            OutcomeUnknown: It was sent, could change something, and nobody answered in time, or etcd had no room when
                it was sent again.
            StoreFull, Refused, TooLarge, ConfigError: What a member said.
        """
        last, sent = "there was no time to ask", False
        try:
            async with asyncio.timeout(seconds):
                # Where all are slow it is not a member that hangs: each round gives them more time.
                for attempt in count(1):
                    for url in tuple(self._endpoints):
                        try:
                            return await self._signed_in(url, path, body, attempt)
                        except Undecided as error:
                            last = str(error)
                            sent = sent or not isinstance(error, _NotSent)
                            self._put_last(url)
                        except StoreFull as error:
                            # Of this attempt alone nothing was written; an earlier one that nobody heard of may be.
                            if changes and sent:
                                raise OutcomeUnknown(str(error)) from error
                            raise
                    await asyncio.sleep(BETWEEN_ROUNDS)
        except TimeoutError:
            pass
        msg = f"etcd gave no answer to {path} within {seconds:.1f} s: {last}"
        raise OutcomeUnknown(msg) if changes and sent else Unreachable(msg)

    async def ask_member(self, url: str, path: str, *, seconds: float) -> Any:
        """Ask one member only, for what is its own.

        Raises:
            Unreachable: It does not answer, or not with a success.
        """
        try:
            async with asyncio.timeout(seconds):
                return await self._signed_in(url, path, {})
        except (TimeoutError, Undecided, Refused, ConfigError) as error:
            msg = f"{url}{path}: {error or 'no answer'}"
            raise Unreachable(msg) from error

    async def _signed_in(
        self, url: str, path: str, body: Mapping[str, Any], attempt: int = 1
    ) -> Any:
        if self._settings.user is not None and self._token is None:
            await self._sign_in(url, attempt)
        try:
            return await self._once(url, path, body, attempt)
        except SignInAgain:
            if self._settings.user is None:
                raise Undecided(f"{url}{path}: etcd wants a user") from None
            await self._sign_in(url, attempt)
        try:
            return await self._once(url, path, body, attempt)
        except SignInAgain as error:
            raise Undecided(str(error)) from error

    async def _sign_in(self, url: str, attempt: int) -> None:
        path = self._settings.password_file
        self._token = None
        try:
            password = path.read_bytes()[:PASSWORD_BYTES].decode() if path is not None else ""
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: the password cannot be read: {error}") from error
        body = {"name": self._settings.user, "password": password.strip("\r\n")}
        try:
            answer = await self._once(url, "/v3/auth/authenticate", body, attempt)
        except Refused as error:
            msg = f"{url}: etcd does not let {self._settings.user} in: {error.detail}: see healer.store.etcd"
            raise ConfigError(msg) from error
        self._token = str(answer["token"])

    async def _once(self, url: str, path: str, body: Mapping[str, Any], attempt: int) -> Any:
        seconds = attempt * self._attempt_seconds
        try:
            async with (
                asyncio.timeout(seconds),
                self._session.post(
                    url + path,
                    data=BytesIO(json.dumps(body).encode()),  # a large one is sent in pieces
                    headers={**self._headers(), "Content-Type": "application/json"},
                    allow_redirects=False,
                ) as response,
            ):
                raw = await response.content.read(LIMIT)
                while more := await response.content.read(LIMIT):
                    raw += more
                    if len(raw) > LIMIT:
                        response.close()
                        raise Undecided(f"{url}{path}: its answer is longer than {LIMIT} bytes")
                if response.status != 200:
                    raise refusal(url + path, raw)
                return _parsed(url + path, raw)
        except TimeoutError as error:
            msg = f"{url}{path}: no answer within {seconds:g} s"
            raise Undecided(msg) from error
        except aiohttp.ClientConnectorError as error:
            raise _NotSent(f"{url}{path}: {str(error)[:300]}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Undecided(f"{url}{path}: {type(error).__name__}: {str(error)[:300]}") from error

    def _headers(self) -> dict[str, str]:
        return {} if self._token is None else {"Authorization": self._token}

    def _put_last(self, url: str) -> None:
        self._endpoints.remove(url)
        self._endpoints.append(url)


class _NotSent(Undecided):
    """No connection: nothing was sent."""


def _parsed(where: str, raw: bytes) -> Any:
    try:
        answer = json.loads(raw)
    except ValueError as error:
        raise Undecided(f"{where}: {raw[:200]!r}") from error
    # A stream's error comes with status 200.
    if not isinstance(answer, dict) or "error" in answer:
        raise refusal(where, raw)
    return answer


def _tls(settings: EtcdSettings) -> ssl.SSLContext | bool:
    if not settings.endpoints[0].startswith("https://"):
        return True
    try:
        context = ssl.create_default_context(cafile=settings.ca)
        if settings.cert is not None:
            context.load_cert_chain(settings.cert, settings.key)
    except (OSError, ssl.SSLError) as error:
        msg = f"healer.store.etcd: ca {settings.ca}, cert {settings.cert}, key {settings.key}: {error}"
        raise ConfigError(msg) from error
    return context
