"""The page of what is over: searched by words, node, service, outcome and time; a form that needs no script."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlencode

from healer.shapes.incidents import EndedView, HistoryView
from healer.web.frame import Frame, page
from healer.web.markup import NOTHING, Markup, element, join, link, table, void, words
from healer.web.parts import choice, incident_link, pill, section, way, ways
from healer.web.times import between, duration, moment

GOOD = frozenset({"healed", "cleared"})
"""Outcomes after which the trouble is gone."""

OUTCOMES = ("healed", "cleared", "by_hand", "not_true", "gone", "merged")

FIELDS = ("text", "node", "service", "outcome", "since", "until")


def history(
    frame: Frame,
    shown: HistoryView | None,
    given: Mapping[str, str],
    nodes: Sequence[str],
    services: Sequence[str],
    wrong: str = "",
) -> Markup:
    """Return the page.

    Args:
        frame: Whose page.
        shown: What was found; None where what was asked for makes no sense.
        given: What was asked for, as it was typed.
        nodes: Of the cluster.
        services: Of the cluster.
        wrong: What makes no sense of it.
    """
    asked = {name: given[name] for name in FIELDS if given.get(name)}
    body = (
        [element("p", words(wrong), class_="banner bad", id="wrong", role="alert")]
        if shown is None
        else [_found(shown, asked)]
    )
    return page(
        "History",
        _form(asked, nodes, services),
        *body,
        frame=frame,
        section="/history",
        live=True,
        typed=True,
    )


def _form(asked: Mapping[str, str], nodes: Sequence[str], services: Sequence[str]) -> Markup:
    def options(every: str, values: Sequence[str]) -> list[tuple[str, str]]:
        return [("", every), *((one, one) for one in values)]

    def chosen(name: str) -> str:
        return asked.get(name, "")

    inputs = (
        _input("text", "Words", asked, "search", "nginx capacity"),
        choice("node", "Node", options("any", nodes), chosen("node"), "by-node"),
        choice("service", "Service", options("any", services), chosen("service"), "by-service"),
        choice("outcome", "Outcome", options("any", OUTCOMES), chosen("outcome"), "by-outcome"),
        _input("since", "From day", asked, "date"),
        _input("until", "To day", asked, "date"),
    )
    press = element("p", element("button", "Search", type="submit"), class_="press")
    form = element(
        "form", *inputs, press, method="get", action="/history", role="search", class_="search"
    )
    return element("div", form, id="search")


def _input(name: str, label: str, asked: Mapping[str, str], kind: str, hint: str = "") -> Markup:
    given = asked.get(name, "")
    typed = void(
        "input",
        type=kind,
        id=f"by-{name}",
        name_=name,
        value=_day(given) if kind == "date" else given,
        maxlength="200" if kind == "search" else "",
        placeholder=hint,
        autocomplete="off",
    )
    return element("p", element("label", label, for_=f"by-{name}"), typed, class_="field")


def _day(given: str) -> str:
    """Return the day of what was asked for; a browser complains of anything else in a field for one."""
    try:
        return datetime.fromisoformat(given).date().isoformat()
    except ValueError:
        return ""


def _found(shown: HistoryView, asked: Mapping[str, str]) -> Markup:
    told = f"{shown['found']} of {shown['known']} that are over"
    if not shown["incidents"]:
        if not shown["known"]:
            return section("found", told, element("p", "Nothing is over yet."))
        other = ways(way("/history", "Show all that is over"))
        return section("found", told, element("p", "None is like that."), other)
    cells = [_row(one) for one in shown["incidents"]]
    heads = ("target", "cause", "outcome", "in words", "closed", "took", "tried")
    return section("found", told, table(heads, cells, "cards"), _pages(shown, asked))


def _row(one: EndedView) -> tuple[object, ...]:
    outcome = pill(
        one["outcome"].replace("_", " "), "closed" if one["outcome"] in GOOD else "plain"
    )
    return (
        incident_link(one["id"], words(one["target"])),
        words(one["cause"]),
        outcome,
        words(one["detail"] or "-"),
        moment(one["closed_at"]),
        duration(between(one["opened_at"], one["closed_at"]) or 0.0),
        words(", ".join(dict.fromkeys(one["actions"])) or "nothing"),
    )


def _pages(shown: HistoryView, asked: Mapping[str, str]) -> Markup:
    if shown["pages"] == 1:
        return NOTHING

    def to(number: int, text: str) -> object:
        if not 1 <= number <= shown["pages"]:
            return NOTHING
        return link(f"/history?{urlencode({**asked, 'page': str(number)})}", text)

    parts = [
        to(shown["page"] - 1, "Newer"),
        element("span", f"page {shown['page']} of {shown['pages']}"),
        to(shown["page"] + 1, "Older"),
    ]
    inner = join([part for part in parts if part], " ")
    return element("nav", inner, aria_label="Pages", class_="pages")
