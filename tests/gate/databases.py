"""A healer that asks a gate for a database verb, and what Patroni then hears of it."""

from typing import Any

from tests.gate.fakes import World
from tests.gate.test_session import ask, request


def database(world: World, verb: str, number: int, **args: str) -> Any:
    """Let a healer ask for a database verb on what it has just seen; return the last line."""
    sight = world.patroni.sight
    return expecting(world, verb, number, sight.leader, sight.timeline, **args)


def expecting(
    world: World, verb: str, number: int, leader: str | None, timeline: int | None, **args: str
) -> Any:
    expect = {
        "boot_id": str(world.clock.boot_id()),
        "databases": {"main": {"leader": leader, "timeline": timeline}},
    }
    world.clock.pass_seconds(3600)
    told = {"database": "main"} | args
    asked = request(world, number, verb=verb, args=told, expect=expect, deadline_seconds=120)
    return ask(world, asked)[-1]


def said(answer: Any) -> tuple[str, str]:
    return answer["state"], answer["reason"]


def asked_of_patroni(world: World) -> list[str]:
    return [line for line in world.diary if line.startswith("/")]


def replica(world: World) -> None:
    """Let this node's member be a replica of web2."""
    world.patroni.lead("web2")
