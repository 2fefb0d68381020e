"""What etcd may answer in the wrong moment: to a healer that tries to take the lead, and to one that writes again."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from healer.adapters.etcd_http import EtcdHttp
from healer.adapters.etcd_keys import HeadKey, StoreKey
from healer.adapters.etcd_lead import Scene, take
from healer.adapters.etcd_settings import EtcdSettings
from healer.adapters.etcd_wire import Put
from healer.errors import OutcomeUnknown, StoreFull, Unreachable
from tests.healer.fakes import FakeClock

NOBODY = Scene(1, StoreKey(1, "first", 1, "s"), None, 0, 0, None, 0, HeadKey(0, "0" * 64, 0, 0), 1)
LOST = {
    "header": {"revision": "9"},
    "responses": [{"response_range": {"header": {"revision": "9"}}}],
}
"""Somebody else was faster, and has given the lead back since."""

GONE = {"code": 5, "message": "etcdserver: requested lease not found", "error": "x"}


@asynccontextmanager
async def served(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """Be an etcd that answers so; yields its URL."""
    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


async def taken(
    tmp_path: Path, *, txn: tuple[int, object], revoke: tuple[int, object]
) -> tuple[list[str], object]:
    """Try to take the lead; return what was asked, and what came of it."""
    asked = list[str]()
    answers = {"/v3/lease/grant": (200, {}), "/v3/kv/txn": txn, "/v3/lease/revoke": revoke}

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        status, body = answers[request.path]
        return web.json_response(body, status=status)

    async with served(answer) as url:
        settings = EtcdSettings((url,), "/hale", "first", tmp_path / "a.db")
        http = EtcdHttp(settings)
        try:
            return asked, await take(http, settings, FakeClock(), "mon1", NOBODY)
        except Unreachable as error:
            return asked, error
        finally:
            await http.close()


async def test_a_race_that_is_lost_is_lost_though_the_lease_cannot_be_given_back(tmp_path):
    denied = 403, {"code": 7, "message": "etcdserver: permission denied", "error": "x"}
    asked, lead = await taken(tmp_path, txn=(200, LOST), revoke=denied)
    assert (asked[-1], lead) == ("/v3/lease/revoke", None)


async def test_one_whose_lease_ran_out_before_it_took_the_lead_has_nothing_and_waits(tmp_path):
    _, error = await taken(tmp_path, txn=(404, GONE), revoke=(200, {}))
    assert isinstance(error, Unreachable)
    assert "could not be taken" in str(error)


@pytest.mark.parametrize(("unheard", "raised"), [(0, StoreFull), (1, OutcomeUnknown)])
async def test_a_write_that_was_sent_before_and_not_heard_of_is_not_called_unwritten(
    tmp_path, unheard, raised
):
    """The first may have been the one that filled etcd."""
    full = {"code": 8, "message": "etcdserver: mvcc: database space exceeded", "error": "x"}
    asked = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        if asked <= unheard:
            assert request.transport is not None
            request.transport.close()
        return web.json_response(full, status=429)

    async with served(answer) as url:
        http = EtcdHttp(EtcdSettings((url,), "/hale", "first", tmp_path / "a.db"))
        with pytest.raises(raised):
            await http.transact(then=(Put(b"/hale/x", b"y"),), seconds=5.0)
        await http.close()
    assert asked == unheard + 1
