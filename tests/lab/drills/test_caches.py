"""Who takes a Redis' writes and which acknowledged ones are gone: of plain values, and of three real Redis."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from cluster.load import read
from gate.sentinel import RedisSentinel
from lab import cached, drills, masters, roles, writes
from lab.drills import caches, cast, judgement, moments
from lab.drills.fleet import Serving, fleet
from lab.drills.parse import parse_drill
from lab.drills.session import writes_of
from lab.load import PATIENCE
from lab.ports import Completed, LabError
from lab.redis import Refusal, Wire
from lab.roles import NOTHING, PRIMARY, REPLICA, Role
from tests.gate.redis import NODES, Redises
from tests.lab.drills.fakes import ROOT, FakeClock, FakeLab
from tests.lab.drills.stories import BEGAN, seen

SCENARIO = ROOT / "scenarios/redis-sentinel"
CLUSTER = read(SCENARIO / "cluster.yml").cluster
CACHE = caches.cache_of(CLUSTER)
DRILL = parse_drill(
    b"""
name: x
purpose: X.
load: {writes: true, rate: 30}
fault: [{kind: node.power_off, node: r1}]
expected: [{primary: {other_than: r1}, within: 30s}]
""",
    "x.yml",
)


def role(at: float, node: str, word: str, streaming: bool = False) -> Role:
    return Role(BEGAN + at, node, word, streaming, owner="Sentinel")


SOUND = (
    role(-5, "r1", PRIMARY),
    role(-5, "r2", REPLICA, streaming=True),
    role(-5, "r3", REPLICA, streaming=True),
)
MOVED = (*SOUND, role(1, "r1", NOTHING), role(2, "r2", PRIMARY))


def test_a_redis_is_where_the_cluster_says_and_one_with_passwords_is_left_alone() -> None:
    assert CACHE is not None
    assert CACHE.url == "redis://cache"
    assert CACHE.members["r2"] == ("10.77.0.42", 6379)
    assert CACHE.sentinels["r3"] == ("10.77.0.43", 26379)
    assert writes_of(DRILL, CLUSTER) == ("redis://cache",)
    locked = CLUSTER.sentinels["cache"].model_copy(update={"passwords": "/etc/redis/pass.conf"})
    closed = CLUSTER.model_copy(update={"sentinels": {"cache": locked}})
    assert caches.cache_of(closed) is None
    assert writes_of(DRILL, closed) == ()


def test_redundancy_lacks_a_master_and_every_redis_that_does_not_follow() -> None:
    whole = fleet(CLUSTER)

    def missing(found: Sequence[Role]) -> list[str]:
        names = whole.missing(Serving(roles={one.node: one for one in found}))
        return [name for name in names if "cache" in name or "following" in name]

    assert missing(SOUND) == []
    assert missing(MOVED[:-1]) == ["one primary of cache", "r1 following"]
    assert missing(MOVED) == ["r1 following"]


def test_the_story_says_that_sentinel_moved_the_master() -> None:
    told = [(m.word, m.text) for m in moments.moments(seen(*MOVED))]
    assert told == [("leads", "r2 takes writes")]
    assert moments.actors(seen(*MOVED)) == (("Sentinel", BEGAN + 2),)


def test_every_redis_is_asked_and_writes_begin_where_a_drill_wants_them(tmp_path) -> None:
    lab = FakeLab(tmp_path, scenario=SCENARIO)
    quiet = replace(DRILL, load=replace(DRILL.load, writes=False))
    for drill, started in ((DRILL, ["roles", "writes"]), (quiet, ["roles"])):
        lab.diary.clear()
        with drills.opened(lab, [drill], FakeClock(), tmp_path / "seen"):
            names = {"lab.masters": "roles", "lab.cached": "writes"}
            found = [line.removeprefix("started ") for line in lab.diary]
            assert [names[name] for name in found if name in names] == started


@dataclass
class _Over:
    """A drill that is over, and its session."""

    lab: FakeLab
    clock: FakeClock = field(default_factory=FakeClock)
    trouble: list[str] = field(default_factory=list)


LEADS = "role:master\r\nconnected_slaves:2\r\n"
ALONE = "role:master\r\nconnected_slaves:1\r\n"
AT_LAST = "7\n9\n"


def asked(tmp_path: Path, rows: str = AT_LAST, **info: str) -> FakeLab:
    """Return a lab whose Redis say this of themselves; r1's is on 6379, and so on."""
    return _RedisLab(tmp_path, answers={"ZRANGEBYSCORE": rows}, info=info)


