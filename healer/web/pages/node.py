"""The page of one node: what keeps it away, what its maintenance would do, and what it lacks to come back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from healer.shapes.guards import FreezeView, HoldView
from healer.shapes.incidents import IncidentRow
from healer.shapes.marks import MarkStateView
from healer.shapes.upkeep import AdmissionView, PlanView, UpkeepView
from healer.web.away import anew, start
from healer.web.away import card as away_card
from healer.web.frame import Frame, page
from healer.web.markup import NOTHING, Markup, element, join, table, words
from healer.web.parts import (
    because,
    card,
    code,
    console,
    form,
    group_link,
    owner_link,
    pairs,
    pill,
    section,
    stops,
    way,
    ways,
)
from healer.web.planned import planned_node
from healer.web.times import moment

MOST = 50
"""Incidents and marks on the page."""

LASTS = ("taking", "away")
"""Phases of a maintenance for which it can be said anew for how long, counted from now."""

HEALTH: dict[bool | None, tuple[str, str]] = {
    True: ("serves", "serving"),
    False: ("does not serve", "down"),
    None: ("not known", "unknown"),
}
SCRAPED: dict[bool | None, tuple[str, str]] = {
    True: ("heard", "serving"),
    False: ("not heard", "down"),
    None: ("not known", "unknown"),
}
EVIDENCE = (
    "What a vendor asks for, in one archive: its incidents, the figures of its hardware, who it is. On the healer's "
    "node:"
)


@dataclass(frozen=True, slots=True)
class NodeShown:
    """What the page shows.

    Attributes:
        name: The node's.
        domain: Its failure domain.
        groups: Those that it is in.
        scraped: Whether Prometheus hears its exporter; None where nobody says.
        services: Whether each serves; None where nobody says.
        freezes: Why nothing is done anywhere.
        holds: People's, on it.
        away: Its upkeep, where it is out of service.
        incidents: Open ones about it.
        marks: At its gate, or about it.
        planned: What its maintenance would do; a sentence where nobody can say.
        admission: What it has to show before it comes back.
    """

    name: str
    domain: str
    groups: Sequence[str]
    scraped: bool | None
    services: Mapping[str, bool | None]
    freezes: Sequence[FreezeView]
    holds: Sequence[HoldView]
    away: Sequence[UpkeepView]
    incidents: Sequence[IncidentRow]
    marks: Sequence[MarkStateView]
    planned: PlanView | str
    admission: AdmissionView


def node(frame: Frame, shown: NodeShown) -> Markup:
    """Return the page."""
    return page(
        shown.name,
        stops(shown.freezes),
        section("stands", "How it stands", pairs(_stands(shown))),
        _away(frame, shown),
        _incidents(frame, shown.incidents),
        _marks(shown.marks),
        _admission(frame, shown.admission),
        _plan(frame, shown),
        section("evidence", "Evidence", element("p", EVIDENCE), _evidence(shown.name)),
        _typed(frame, shown.name),
        frame=frame,
        section="/maintenance",
        live=True,
        typed=True,
    )


def _stands(shown: NodeShown) -> dict[str, object]:
    services = [
        element("li", words(name), " ", pill(*HEALTH[serves]))
        for name, serves in shown.services.items()
    ]
    held = [
        element("li", words(one["reason"]), " by ", words(one["by"]), *_until(one))
        for one in shown.holds
    ]
    named: dict[str, object] = {
        "services": element("ul", *services, class_="members") if services else "none",
        "exporter": pill(*SCRAPED[shown.scraped]),
        "groups": join([group_link(one) for one in shown.groups] or ["none"], ", "),
        "failure domain": words(shown.domain),
    }
    if held:
        named["held"] = element("ul", *held, class_="plain")
    return named


def _until(one: HoldView) -> list[object]:
    return [", until ", moment(one["until"])] if one["until"] else []


def _away(frame: Frame, shown: NodeShown) -> Markup:
    if not shown.away:
        return NOTHING
    cards = (away_card(frame, one) for one in shown.away)
    lasts = (one for one in shown.away if one["kind"] == "person" and one["phase"] in LASTS)
    return section("away", "Out of service", *cards, *(anew(frame, one) for one in lasts))


def _incidents(frame: Frame, rows: Sequence[IncidentRow]) -> Markup:
    if not rows:
        return NOTHING
    left = len(rows) - MOST
    more = element("p", f"{left} more are open.", class_="quiet") if left > 0 else NOTHING
    cards = (card(one, frame.now) for one in rows[:MOST])
    return section("incidents", "Open incidents", *cards, more)


def _marks(marks: Sequence[MarkStateView]) -> Markup:
    if not marks:
        return NOTHING
    cells = [
        (
            code(one["mark"]),
            words(one["subject"]),
            words(one["node"]),
            join([owner_link(owner) for owner in one["owners"]] or ["-"], ", "),
            words(one["how"] or "-"),
        )
        for one in marks[:MOST]
    ]
    heads = ("mark", "of", "at the gate of", "for", "comes back")
    more = ways(way("/marks", "What each of all marks waits for"))
    return section("marks", "Taken away here", table(heads, cells, "cards"), more)


def _admission(frame: Frame, shown: AdmissionView) -> Markup:
    kept = bool(shown["incidents"])
    said = (
        "Hale took something from it, and gives it back once each of these is so."
        if kept
        else "No incident took anything from it, so there is nothing to admit. Each of these would be asked."
    )
    cells = [
        (
            words(one["step"]),
            _is_so(one["reason"]),
            words(one["have"]),
            words(one["need"]),
        )
        for one in shown["steps"]
    ]
    checks = table(("asked", "is so", "has", "needs"), cells, "cards")
    if not kept:
        folded = element("details", element("summary", "The checks"), checks, id="checks")
        return section("admit", "Coming back", element("p", said, class_="quiet"), folded)
    gives = [element("li", words(one)) for one in shown["gives"]]
    given = join([element("p", "It would get back:"), element("ul", *gives)]) if gives else NOTHING
    return section(
        *("admit", "Coming back", element("p", said), checks, given),
        _admit(frame, shown),
    )


def _is_so(reason: str) -> Markup:
    return join([pill("no", "held"), " ", code(reason)]) if reason else pill("yes", "allows")


def _admit(frame: Frame, shown: AdmissionView) -> Markup:
    """Return the button, where all is so; it asks everything again."""
    if not shown["admits"]:
        why = next(one for one in shown["steps"] if one["reason"])
        wait = because(why["reason"], f"{why['step']}: needs {why['need']}")
        return element("p", element("strong", "Not yet: "), wait)
    if frame.signer is None:
        return element("p", code(f"hale-healer admit {shown['node']}"))
    text = f"Switch {shown['node']} on" if shown["fenced"] else f"Admit {shown['node']}"
    pressed = form(frame, "admit", text, fields={"node": shown["node"]}, class_="adopt")
    return element("div", pressed, class_="actions")


def _plan(frame: Frame, shown: NodeShown) -> Markup:
    title = "What its maintenance would do"
    if shown.away:
        return NOTHING
    if isinstance(shown.planned, str):
        return section("plan", title, element("p", words(shown.planned)))
    parts = [planned_node(one, "plan-of") for one in shown.planned["nodes"]]
    return section("plan", title, *parts, start(frame, shown.name))


def _evidence(name: str) -> Markup:
    return element("p", code(f"hale-healer evidence {name}"))


def _typed(frame: Frame, name: str) -> Markup:
    cells = [
        (f"hale-healer plan {name}", "all of the above, asked afresh"),
        (f'hale-healer maintenance start {name} --reason "WHY" --for 2h', "take it out of service"),
        (f"hale-healer maintenance end {name}", "give it back"),
        (f"hale-healer admit {name}", "let it come back"),
        (f'hale-healer hold {name} "REASON" --for 2h', "leave it alone"),
    ]
    shown = [(element("code", command), what) for command, what in cells]
    return console(frame, table(("type", "to"), shown, "cards"))
