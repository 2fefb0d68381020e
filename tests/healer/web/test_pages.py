"""The pages over a real socket: complete, safe against what strangers write, and without scripts."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import aiohttp
import pytest

from healer import text
from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import Alert
from healer.core.ladder import Window
from healer.core.lastlines import LastLines, LoggedLine
from healer.core.maintenance import Maintenance
from healer.core.plan import Escalate, plan
from tests.healer.core.domains import down, lost, racks
from tests.healer.core.world import NOW, alert, topology
from tests.healer.web.house import HOSTILE, House

GOLDEN = Path(__file__).parent / "golden"

VOID = {"meta", "link", "input"}
TEXT = {
    "h1",
    "h2",
    "h3",
    "h4",
    "p",
    "a",
    "strong",
    "code",
    "pre",
    "span",
    "bdi",
    "ul",
    "ol",
    "li",
    "time",
}
TABLE = {"table", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd"}
PARTS = {"header", "main", "nav", "section", "article", "div", "details", "summary", "noscript"}
FORMS = {"form", "button", "label", "select", "option"}
KNOWN = VOID | TEXT | TABLE | PARTS | FORMS | {"html", "head", "title", "body", "script"}
LEAD_SOMEWHERE = ("href", "src", "action")


class Reader(HTMLParser):
    """Reads a page as a browser would, and complains about what should not be in it."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in KNOWN, f"<{tag}> is not ours"
        for name, value in attrs:
            assert not name.startswith("on"), f"<{tag}> has {name}"
            assert name != "style", f"<{tag}> has a style of its own"
            if name in LEAD_SOMEWHERE:
                assert (value or "").startswith(("/", "http://", "https://", "#")), value
        if tag == "script":
            assert dict(attrs).get("src", "").startswith("/static/"), "a script in the page itself"
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag
        if tag in TABLE | PARTS | {"p", "li", "h1", "h2", "button", "option"}:
            self.text.append(" ")

    def handle_data(self, data: str) -> None:
        if self.stack[-1:] != ["script"]:
            self.text.append(data)


def reads(html: str) -> str:
    """Return the text that a person sees."""
    reader = Reader()
    reader.feed(html)
    assert reader.stack == []
    return " ".join("".join(reader.text).split())


async def see(session: aiohttp.ClientSession, path: str, code: int = 200) -> str:
    """Return a page's text, and hold its headers and its HTML to what every page keeps."""
    response = await session.get(path)
    assert response.status == code
    assert response.content_type == "text/html"
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    return reads(await response.text())


async def test_the_first_page_says_what_is_open_why_and_what_comes_next() -> None:
    house = House()
    await house.arm()
    await house.open(house.trouble())
    await house.held()
    async with house.public() as session:
        page = await see(session, "/")
        assert page == await see(session, "/incidents")
    assert "1 incident needs a person" in page
    assert "web1/nginx" in page
    assert "capacity web cannot spare web1 now." in page
    assert "service.restart on web1/nginx, once capacity allows: needs 1 left in web" in page


async def test_a_lost_rack_is_one_incident_by_the_name_of_the_rack() -> None:
    house = House(given=racks())
    await house.arm()
    cause, nodes = lost(), [down("web1"), down("web2")]
    await house.journal.write(
        ie.IncidentOpened("1", cause, "none", "d1"),
        *(ie.AlertJoined("1", one) for one in nodes),
    )
    called = plan(house.journal.board.incidents["1"], house.topology)
    assert isinstance(called, Escalate)
    await house.journal.write(ie.IncidentEscalated("1", called.reason, called.detail))
    async with house.public() as session:
        row, whole = await see(session, "/"), await see(session, "/incidents/1")
        asked = await (await session.get("/api/v1/incidents/1")).json()
    assert "rack-a" in row
    assert "DomainLost at rack-a is in a person's hands" in whole
    assert "every node of rack-a was lost at the same time: web1, web2" in whole
    assert "NodeDown at web2 is a symptom of it" in whole
    assert "hale-gate" not in whole  # there is no one node to hold
    assert (asked["target"], asked["node"], asked["failure_domain"]) == ("rack-a", "", "rack-a")
    assert asked["answers"] == ["close"]
    shown = text.incident(asked)
    assert re.search(r"^target +rack-a$", shown, re.MULTILINE)