@dataclass
class _RedisLab(FakeLab):
    info: dict[str, str] = field(default_factory=dict)

    def exec(self, node: str, argv: Sequence[str], **more: Any) -> Completed:
        if argv[-1] == "replication":
            return Completed(0, self.info.get(node, "role:slave\r\n"), "")
        return super().exec(node, argv, **more)


def write(number: int, ok: bool = True) -> writes.Write:
    return writes.Write(number, BEGAN + 1, "redis://cache", ok, 0.01)


def test_a_drill_is_played_by_the_node_whose_redis_leads_all_others(tmp_path: Path) -> None:
    assert CACHE is not None
    session: Any = _Over(asked(tmp_path, r1=ALONE, r2=LEADS))
    step = DRILL.steps[0]
    drill = replace(DRILL, steps=(replace(step, fault=replace(step.fault, node="$primary")),))  # type: ignore[type-var]
    assert cast.cast(session, CACHE, drill).steps[0].fault.node == "r2"
    session.lab.info["r3"] = LEADS
    with pytest.raises(LabError, match="r2, r3 leads all others: want one"):
        cast.cast(session, CACHE, drill)
    session.lab.off |= {"r2", "r3"}
    with pytest.raises(LabError, match="nobody leads"):
        cast.cast(session, CACHE, drill)


def test_what_was_acknowledged_and_is_not_there_at_the_end_is_lost(tmp_path: Path) -> None:
    assert CACHE is not None
    over: Any = _Over(asked(tmp_path, r2=LEADS))
    found = cast.with_rows(over, CACHE, over, seen(write(7), write(8), write(9, ok=False)))
    assert over.lab.diary == ["r2: redis-cli -p 6379 ZRANGEBYSCORE hale_lab:ledger 7 +inf"]
    assert judgement.measure(found).acknowledged_lost == 1
    assert not over.trouble


@pytest.mark.parametrize(
    ("lab", "why"),
    [({}, "nobody leads"), ({"r1": LEADS, "rows": "ERR unknown\n"}, "redis-cli: ERR unknown")],
)
def test_what_nobody_could_count_is_said_and_is_no_promise_kept(
    tmp_path: Path, lab: dict[str, str], why: str
) -> None:
    assert CACHE is not None
    over: Any = _Over(asked(tmp_path, **lab))
    found = cast.with_rows(over, CACHE, over, seen(write(7)))
    assert found.rows is None
    assert why in over.trouble[0]


@pytest.fixture
def redis(tmp_path) -> Iterator[Redises]:
    found = Redises(tmp_path)
    try:
        yield found
    finally:
        found.end()


@asynccontextmanager
async def watched(redis: Redises, rate: float = 50.0) -> AsyncIterator[tuple[Any, Any]]:
    """Ask all and write all the while; give functions that return the newest roles, and all writes."""
    asked, written = io.StringIO(), io.StringIO()
    members = [masters.Redis(node, host, redis.port) for node, host in NODES.items()]
    sentinels = [(host, redis.watch) for host in NODES.values()]
    ways = [cached.Redis("cache", sentinels) for _ in range(2)]
    tasks = [
        asyncio.create_task(roles.watch(members, asked)),
        asyncio.create_task(writes.generate("redis://cache", ways, rate, written, 1)),
    ]

    def newest() -> dict[str, Role]:
        lines = (roles.parse_line(line) for line in asked.getvalue().splitlines())
        return {one.node: one for one in lines if one is not None}

    def all_writes() -> list[writes.Write]:
        lines = (writes.parse_line(line) for line in written.getvalue().splitlines())
        return [one for one in lines if one is not None]

    try:
        yield newest, all_writes
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in (*members, *ways):
            one.hang_up()


async def until(true: Any) -> None:
    async with asyncio.timeout(20.0):
        while not true():
            await asyncio.sleep(0.05)


def words(newest: Any) -> dict[str, tuple[str, bool]]:
    return {node: (one.word, one.streaming) for node, one in sorted(newest().items())}


