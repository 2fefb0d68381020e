"""A healer that stands by goes on standing by, whatever etcd answers when it tries to take the lead."""

from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from healer.adapters.etcd_http import EtcdHttp
from healer.adapters.etcd_keys import HeadKey, StoreKey
from healer.adapters.etcd_lead import Scene, take
from healer.adapters.etcd_settings import EtcdSettings
from healer.errors import Unreachable
from tests.healer.fakes import FakeClock

NOBODY = Scene(1, StoreKey(1, "first", 1, "s"), None, 0, 0, None, 0, HeadKey(0, "0" * 64, 0, 0), 1)
LOST = {
    "header": {"revision": "9"},
    "responses": [{"response_range": {"header": {"revision": "9"}}}],
}
"""Somebody else was faster, and has given the lead back since."""

GONE = {"code": 5, "message": "etcdserver: requested lease not found", "error": "x"}


async def answered(
    tmp_path, *, txn: tuple[int, object], revoke: tuple[int, object]
) -> "tuple[list[str], Callable[[], Awaitable[object]]]":
    asked = list[str]()

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        said = {
            "/v3/lease/grant": (200, {"ID": "1"}),
            "/v3/kv/txn": txn,
            "/v3/lease/revoke": revoke,
        }
        status, body = said[request.path]
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    settings = EtcdSettings((f"http://{host}:{port}",), "/hale", "first", tmp_path / "a.db")
    http = EtcdHttp(settings)

    async def taken() -> object:
        try:
            return await take(http, settings, FakeClock(), "mon1", NOBODY)
        finally:
            await http.close()
            await runner.cleanup()

    return asked, taken


async def test_a_race_that_is_lost_is_lost_though_the_lease_cannot_be_given_back(tmp_path):
    denied = 403, {"code": 7, "message": "etcdserver: permission denied", "error": "x"}
    asked, taken = await answered(tmp_path, txn=(200, LOST), revoke=denied)
    assert await taken() is None
    assert asked[-1] == "/v3/lease/revoke"


async def test_one_whose_lease_ran_out_before_it_took_the_lead_has_nothing_and_waits(tmp_path):
    _, taken = await answered(tmp_path, txn=(404, GONE), revoke=(200, {}))
    with pytest.raises(Unreachable, match="could not be taken"):
        await taken()