async def test_a_calm_cluster_says_so() -> None:
    house = House()
    await house.arm()
    async with house.public() as session:
        page = await see(session, "/")
    assert "All is well" in page
    assert "Hale does nothing" not in page


async def test_of_several_healers_each_page_says_which_one_leads() -> None:
    """The name of a dead one is no help at night."""
    for leader, says in (("mon2", True), ("", False)):
        house = House(leader=leader)
        await house.arm()
        async with house.public() as session:
            for path in ("/", "/guards", "/history"):
                assert ("led by mon2" in await see(session, path)) is says


async def test_whatever_stops_the_healer_stands_above_everything_else() -> None:
    house = House()
    await house.open(house.trouble())
    await house.journal.write(ev.Frozen("moving rack b", "alice (sudo: al)"))
    house.watch.sight = None
    async with house.public() as session:
        for path in ("/", "/incidents/1"):
            page = await see(session, path)
            assert "Frozen by alice (sudo: al): moving rack b" in page
            for word in ("not_armed", "no_watchdog", "alertmanager_silent"):
                assert word in page
            body = page.partition("Skip to the content")[2]
            assert body.index("moving rack b") < body.index(
                "ladder" if "ladder" in body else "group"
            )


async def test_the_windows_that_are_open_stand_on_the_first_page_and_in_the_status() -> None:
    plain = topology()
    hours = Window("kernel", frozenset(range(7)), 0, 24 * 60)
    kernel = Maintenance(
        "kernel", "new <b>", "group web", frozenset({"web1"}), hours, ends=NOW + 3600
    )
    never = replace(kernel, name="parts", reason="for parts", about="web9", ends=None)
    over = replace(kernel, name="over", ends=NOW)
    house = House(given=replace(plain, maintenance=(kernel, over, never)))
    await house.arm()
    async with house.public() as session:
        page = await see(session, "/")
        shown = await (await session.get("/api/v1/status")).json()
    assert (
        "In maintenance window of why until kernel group web new <b> 2027-01-15 09:00:00Z" in page
    )
    assert "parts web9 for parts cluster.yml is edited" in page
    assert "over group web" not in page
    assert shown["maintenance"] == [
        {
            "name": "kernel",
            "about": "group web",
            "reason": "new <b>",
            "until": "2027-01-15T09:00:00.000Z",
        },
        {"name": "parts", "about": "web9", "reason": "for parts", "until": None},
    ]
    said = text.status(shown)
    assert "in maintenance  group web until 2027-01-15T09:00:00.000Z: new <b> (kernel)" in said
    assert "in maintenance  web9 until cluster.yml is edited: for parts (parts)" in said
    house = House()
    await house.arm()
    async with house.public() as session:
        assert "In maintenance" not in await see(session, "/")


async def test_what_was_firing_before_arming_is_counted() -> None:
    house = House()
    await house.journal.write(ev.Armed("first_look", (alert(),)))
    async with house.public() as session:
        assert "fired before arming 1 alert: explained, not touched" in await see(session, "/")


def lasting(html: str) -> str:
    """Leave out what is another in each life of the healer, or with each change of a style."""
    html = re.sub(r'data-revision="[^"]+"', 'data-revision="..."', html)
    return re.sub(r"(/static/[a-z]+)\.[0-9a-f]{12}\.", r"\1.HASH.", html)


