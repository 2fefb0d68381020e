"""A browser as people have it, and a cluster that is worth looking at."""

from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, Route, async_playwright

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.decide import decide
from healer.core.decision import Hold, awaited_yes
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

SHOTS = Path(__file__).parents[3] / "build/screenshots"
"""Where photographs are left, for people to look at."""

SOON = 10_000
"""Milliseconds: well before the 15 s after which a page is read again even if nobody says that it should be."""


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


@dataclass
class Screen:
    """One window.

    Attributes:
        page: What it shows.
        base: Where the healer is.
        complaints: What the browser complained about.
        expected: The status of an answer that it need not complain about.
    """

    page: Page
    base: str
    complaints: list[str]
    expected: int = 200

    async def open(self, path: str, status: int = 200) -> None:
        """Go to a page of the healer, which is answered with this status."""
        self.expected = status
        response = await self.page.goto(self.base + path)
        assert response is not None
        assert response.status == status, f"{path}: {response.status}"

    async def press(self, button: str, status: int = 200) -> None:
        """Press a button of the page, which is answered with this status."""
        self.expected = status
        async with self.page.expect_navigation() as answered:
            await self.page.get_by_role("button", name=button).click()
        response = await answered.value
        assert response is not None
        assert response.status == status, f"{button}: {response.status}"

    def complain(self, text: str) -> None:
        """Keep a complaint, but about the status that is expected."""
        if self.expected == 200 or f"a status of {self.expected}" not in text:
            self.complaints.append(text)

    async def resize(self, size: tuple[int, int]) -> None:
        """Make the window as wide and high as this."""
        await self.page.set_viewport_size({"width": size[0], "height": size[1]})

    async def photograph(self, name: str) -> None:
        """Leave a photograph of the whole page among SHOTS.

        Chromium itself is asked, to pack it in haste: Playwright's own way takes almost twice the time.
        """
        session = await self.page.context.new_cdp_session(self.page)
        try:
            box = (await session.send("Page.getLayoutMetrics"))["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": box["width"], "height": box["height"], "scale": 1}
            how = {"captureBeyondViewport": True, "optimizeForSpeed": True, "clip": clip}
            taken = await session.send("Page.captureScreenshot", how)
        finally:
            await session.detach()
        (SHOTS / f"{name}.png").write_bytes(b64decode(taken["data"]))

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
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[Screen]:
    """Open a window of a person's own browser.

    Args:
        browser: Chromium.
        base: Where the healer is.
        person: Who signs in; None for nobody, whose browser opens no dialog of its own either.
        size: Of the window.
        dark: What the person prefers.
        scripts: Whether the browser runs any.
        headers: What the browser of nobody sends beside its own.
    """

    async def without_asking(route: Route) -> None:
        response = await route.fetch(headers={**route.request.headers, **(headers or {})})
        kept = {key: one for key, one in response.headers.items() if key != "www-authenticate"}
        await route.fulfill(response=response, headers=kept)

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
    if person is None:
        await page.route("**/*", without_asking)
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
        ie.AlertJoined("4", alert("FilesystemFillingUp", "web2", began=house.clock.wall())),
        ie.IncidentEscalated("4", "attempts", "2 of 2 attempts of service.restart did not help"),
        ev.NodeHeld("mon1", "new disk", "carol (web)", house.clock.wall() + 5400),
        ev.AlertRefused(alert(at="web9/nginx"), "unknown_target", "cluster.yml has no web9/nginx."),
    )
    house.clock.pass_by(11)
    house.watch.look_at_nodes(picture(house), house.topology)
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
        ie.IncidentHeld(incident, decision.hold, decision.verdicts, awaited_yes(decision))
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
            ie.VerificationEnded(incident, f"1.1.{number}", True, False, "proved", "held for 2 s")
        )
    await house.journal.write(
        ie.IncidentMitigated(incident, "pool.drain of web/web3 stands on lb1, lb2")
    )


def picture(house: House, down: frozenset[str] = frozenset({"web1", "web3"})) -> Picture:
    """Return what Prometheus says of the cluster: of these nodes that they do not serve, and two marks."""
    since = house.clock.wall() - 500
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
            if down
            else ()
        ),
    )
