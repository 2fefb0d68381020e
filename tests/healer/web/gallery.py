"""Every state in which a healer answers with a page, and what there is to be photographed in each.

A page that is not here is seen by nobody before an operator sees it at night.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from healer.metrics import Metrics
from healer.web.standby import Waiting
from tests.healer.web import states, upkeep_states
from tests.healer.web.house import House
from tests.healer.web.people import ALICE, BOB, Person
from tests.healer.web.screens import at, busy
from tests.healer.web.test_standby import standing_by

OLD = "/incidents/1"
"""An incident that the board of a long life has forgotten."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One page.

    Attributes:
        path: What is opened.
        status: Of the answer that is photographed.
        table: Whether it has a table whatever happens.
        press: The button that is pressed on it, whose answer is photographed; empty for the page itself.
        meanwhile: What happens while the person reads it, before the button is pressed.
    """

    path: str
    status: int = 200
    table: bool = False
    press: str = ""
    meanwhile: Callable[[House], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """One state of a healer, and who looks at it.

    Attributes:
        build: Makes it, in a folder of its own.
        shots: By the name of the photograph.
        person: See `screen`.
        headers: See `screen`.
    """

    build: Callable[[Path], Awaitable[House | Waiting]]
    shots: Mapping[str, Shot]
    person: Person | None = ALICE
    headers: Mapping[str, str] = field(default_factory=dict)


@asynccontextmanager
async def served(built: House | Waiting, folder: Path) -> AsyncIterator[str]:
    """Serve a healer that leads, or one that does not; it gives the address."""
    if isinstance(built, House):
        async with at(built) as base:
            yield base
        return
    async with standing_by(built, folder / "ctl.sock") as (session, _):
        yield str(session._base_url).rstrip("/")


def _standby(name: str, leader: str | None, there: str = "", *, starting: bool = False) -> Scene:
    async def build(_: Path) -> Waiting:
        return Waiting("first", "mon1", Metrics("0.1.0"), lambda _: there, leader, starting)

    runbook = Shot("/runbooks/HealerNoLeader")
    return Scene(build, {name: Shot("/incidents/17?x=y", 503), f"{name}-runbook": runbook})


SCENES = {
    "busy": Scene(
        busy,
        {
            "incidents": Shot("/incidents", table=True),
            "approve": Shot("/incidents/3"),
            "mitigated": Shot("/incidents/2"),
            "escalated": Shot("/incidents/4"),
            "healed": Shot("/incidents/1"),
            "guards": Shot("/guards", table=True),
            "ladders": Shot("/ladders", table=True),
            "history": Shot("/history", table=True),
            "history-none": Shot("/history?text=haproxy&node=web2&outcome=healed&until=2027-01-16"),
            "history-wrong": Shot("/history?since=tomorrow", 400),
            "marks": Shot("/marks"),
            "maintenance-none": Shot("/maintenance", table=True),
            "node-marked": Shot("/nodes/web3", table=True),
            "no-node": Shot("/nodes/web9", 404),
            "group": Shot("/groups/web", table=True),
            "group-control": Shot("/groups/control", table=True),
            "no-group": Shot("/groups/db", 404),
            "stop": Shot("/stop?node=web1"),
            "runbooks": Shot("/runbooks/"),
            "runbook": Shot("/runbooks/ServiceDown"),
            "refused": Shot("/refused", table=True),
            "refused-one": Shot("/refused/ServiceDown:web9%2Fnginx:first"),
            "nowhere": Shot("/nowhere", 404),
            "no-incident": Shot("/incidents/99", 404),
            "no-runbook": Shot("/runbooks/NoSuchAlert", 404),
            "no-refused": Shot("/refused/none", 404),
            "no-command": Shot("/do/approve", 405),
        },
    ),
    "first start": Scene(
        states.first_start,
        {
            "first-start": Shot("/"),
            "first-start-guards": Shot("/guards", table=True),
            "first-start-history": Shot("/history"),
            "first-start-stop": Shot("/stop"),
            "first-start-refused": Shot("/refused"),
        },
    ),
    "calm": Scene(
        states.calm,
        {
            "calm": Shot("/"),
            "calm-marks": Shot("/marks"),
            "calm-maintenance": Shot("/maintenance"),
        },
    ),
    "at work": Scene(
        states.at_work,
        {
            "at-work": Shot("/"),
            "open": Shot("/incidents/3"),
            "held": Shot("/incidents/4"),
            "acting": Shot("/incidents/5"),
            "verifying": Shot("/incidents/6"),
            "rack-lost": Shot("/incidents/7"),
            "by-hand": Shot("/incidents/1"),
        },
    ),
    "stopped": Scene(
        states.stopped,
        {
            "stopped": Shot("/"),
            "stopped-incident": Shot("/incidents/3"),
            "stopped-marks": Shot("/marks"),
            "stopped-node": Shot("/nodes/web3", table=True),
            "stopped-runbook": Shot("/runbooks/HealerFrozen"),
            "owner-froze": Shot("/stop"),
        },
    ),
    "upkept": Scene(
        upkeep_states.upkept,
        {
            "maintenance": Shot("/maintenance", table=True),
            "upkept": Shot("/"),
            "node": Shot("/nodes/web10", table=True),
            "node-away": Shot("/nodes/web8", table=True),
            "group-rolling": Shot("/groups/web", table=True),
        },
    ),
    "a roll that failed": Scene(
        upkeep_states.roll_failed, {"maintenance-failed": Shot("/maintenance", table=True)}
    ),
    "upkeep with hostile words": Scene(
        upkeep_states.upkept_hostile, {"maintenance-hostile": Shot("/maintenance", table=True)}
    ),
    "upkeep of many": Scene(
        upkeep_states.upkept_many,
        {
            "maintenance-many": Shot("/maintenance", table=True),
        },
    ),
    "frozen": Scene(states.frozen, {"frozen": Shot("/stop")}),
    "nobody signs in": Scene(
        states.without_users,
        {
            "without-users": Shot("/"),
            "without-users-incident": Shot("/incidents/1"),
            "without-users-stop": Shot("/stop"),
            "without-users-node": Shot("/nodes/web1", table=True),
        },
    ),
    "a viewer": Scene(
        busy,
        {
            "viewer-stop": Shot("/stop"),
            "viewer-incident": Shot("/incidents/3"),
            "viewer-node": Shot("/nodes/web3", table=True),
        },
        BOB,
    ),
    "a long life": Scene(
        states.long_life,
        {
            "history-page": Shot("/history?page=2", table=True),
            "unreadable": Shot(OLD, 503),
        },
    ),
    "what a command led to": Scene(
        busy,
        {
            "not-done-changed": Shot("/incidents/3", 409, press="Approve", meanwhile=states.denied),
            "done": Shot("/incidents/3", press="Put it into Hale's hands"),
            "not-done-no-room": Shot("/stop", 503, press="Release mon1", meanwhile=states.no_room),
            "not-done-viewer": Shot("/stop", 403, press="Release mon1", meanwhile=states.demoted),
        },
    ),
    "a stranger": Scene(
        busy,
        {
            "sign-in": Shot("/incidents/3", 401),
            "sign-in-runbooks": Shot("/runbooks/"),
            "sign-in-runbook": Shot("/runbooks/ServiceDown"),
        },
        None,
    ),
    "a wrong password": Scene(
        states.first_start,
        {"sign-in-wrong": Shot("/", 401)},
        None,
        Person("alice", "a guess").headers,
    ),
    "too many guesses": Scene(
        states.guessed, {"sign-in-too-often": Shot("/", 429)}, None, ALICE.headers
    ),
    "no file of users": Scene(states.shut, {"sign-in-shut": Shot("/", 503)}, None, ALICE.headers),
    "a proxy that is silent": Scene(states.behind_proxy, {"sign-in-silent": Shot("/", 403)}, None),
    "a proxy that names somebody": Scene(
        states.behind_proxy,
        {"sign-in-unknown": Shot("/", 403)},
        None,
        {"X-Forwarded-User": "dave"},
    ),
    "another name": Scene(
        states.without_users, {"other-name": Shot("/", 421)}, None, {"Host": "hale.elsewhere"}
    ),
    "a standby": _standby("standby", "mon2", "http://10.0.0.2:9595"),
    "a standby without an address": _standby("standby-no-address", "mon2"),
    "a standby of nobody": _standby("standby-of-nobody", None),
    "a leader that starts": _standby("starting", "mon1", starting=True),
}
