"""How a healer may stand when somebody looks at its pages, and what may happen while they read."""

import ipaddress
from dataclasses import replace
from pathlib import Path

from healer.adapters.proxies import Proxy
from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.attempt import Outcome
from healer.core.board import KEEP_CLOSED
from healer.core.ladder import Mode, Window
from healer.core.lastlines import LastLines, LoggedLine
from healer.core.maintenance import Maintenance
from healer.core.order import Sight
from healer.errors import ConfigError
from tests.healer.core.domains import down, lost, racks
from tests.healer.core.world import NOW, alert
from tests.healer.fakes import FakeStore
from tests.healer.web.house import HOSTILE, House
from tests.healer.web.people import known, users_file
from tests.healer.web.screens import busy, picture, tier

LAST_LINES = (
    LoggedLine(NOW - 8, "app", "GET /" + "x" * 250, "benign", ""),
    LoggedLine(NOW - 5, "kernel", "I/O error, dev sdb", "disk", "read or write failed on the disk"),
    LoggedLine(None, HOSTILE, HOSTILE, "", ""),
)
"""What a node may have written before it was lost."""


def _house(folder: Path, mode: Mode = Mode.ACT, **more: object) -> House:
    return House(mode, users=users_file(folder), check=known, **more)  # type: ignore[arg-type]


async def first_start(folder: Path) -> House:
    """Nothing was heard of anything yet."""
    house = _house(folder)
    house.watch.sight = None
    return house


async def calm(folder: Path) -> House:
    house = _house(folder, given=tier(), leader="mon2")
    await house.arm()
    house.watch.sight = Sight((), (), (), house.clock.wall() - 4)
    house.watch.look_at_nodes(picture(house, down=frozenset()), house.topology)
    return house


async def at_work(folder: Path) -> House:
    """One incident in each state of being healed, a rack that is lost, work on another one, and some that are over."""
    hours = Window("feed", frozenset(range(7)), 0, 24 * 60)
    works = Maintenance(
        *("feed", "new power feed", "web3, web4", frozenset({"web3", "web4"})),
        hours=hours,
        ends=NOW + 6 * 3600,
    )
    house = _house(folder, given=replace(racks(), maintenance=(works,)), leader="mon1")
    old = (alert("FilesystemFillingUp", "web2"), alert(at="web3/app"))
    await house.journal.write(ev.Armed("first_look", old))
    house.clock.pass_by(60)
    for number, place in enumerate(("web1/app", "web2/nginx"), 1):
        await house.open(house.trouble(at=place), str(number))
        house.clock.pass_by(40)
    await house.journal.write(
        ie.IncidentClosed("1", "by_hand", "replaced the disk (alice (web))"),
        ie.IncidentClosed("2", "not_true", "Prometheus does not have it"),
    )
    for number, place in enumerate(("web1/nginx", "web2/app", "web3/nginx", "web4/nginx"), 3):
        await house.open(house.trouble(at=place), str(number))
    await house.held("4")
    await house.trying("5", 1)
    await house.tried("6", 2, Outcome.DONE, "restarted")
    await house.journal.write(
        ie.IncidentOpened("7", lost(began=house.clock.wall()), "none", "d1"),
        *(ie.AlertJoined("7", down(node)) for node in ("web1", "web2")),
        ie.IncidentEscalated("7", "rack_lost", "every node of rack-a was lost at the same time"),
        ie.LastLinesRead("7", LastLines("web1", ("f", NOW), NOW, LAST_LINES, "")),
        ie.LastLinesRead("7", LastLines("web2", ("g", NOW), NOW, (), "There is no line of web2.")),
        ev.NodeHeld("web4", "replacing a fan", "root (sudo: carol)", None),
    )
    return house


async def stopped(folder: Path) -> House:
    """An owner froze it, and it hears and stores nothing; a balancer's gate does not answer either."""
    house = await busy(folder)
    await house.journal.write(ev.Frozen("moving rack b", "olga (web)", owner=True))
    house.cluster.deaf.add("lb1")
    house.gates.marks = {}
    house.watch.sight = None
    house.watch.storing = False
    house.watch.minority = True
    house.desk.timelines._store = _Unreadable()
    return house


async def frozen(folder: Path) -> House:
    house = await busy(folder)
    await house.journal.write(ev.Frozen("smoke in rack c", "alice (web)"))
    return house


async def without_users(folder: Path) -> House:
    house = House(Mode.APPROVE)
    await house.arm()
    await house.open(house.trouble())
    await house.asked()
    return house


class _Unreadable(FakeStore):
    """A store whose file went bad after the start."""

    async def read_incident(
        self, incident_id: str, after: int = 0, *, most: int | None = None
    ) -> list[ev.Record]:
        raise ConfigError("journal.db: record 7 does not fit the chain")


async def long_life(folder: Path) -> House:
    """So much is over that the board has forgotten the first, and the journal cannot be read any more."""
    house = _house(folder)
    await house.arm()
    for number in range(1, KEEP_CLOSED + 2):
        await house.open(alert(at=f"web{number % 3 + 1}/nginx"), str(number))
        house.clock.pass_by(60)
        outcome = "cleared" if number % 4 else "healed"
        await house.journal.write(ie.IncidentClosed(str(number), outcome, "held for 3 s"))
    house.journal.store = _Unreadable()
    return house


async def guessed(folder: Path) -> House:
    house = _house(folder)
    assert house.desk.door is not None
    for _ in range(5):
        await house.desk.door.let_in("alice", "a guess", "127.0.0.1")
    return house


async def shut(folder: Path) -> House:
    house = _house(folder)
    (folder / "users.yml").write_text("users: [alice]\n")
    return house


async def behind_proxy(folder: Path) -> House:
    before = Proxy((ipaddress.ip_network("127.0.0.0/8"),), "X-Forwarded-User", "")
    return _house(folder, proxy=before)


# --- What happens while somebody reads -----------------------------------------------------


async def denied(house: House) -> None:
    await house.journal.write(ie.ApprovalDenied("3", 0, "carol (web)"))


async def no_room(house: House) -> None:
    house.store.full = True


async def demoted(house: House) -> None:
    assert house.users is not None
    kept = house.users.read_text()
    house.users.write_text(kept.replace("alice: {role: operator", "alice: {role: viewer"))
    house.clock.pass_by(2)
