"""The page of the guards: what each protects, its numbers, and what it holds now."""

from collections.abc import Sequence

from healer.shapes.guards import GuardsView, GuardView, JudgedView, VerdictView
from healer.web.frame import Frame, page
from healer.web.markup import Markup, element, join, table, words
from healer.web.parts import because, code, incident_link, section, state

MOST = 100
"""Open incidents on the page."""

MOST_HELD = 5
"""Incidents that are named beside each guard."""


def guards(frame: Frame, shown: GuardsView, open_: int) -> Markup:
    """Return the page.

    Args:
        frame: Whose page.
        shown: The guards, and at most MOST incidents.
        open_: How many incidents are open.
    """
    cells = [
        (
            element("strong", one["guard"]),
            f"{one['holds_unless']}.",
            _numbers(one["guard"], one["numbers"]),
            _says(one, shown["incidents"]),
        )
        for one in shown["guards"]
    ]
    intro = (
        "Every guard is asked before each action, in this order, on facts that were read for it. A fact that "
        "cannot be read counts as bad. None of them can be switched off; cluster.yml sets their numbers, as "
        "healer.guards.GUARD.NUMBER. Times are in seconds."
    )
    return page(
        "Guards",
        element("p", intro, class_="lead", id="intro"),
        section("holding", "What they say now", *_now(shown, open_)),
        section(
            "registry",
            "All of them",
            table(("guard", "holds unless", "numbers", "says now"), cells, "cards"),
        ),
        frame=frame,
        section="/guards",
        live=True,
    )


def _says(guard: GuardView, incidents: Sequence[JudgedView]) -> Markup:
    """Return which open incidents a guard holds now, each with its reason; without any, what it says at large."""
    asked = [
        (one, each)
        for one in incidents
        for each in one["guards"]
        if each["guard"] == guard["guard"]
    ]
    if not asked:
        return _at_large(guard["now"])
    held = [(one, each) for one, each in asked if not each["allows"]]
    if not held:
        return join([f"allows all {len(asked)}" if len(asked) > 1 else "allows it"])
    items = [
        element("li", incident_link(one["id"], f"incident {one['id']}"), ": ", code(each["reason"]))
        for one, each in held[:MOST_HELD]
    ]
    if len(held) > len(items):
        items.append(element("li", f"and {len(held) - len(items)} more"))
    return element("ul", *items, class_="plain")


def _at_large(now: VerdictView | None) -> Markup:
    if now is None:
        return join(["depends on the target"])
    if now["allows"]:
        return join([f"allows: {now['have']}"])
    return because(now["reason"] or "", now["sentence"])


def _now(shown: GuardsView, open_: int) -> list[Markup]:
    if not shown["incidents"]:
        return [element("p", "No incident is open: below is what they say whatever the target.")]
    cells = [
        (incident_link(one["id"], words(one["target"])), state(one["state"]), *_first(one))
        for one in shown["incidents"]
    ]
    left = open_ - len(cells)
    more = element("p", f"{left} more are open: /api/v1/guards has them all.", class_="quiet")
    shown_ = table(("incident", "state", "guard", "says"), cells, "cards")
    return [shown_, more] if left else [shown_]


def _first(one: JudgedView) -> tuple[object, object]:
    held = next((each for each in one["guards"] if not each["allows"]), None)
    if held is not None:
        return element("strong", held["guard"]), because(held["reason"] or "", held["sentence"])
    return "-", "every one allowed it" if one["guards"] else "they were not asked yet"


def _numbers(guard: str, numbers: dict[str, float]) -> Markup:
    shown = [
        element("li", element("code", name.removeprefix(f"healer.guards.{guard}.")), f" {value:g}")
        for name, value in numbers.items()
    ]
    return element("ul", *shown, class_="plain numbers") if shown else join(["-"])
