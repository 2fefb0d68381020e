"""A browser as people have it, and a cluster that is worth looking at."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from healer.core import events as ev
from healer.core.alert import Target
from healer.core.decide import Hold, awaited_yes, decide
from healer.core.incident import Outcome
from healer.core.ladder import Mode
from healer.core.look import Mark
from healer.core.order import Sight
from healer.core.picture import NodeHealth, Picture, SeenMark
from healer.core.topology import Group, Node, Pool, Topology
from tests.healer.core.world import alert, topology
from tests.healer.tier import DRAIN
from tests.healer.web.house import House
from tests.healer.web.people import ALICE, Person, known, users_file

CHROMIUM = Path("/usr/bin/chromium")
"""Debian's; `make setup` installs it."""

FLAGS = (
    "--no-sandbox",  # as root in a container there is none
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

DESK, PHONE = (1280, 900), (390, 844)
"""Width and height."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start Debian's Chromium."""
    assert CHROMIUM.exists(), f"{CHROMIUM} is missing: run make setup"
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def at(house: House) -> AsyncIterator[str]:
    """Serve a healer's pages; it gives their address."""
    async with house.public() as session:
        yield str(session._base_url).rstrip("/")


NOWHERE = "/nowhere"
"""A page that the healer does not have."""


@dataclass
class Screen:
    """One window, and what the browser complained about in it."""

    page: Page
    base: str
    complaints: list[str]

    async def open(self, path: str) -> None:
        """Go to a page of the healer; NOWHERE is none, and says so."""
        response = await self.page.goto(self.base + path)
        assert response is not None
        assert response.status == (404 if path == NOWHERE else 200), f"{path}: {response.status}"

    def complain(self, text: str) -> None:
        """Keep a complaint, but that NOWHERE is not there."""
        if not (self.page.url.endswith(NOWHERE) and "404" in text):
            self.complaints.append(text)

    async def text(self) -> str:
        """Return what a person reads on the page."""
        return " ".join((await self.page.inner_text("body")).split())


@asynccontextmanager
async def screen(
    browser: Browser,
    base: str,
    person: Person | None = ALICE,
    size: tuple[int, int] = DESK,
    *,
    dark: bool = False,
    scripts: bool = True,
) -> AsyncIterator[Screen]:
    """Open a window of a person's own browser.

    Args:
        browser: Chromium.
        base: Where the healer is.
        person: Who signs in; None for nobody.
        size: Of the window.
        dark: What the person prefers.
        scripts: Whether the browser runs any.
    """
    credentials = {"username": person.name, "password": person.password} if person else None
    context: BrowserContext = await browser.new_context(
        http_credentials=credentials,  # type: ignore[arg-type]
        color_scheme="dark" if dark else "light",
        viewport={"width": size[0], "height": size[1]},
        java_script_enabled=scripts,
        has_touch=size == PHONE,
        reduced_motion="reduce",
    )
    page = await context.new_page()
    try:
        found = Screen(page, base, [])
        page.on("console", lambda message: found.complain(message.text))
        page.on("pageerror", lambda error: found.complaints.append(str(error)))
        page.on("dialog", lambda dialog: found.complaints.append(f"dialog: {dialog.message}"))
        yield found
    finally:
        await page.unroute_all(behavior="wait")
        await context.close()


def tier() -> Topology:
    """Return web nodes behind two balancers; what a restart does not cure goes out of the pool."""
    plain = topology(mode=Mode.APPROVE)
    ladder = plain.ladders["restart-service"]
    restart, call = ladder.rungs
    balancers = {
        name: Node(name, f"10.0.1.{place}", f"rack-lb{place}")
        for place, name in enumerate(("lb1", "lb2"), 1)
    }
    return replace(
        plain,
        nodes={**balancers, **plain.nodes},
        groups={
            "lb": Group("lb", tuple(balancers), 1, control=False, mode=Mode.ACT),
            "web": replace(plain.groups["web"], min_available=2),
            "control": plain.groups["control"],
        },
        ladders={**plain.ladders, ladder.name: replace(ladder, rungs=(restart, DRAIN, call))},
        pools={"web": Pool("web", "lb", "web", "app")},
    )


async def busy(folder: Path) -> House:
    """Return a load-balanced tier in which one of each thing is going on."""
    house = House(Mode.APPROVE, tier(), users=users_file(folder), check=known)
    await house.arm()
    await house.open(house.trouble(), "1")
    await house.healed("1")
    house.clock.pass_by(3600)
    await house.open(alert(at="web3/app", began=house.clock.wall()), "2")
    await _drained(house, "2")
    house.clock.pass_by(420)
    await house.open(alert(at="web1/nginx", began=house.clock.wall()), "3")
    house.cluster.down |= {alert(at="web1/nginx").target}
    await _judged(house, "3")
    house.clock.pass_by(95)
    await house.open(alert(at="web2/app", began=house.clock.wall()), "4")
    await house.journal.write(
        ev.AlertJoined("4", alert("FilesystemFillingUp", "web2", began=house.clock.wall())),
        ev.IncidentEscalated("4", "attempts", "2 of 2 attempts of service.restart did not help"),
        ev.NodeHeld("mon1", "new disk", "carol (web)", house.clock.wall() + 5400),
        ev.AlertRefused(alert(at="web9/nginx"), "unknown_target", "cluster.yml has no web9/nginx."),
    )
    house.clock.pass_by(11)
    house.watch.look_at_nodes(_picture(house), house.topology)
    house.watch.sight = Sight((), (), (), house.clock.wall() - 4)
    return house


async def _judged(house: House, incident: str) -> None:
    """Let the guards themselves hold it."""
    house.watch.sight = Sight((), (), (), house.clock.wall() - 4)
    one = house.journal.board.incidents[incident]
    facts = await house.gatherer.read(one, house.watch.standing())
    decision = decide(one, facts, None)
    assert isinstance(decision, Hold)
    await house.journal.write(
        ev.IncidentHeld(incident, decision.hold, decision.verdicts, awaited_yes(decision))
    )


async def _drained(house: House, incident: str) -> None:
    """Let a restart be refused and both balancers take the member out."""
    await house.tried(incident, 1, Outcome.REFUSED, "config_check", "nginx: unknown directive")
    owner = house.journal.board.incidents[incident].owner
    args = (("member", "web3"), ("owner", owner), ("pool", "web"))
    drained = Mark("pool.drain", "web/web3", (owner,), True)
    mine = Mark("address.decline", "vip", ("person:carol",), True)
    house.gates.marks = {"lb1": (drained,), "lb2": (drained, mine)}
    for number, gate in enumerate(("lb1", "lb2"), 2):
        order = (1, "pool.drain", gate, args)
        await house.tried(incident, number, Outcome.DONE, "drained", order=order)
        house.clock.pass_by(2)
        await house.journal.write(
            ev.VerificationEnded(incident, f"1.1.{number}", True, False, "proved", "held for 2 s")
        )
    await house.journal.write(
        ev.IncidentMitigated(incident, "pool.drain of web/web3 stands on lb1, lb2")
    )


def _picture(house: House) -> Picture:
    since = house.clock.wall() - 500
    down = {"web1", "web3"}
    return Picture(
        house.clock.wall(),
        {node: NodeHealth(scraped=True, reached=True) for node in house.topology.nodes},
        {
            Target(node, service): node not in down
            for node in house.topology.groups["web"].nodes
            for service in ("nginx", "app")
        },
        frozenset(
            {
                SeenMark("pool.drain", "web/web3", "lb1", "incident", since),
                SeenMark("pool.drain", "web/web3", "lb2", "incident", since + 5),
                SeenMark("address.decline", "vip", "lb2", "person", since - 86400 * 2),
            }
        ),
    )