MASTER, FOLLOWS = (PRIMARY, False), (REPLICA, True)


@pytest.mark.tools
async def test_writes_follow_the_master_and_one_that_was_lost_is_counted(redis: Redises) -> None:
    await asyncio.to_thread(redis.whole)
    async with watched(redis) as (newest, all_writes):
        await until(lambda: words(newest) == {"r1": MASTER, "r2": FOLLOWS, "r3": FOLLOWS})
        await until(lambda: sum(one.ok for one in all_writes()) > 10)
        said = await asyncio.to_thread(RedisSentinel().failover, redis.rule("r1"))
        assert said == ""
        await until(lambda: newest()["r1"].word == REPLICA and newest()["r1"].streaming)
        leads = next(node for node, one in newest().items() if one.word == PRIMARY)
        moved = newest()[leads].at
        await until(lambda: any(one.ok and one.at > moved for one in all_writes()))
        over = all_writes()
    wire = await Wire.to(NODES[leads], redis.port)
    rows = await wire.say("ZRANGEBYSCORE", cached.KEY, "1", "+inf")
    await wire.say("ZREM", cached.KEY, "3")
    fewer = await wire.say("ZRANGEBYSCORE", cached.KEY, "1", "+inf")
    wire.hang_up()
    assert isinstance(rows, list)
    assert isinstance(fewer, list)
    numbers, less = (frozenset(int(str(one)) for one in found) for found in (rows, fewer))
    assert numbers <= {one.number for one in over} | {
        max(one.number for one in over) + n for n in (1, 2)
    }
    assert set(writes.lost(over, less)) - set(writes.lost(over, numbers)) == {3}


@pytest.mark.tools
async def test_a_redis_takes_writes_from_the_first_one_to_the_last_one(redis: Redises) -> None:
    await asyncio.to_thread(redis.whole)
    one = masters.Redis("r1", NODES["r1"], redis.port)
    wire = await Wire.to(NODES["r1"], redis.port)
    taken = [await one.ask() for _ in range(2)]
    assert await wire.say("REPLICAOF", NODES["r2"], str(redis.port)) == "OK"
    refused = [await one.ask() for _ in range(2)]
    assert [role.word for role in (*taken, *refused)] == [PRIMARY, PRIMARY, REPLICA, REPLICA]
    assert refused[0].at == taken[1].at > taken[0].at
    assert refused[1].at > refused[0].at
    for end in (one, wire):
        end.hang_up()


@pytest.mark.tools
async def test_a_master_that_lost_its_replicas_takes_no_writes_and_one_that_hangs_answers_nothing(
    redis: Redises,
) -> None:
    await asyncio.to_thread(redis.whole)
    wire = await Wire.to(NODES["r1"], redis.port)
    assert await wire.say("CONFIG", "SET", "min-replicas-to-write", "1") == "OK"
    wire.hang_up()
    redis.freeze("r1", "sentinel")  # the first that clients ask, who go on to the next
    async with watched(redis) as (newest, all_writes):
        await until(lambda: any(one.ok for one in all_writes()))
        await until(lambda: words(newest) == {"r1": MASTER, "r2": FOLLOWS, "r3": FOLLOWS})
        for node in ("r2", "r3"):
            redis.running[node, "redis"].kill()
        await until(lambda: newest()["r1"].word == NOTHING)
        assert "NOREPLICAS" in newest()["r1"].why
        assert not all_writes()[-1].ok
        redis.freeze("r1", "redis")
        await until(lambda: newest()["r1"].why == "no answer")
        await until(lambda: all_writes()[-1].seconds >= PATIENCE)


async def test_what_is_no_reply_is_an_error_and_a_refusal_has_its_word() -> None:
    assert Refusal("READONLY You can't").word == "READONLY"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"PING\r\n")
        writer.write(b"*3\r\n:1\r\n$-1\r\n$2\r\nab\r\n")
        await reader.readuntil(b"PING\r\n")
        writer.write(b"!no\r\n")
        await reader.readuntil(b"PING\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        wire = await Wire.to(*server.sockets[0].getsockname()[:2])
        assert await wire.say("PING") == [1, None, "ab"]
        for _ in range(2):
            with pytest.raises(OSError, match="no reply"):
                await wire.say("PING")
        wire.hang_up()