async def test_one_incident_is_shown_whole(request: pytest.FixtureRequest) -> None:
    house = House()
    await house.arm()
    await house.open(house.trouble(note=HOSTILE))
    await house.journal.write(ie.AlertJoined("1", alert(at="web1/app", began=house.clock.wall())))
    await house.healed()
    async with house.public() as session:
        response = await session.get("/incidents/1")
        html = lasting(await response.text())
        await see(session, "/incidents/1")
    path = GOLDEN / "incident.html"
    if request.config.getoption("--rewrite"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(html)
    assert html == path.read_text()


async def test_a_held_incident_shows_each_guard_and_what_to_type() -> None:
    house = House()
    await house.open(house.trouble())
    await house.held(reason="approval_needed")
    async with house.public() as session:
        page = await see(session, "/incidents/1")
    assert "approval_needed web cannot spare web1 now. 0 left in web 1 left in web" in page
    for command in ("approve 1", "deny 1", "explain 1", "show 1", "freeze"):
        assert f"hale-healer {command}" in page
    assert 'hale-gate hold "working on it" --for 2h web1' in page


def last_lines(*lines: LoggedLine, trouble: str = "") -> LastLines:
    return LastLines("web1", ("f", 1.0), NOW + 5, lines, trouble)


async def test_what_a_dead_node_wrote_last_stands_in_its_incident_with_how_far_to_believe_it() -> (
    None
):
    house = House()
    await house.arm()
    await house.open(down("web1"))
    disk = LoggedLine(NOW + 1.25, "kernel", "I/O error, dev sdb", "disk", "an I/O error")
    calm = LoggedLine(None, "app", "\x1b[2Jgoing down", "benign", "")
    await house.journal.write(ie.LastLinesRead("1", last_lines(disk, calm)))
    async with house.public() as session:
        page = await see(session, "/incidents/1")
        shown = await (await session.get("/api/v1/incidents/1")).json()
    assert "Last lines of web1" in page
    assert "2027-01-15 08:00:01Z kernel disk an I/O error I/O error, dev sdb" in page
    assert "- app - \\u001b[2Jgoing down" in page
    believe = "Whoever reaches the receiver of the copies can have written them"
    assert believe in page
    assert "last lines 2 lines that web1 sent before; of a failure tell 1: disk" in page
    assert shown["last_lines"] == [
        {
            "node": "web1",
            "read_at": "2027-01-15T08:00:05.000Z",
            "lines": [
                {
                    "at": "2027-01-15T08:00:01.250Z",
                    "by": "kernel",
                    "text": "I/O error, dev sdb",
                    "failure_type": "disk",
                    "cause": "an I/O error",
                },
                {
                    "at": None,
                    "by": "app",
                    "text": "\x1b[2Jgoing down",
                    "failure_type": "benign",
                    "cause": "",
                },
            ],
            "trouble": "",
        }
    ]
    typed = text.incident(shown)
    assert "Last lines of web1\nAs the copies had them at 2027-01-15T08:00:05.000Z" in typed
    assert "2027-01-15T08:00:01.250Z  kernel  disk     I/O error, dev sdb" in typed
    assert believe in typed
    assert "\x1b" not in typed


async def test_why_a_dead_node_has_no_last_lines_stands_there_too() -> None:
    house = House()
    await house.arm()
    await house.open(down("web1"))
    why = "The copies are on mon1, and this healer runs on mon2."
    await house.journal.write(ie.LastLinesRead("1", last_lines(trouble=why)))
    async with house.public() as session:
        page = await see(session, "/incidents/1")
        shown = await (await session.get("/api/v1/incidents/1")).json()
    assert page.count(why) == 2  # its own part, and the timeline
    assert why in text.incident(shown)


def hostile() -> Alert:
    """An alert of which every word is meant to do harm."""
    labels = dict(alert().labels) | {"alertname": HOSTILE, "service": HOSTILE, HOSTILE: HOSTILE}
    return Alert(HOSTILE, HOSTILE, tuple(sorted(labels.items())), 1e300)


async def test_hostile_words_change_no_page() -> None:
    house = House()
    await house.open(hostile())
    await house.journal.write(
        ie.AlertJoined("1", hostile()),
        ev.AlertRefused(hostile(), HOSTILE, HOSTILE),
        ev.Frozen(HOSTILE, HOSTILE),
        ie.IncidentEscalated("1", HOSTILE, HOSTILE),
        ie.LastLinesRead("1", last_lines(LoggedLine(1e300, HOSTILE, HOSTILE, HOSTILE, HOSTILE))),
    )
    async with house.public() as session:
        await see(session, "/")
        page = await see(session, "/incidents/1")
        await see(session, "/runbooks/%3Cscript%3E", 404)
        await see(session, "/incidents/%3Cscript%3E", 404)
        await see(session, "/refused/%3Cscript%3E", 404)
    assert "<script>alert('x')</script>" in page, "shown as text"
    assert "\\u001b[2J\\u202e%s\\n" in page, "nothing that moves a terminal or turns text around"
    assert "\u202e" not in page


async def test_the_style_sheet_is_served_and_knows_the_dark() -> None:
    async with House().public() as session:
        page = await (await session.get("/")).text()
        start = page.index("/static/style.")
        response = await session.get(page[start : page.index('"', start)])
        assert (response.status, response.content_type) == (200, "text/css")
        assert "immutable" in response.headers["Cache-Control"]
        assert "prefers-color-scheme: dark" in await response.text()
        assert (await session.get("/static/style.000000000000.css")).status == 404
