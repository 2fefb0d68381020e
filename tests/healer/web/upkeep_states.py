"""Nodes that are out of service, and rolls on their way, as somebody may find them on the pages."""

from dataclasses import replace
from pathlib import Path

from healer.core import events as ev
from healer.core import roll_events as re
from healer.core import upkeep_events as ue
from healer.core.attempt import Outcome
from healer.core.ladder import Mode, Window
from healer.core.maintenance import Maintenance
from healer.core.order import Sight
from healer.core.roll_events import RollMove
from healer.core.topology import Topology
from healer.core.upkeep_events import Kind, Move
from healer.core.verdict import hold
from tests.healer.core.world import NOW, topology
from tests.healer.web.house import HOSTILE, House
from tests.healer.web.people import known, users_file
from tests.healer.web.screens import picture

PATCHED = (Move.TAKEN, Move.PATCH, Move.PROVE, Move.END, Move.RETURNED)


def big(web: int = 8) -> Topology:
    """Return a group of as many nodes, which can be patched, at night only if somebody wants that."""
    hours = Window("feed", frozenset(range(7)), 0, 24 * 60)
    works = Maintenance(
        *("feed", "new power feed", "web8", frozenset({"web8"})), hours=hours, ends=NOW + 6 * 3600
    )
    night = Window("night", frozenset(range(7)), 22 * 60, 6 * 60)
    plain = topology(mode=Mode.ACT, web=web, floor=web // 2)
    return replace(plain, patch_seconds=600.0, windows={"night": night}, maintenance=(works,))


async def house_of(folder: Path, given: Topology) -> House:
    """Return a healer that hears and sees all of a cluster."""
    house = House(Mode.ACT, given, users=users_file(folder), check=known)
    await house.arm()
    house.watch.look_at_nodes(picture(house, down=frozenset()), house.topology)
    house.watch.sight = Sight((), (), (), house.clock.wall() - 4)
    return house


async def take(
    house: House,
    number: int,
    node: str,
    *moves: Move,
    kind: Kind = Kind.ROLL,
    by: str = "alice (web)",
    reason: str = "",
    roll: str = "",
    why: tuple[str, str] = ("done", "done"),
) -> None:
    """Journal an upkeep with its moves, of which the last has this word and sentence."""
    hours = house.clock.wall() + 2 * 3600
    await house.journal.write(ue.UpkeepBegan(str(number), kind, node, reason, by, hours, roll))
    for move in moves:
        house.clock.pass_by(11)
        if move is Move.PROVE:
            await patch_node(house, str(number))
        word, said = why if move is moves[-1] else ("done", "done")
        await house.journal.write(ue.UpkeepMoved(str(number), move, word, said))


async def patch_node(house: House, upkeep: str) -> None:
    """Journal that the node of an upkeep was patched."""
    action = f"1.1.{house.journal.board.actions + 1}"
    node = house.journal.board.planned.upkeeps[upkeep].node
    began = ue.UpkeepActionIntended(
        *(upkeep, action, "node.patch", node, (), "ledger-1", "{}"), seconds=600.0
    )
    await house.journal.write(began)
    await house.journal.write(
        ue.UpkeepActionEnded(upkeep, action, Outcome.DONE, "patched", "patched")
    )


async def upkept(folder: Path) -> House:
    """A roll in whose nodes each thing goes on, people at work, nodes that reboot, a window that is open."""
    house = await house_of(folder, big(10))
    nodes = tuple(f"web{number}" for number in (3, 1, 2, 4, 5, 6, 7))
    await house.journal.write(
        re.RollBegan("1", "web", nodes, 2, 300.0, ("night",), "alice (web)"),
    )
    await take(house, 1, "web3", *PATCHED, roll="1")
    house.clock.pass_by(400)
    await take(house, 2, "web1", *PATCHED, roll="1")
    await take(house, 3, "web2", Move.TAKEN, Move.PATCH, Move.REBOOT, roll="1")
    await take(house, 4, "web4", roll="1")
    house.watch.upkeep_held["4"] = house.refusal("capacity")
    house.watch.roll_waits["1"] = "nodes_away"
    await take(house, 5, "web8", kind=Kind.PERSON, by="carol (web)", reason="new fan")
    await house.journal.write(ue.UpkeepMoved("5", Move.TAKEN, "taken", ""))
    await take(
        *(house, 6, "web9", Move.TAKEN),
        kind=Kind.LOCK,
        by="fleet_lock 35ba2101ae3f4d45b96e9c51f461bbff",
        reason="reboot",
    )
    house.watch.note_lock_refused("web10", "locked_nearby", "A node close by is away. Has web9")
    house.clock.pass_by(30)
    house.watch.look_at_nodes(picture(house, down=frozenset()), house.topology)
    house.watch.sight = Sight((), (), (), house.clock.wall() - 4)
    return house


async def roll_failed(folder: Path) -> House:
    """A patch failed, the roll stopped, and the node stays away; somebody is late with another one."""
    house = await house_of(folder, big(4))
    nodes = ("web1", "web2", "web3")
    await take(house, 9, "web4", Move.TAKEN, kind=Kind.PERSON, by="root (sudo: bob)", reason="ram")
    house.clock.pass_by(3 * 3600)
    await house.journal.write(re.RollBegan("1", "web", nodes, 1, 300.0, (), "root"))
    await take(house, 10, "web1", *PATCHED, roll="1")
    house.clock.pass_by(400)
    said = ("patch_failed", "patch-node: E: dpkg was interrupted, status 100")
    await take(house, 11, "web2", Move.TAKEN, Move.PATCH, Move.STOP, roll="1", why=said)
    await house.journal.write(re.RollMoved("1", RollMove.STOP, said[0], f"web2: {said[1]}"))
    house.clock.pass_by(3000)
    house.watch.sight = Sight((), (), (), house.clock.wall() - 4)
    return house


async def upkept_hostile(folder: Path) -> House:
    """Names, reasons and reports as somebody would write them who means harm."""
    words = (HOSTILE + "x" * 500).replace("\n", "")
    house = await house_of(folder, big(3))
    await house.journal.write(re.RollBegan("1", words, ("web1", words), 1, 300.0, (words,), words))
    await take(house, 1, words, Move.TAKEN, kind=Kind.PERSON, by=words, reason=words)
    failed = (Move.TAKEN, Move.PATCH, Move.STOP)
    await take(house, 2, "web1", *failed, roll="1", by=words, why=(words, words))
    await take(house, 3, "web2", kind=Kind.LOCK, by=words)
    house.watch.roll_waits["1"] = words
    house.watch.upkeep_held["3"] = hold("capacity", words, have=words, need=words, sentence=words)
    await house.journal.write(ev.NodeHeld("web3", words, words, None))
    house.watch.note_lock_refused("web3", words, words)
    return house


async def upkept_many(folder: Path, count: int = 120) -> House:
    """A roll of most of so many nodes, some way into it; people have all that it has not reached."""
    house = await house_of(folder, big(count))
    nodes = tuple(house.topology.groups["web"].nodes)
    await house.journal.write(re.RollBegan("1", "web", nodes[: count - 20], 20, 0.0, (), "root"))
    for number, node in enumerate(nodes[:60], 1):
        await take(house, number, node, *PATCHED, roll="1")
    for number, node in enumerate(nodes[60:80], 61):
        await take(house, number, node, Move.TAKEN, Move.PATCH, roll="1")
    for number, node in enumerate(nodes[80:], 81):
        await take(house, number, node, Move.TAKEN, kind=Kind.PERSON, by="root", reason="move")
    return house
