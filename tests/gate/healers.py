"""A healer that asks a gate to take something out or give it back, and what is marked then."""

import json
from typing import Any

from tests.gate.fakes import World
from tests.gate.test_session import ask, request

OWNER, OTHER = "incident:1800000000.1", "incident:1800000000.2"


def pool(world: World, verb: str, number: int, *, admin: str = "ready", **args: str) -> Any:
    """Let a healer ask for a pool verb; return the last line."""
    told = {"pool": "web", "member": "web1", "owner": OWNER} | args
    expect = {
        "boot_id": str(world.clock.boot_id()),
        "pools": {f"web/{told['member']}": {"admin": admin}},
    }
    world.clock.pass_seconds(60)
    return ask(world, request(world, number, verb=verb, args=told, expect=expect))[-1]


def address(world: World, verb: str, number: int, *, held: bool = True, **args: str) -> Any:
    told = {"address": "vip", "owner": OWNER} | args
    expect = {"boot_id": str(world.clock.boot_id()), "addresses": {"vip": {"held": held}}}
    world.clock.pass_seconds(60)
    return ask(world, request(world, number, verb=verb, args=told, expect=expect))[-1]


def marked(world: World) -> dict[str, tuple[str, ...]]:
    return {mark.subject: mark.owners for mark in world.marks.read().values()}


def hello(world: World, *names: str) -> Any:
    (answer,) = world.talk(json.dumps({"v": 1, "hello": True, "look": names}).encode())
    return json.loads(answer)
