"""What is around every page: who looks, how live it is, and where else to go."""

from dataclasses import dataclass

from healer.plain import printable
from healer.web.assets import url
from healer.web.markup import NOTHING, Markup, element, join, link, void
from healer.web.times import moment
from healer.web.tokens import Signer

SECTIONS = (
    ("/incidents", "Incidents"),
    ("/history", "History"),
    ("/ladders", "Ladders"),
    ("/guards", "Guards"),
    ("/marks", "Marks"),
    ("/maintenance", "Maintenance"),
    ("/runbooks/", "Runbooks"),
    ("/stop", "Stop"),
)

REFRESH = 15
"""Seconds after which a browser without scripts reads a live page anew."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Whom a page is for, and when.

    Attributes:
        cluster: Its name.
        now: When the page was made.
        leader: The node of the healer that shows it, where there are several.
        revision: What it shows; see healer.web.live.
        user: Who signed in; empty for nobody.
        role: Theirs.
        signs: Whether people sign in here at all.
        owns: Whether they may do what is for owners.
        signer: Makes forms that its user may send; None where they may change nothing.
        said: What came of the command that led here, and empty where none did.
    """

    cluster: str
    now: str
    leader: str = ""
    revision: str = ""
    user: str = ""
    role: str = ""
    signs: bool = False
    owns: bool = False
    signer: Signer | None = None
    said: str = ""


def page(
    title: str,
    *body: object,
    frame: Frame | None = None,
    section: str = "",
    live: bool = False,
    typed: bool = False,
    again: bool = False,
    tab: str = "",
) -> Markup:
    """Return a whole page.

    Args:
        title: Its heading.
        body: What is under it; of a live page, sections with an id each.
        frame: None for one that shows nothing of this cluster.
        section: The path of the part of the site that it belongs to.
        live: Whether it follows what happens.
        typed: Whether people type into it, so that a browser without scripts must not read it anew by itself.
        again: Whether any browser reads it anew by itself, with scripts too; see REFRESH.
        tab: What the browser's tab says, where that is not the title.
    """
    following = frame if live else None
    inner = join(
        [
            element("a", "Skip to the content", href="#main", class_="skip"),
            _top(frame, section, following),
            element(
                "main",
                join([element("h1", title, id="title"), _said(frame), *body], "\n"),
                id="main",
                data_revision=following.revision if following else "",
                data_now=following.now if following else "",
            ),
            element("p", "", id="said", role="status", class_="unseen"),
        ],
        "\n",
    )
    head = _head(tab or title, following, typed=typed, again=again)
    return Markup(f'<!doctype html>\n<html lang="en">\n{head}\n<body>\n{inner}\n</body>\n</html>\n')


def _head(title: str, following: Frame | None, *, typed: bool, again: bool) -> Markup:
    refresh = void("meta", http_equiv="refresh", content=str(REFRESH))
    parts = [
        void("meta", charset="utf-8"),
        void("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        void("meta", name_="color-scheme", content="light dark"),
        element("title", f"{printable(title)} · Hale"),
        void("link", rel="icon", href=url("icon.svg"), type="image/svg+xml"),
        void("link", rel="stylesheet", href=url("style.css")),
    ]
    if following is not None:
        parts.append(element("script", "", src=url("live.js"), defer="defer"))
    if following is not None and not typed:
        parts.append(element("noscript", refresh))
    if again:
        parts.append(refresh)
    return element("head", join(parts, "\n"))


def _top(frame: Frame | None, section: str, following: Frame | None) -> Markup:
    brand = element(
        "a", element("span", "", class_="mark"), "Hale", href="/incidents", class_="brand"
    )
    links = [
        element("a", name, href=path, aria_current="page" if path == section else "")
        for path, name in SECTIONS
    ]
    nav = element("nav", *links, aria_label="Hale")
    return element("header", brand, nav, _whose(frame, following), class_="top")


def _whose(frame: Frame | None, following: Frame | None) -> Markup:
    if frame is None:
        return NOTHING
    who: object = ""
    if frame.user:
        who = element("span", element("strong", frame.user), f" {frame.role}", class_="who")
    elif frame.signs:
        who = link("/incidents", "Sign in")
    as_of = NOTHING
    if following is not None:
        as_of = element("span", "as of ", moment(frame.now), id="live", data_state="still")
    leader = element("span", f"led by {frame.leader}", class_="leader") if frame.leader else NOTHING
    cluster = element("span", frame.cluster, class_="cluster")
    return element("p", cluster, leader, as_of, who, class_="where")


def _said(frame: Frame | None) -> Markup:
    if frame is None or not frame.said:
        return NOTHING
    return element("p", frame.said, role="status", class_="banner well", id="outcome")
