"""Those who sign in: alice may change things, bob may look. And their browser, which sends forms as they stand."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import aiohttp

from healer.adapters import passwords
from healer.core.ladder import Mode
from tests.healer.web.house import House


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a name and a password."""

    name: str
    password: str

    @property
    def headers(self) -> dict[str, str]:
        """What their browser adds to each request."""
        return {"Authorization": aiohttp.encode_basic_auth(self.name, self.password)}


ALICE = Person("alice", "alice of Wonderland")
OLGA = Person("olga", "olga owns all of it")
BOB = Person("bob", "bob the builder, \u00fc")


@cache
def line(password: str) -> str:
    """Return what is kept of a password, made once for all tests: it is dear."""
    try:
        return str(passwords.make(password))
    except ValueError:
        return ""


def known(kept: passwords.Hash, password: str) -> bool:
    """Whether this is the password, without the third of a second that scrypt takes."""
    return str(kept) == line(password)


def users_file(folder: Path, **more: str) -> Path:
    """Write a file of users: alice the operator, olga the owner, bob the viewer, and more viewers with their passwords.

    carol the operator has none: only a proxy lets her in.
    """
    path = folder / "users.yml"
    rows = [
        f'  alice: {{role: operator, password: "{line(ALICE.password)}"}}',
        f'  olga: {{role: owner, password: "{line(OLGA.password)}"}}',
        "  carol: {role: operator}",
        f'  bob: {{role: viewer, password: "{line(BOB.password)}"}}',
        *(f'  {name}: {{role: viewer, password: "{line(one)}"}}' for name, one in more.items()),
    ]
    path.write_text("\n".join(["users:", *rows, ""]))
    path.chmod(0o600)
    return path


def house_with_users(folder: Path, mode: Mode = Mode.ACT) -> House:
    """Return a healer into which people sign in."""
    return House(mode, users=users_file(folder), check=known)


@dataclass
class Form:
    """A form as a page has it."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    button: str = ""


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self.select = ""
        self.pressing = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert given["method"] == "post"
            self.found.append(Form(given["action"]))
        elif tag == "input":
            self.found[-1].fields[given["name"]] = given.get("value", "")
        elif tag == "select":
            self.select = given["name"]
        elif tag == "option" and ("selected" in given or self.select not in self.found[-1].fields):
            self.found[-1].fields[self.select] = given["value"]
        self.pressing = tag == "button" or (self.pressing and tag in ("span", "bdi"))

    def handle_data(self, data: str) -> None:
        if self.pressing:
            self.found[-1].button += data

    def handle_endtag(self, tag: str) -> None:
        self.pressing = self.pressing and tag != "button"


def forms(html: str) -> dict[str, Form]:
    """Return a page's forms by what is written on their buttons."""
    reader = _Forms()
    reader.feed(html)
    return {one.button: one for one in reader.found}


@dataclass
class Browser:
    """One person's."""

    session: aiohttp.ClientSession

    @property
    def origin(self) -> str:
        """Where the pages are."""
        return str(self.session._base_url).rstrip("/")

    async def open(self, path: str) -> str:
        """Return a page."""
        response = await self.session.get(path)
        assert response.status == 200, await response.text()
        return await response.text()

    async def send(
        self, form: Form, headers: Mapping[str, str] | None = None, **typed: str
    ) -> tuple[int, str]:
        """Send a form, follow where it leads, and return the status and the page."""
        sent = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin", **(headers or {})}
        response = await self.session.post(
            form.action, data={**form.fields, **typed}, headers=sent, allow_redirects=False
        )
        if response.status == 303:
            return 303, await self.open(response.headers["Location"])
        return response.status, await response.text()

    async def press(self, path: str, button: str, **typed: str) -> tuple[int, str]:
        """Open a page and press a button on it."""
        return await self.send(forms(await self.open(path))[button], **typed)


async def house_that_asks(folder: Path) -> House:
    """A house with users, in which one incident waits for a person's yes."""
    house = house_with_users(folder, Mode.APPROVE)
    await house.arm()
    await house.open(house.trouble())
    await house.held(reason="approval_needed")
    return house


@asynccontextmanager
async def browsing(house: House, *people: Person | None) -> AsyncIterator[list[Browser]]:
    """Give each of these people a browser at the healer's pages; None is somebody who does not sign in."""
    async with house.public() as session:
        base = session._base_url
        browsers = [
            Browser(aiohttp.ClientSession(base, headers=one.headers if one else {}))
            for one in people
        ]
        try:
            yield browsers
        finally:
            for one in browsers:
                await one.session.close()
