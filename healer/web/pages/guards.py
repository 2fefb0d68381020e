"""The page of the guards: what each protects, its numbers, and what it holds now."""

from healer.shapes import GuardsView, JudgedView
from healer.web.frame import Frame, page
from healer.web.markup import Markup, element, join, table, words
from healer.web.parts import because, incident_link, section, state


def guards(frame: Frame, shown: GuardsView) -> Markup:
    """Return the page."""
    cells = [
        (
            element("strong", one["guard"]),
            f"{one['holds_unless']}.",
            _numbers(one["numbers"]),
        )
        for one in shown["guards"]
    ]
    intro = (
        "Every guard is asked before each action, in this order, on facts that were read for it. A fact that "
        "cannot be read counts as bad. None of them can be switched off; cluster.yml sets their numbers. "
        "Times are in seconds."
    )
    return page(
        "Guards",
        element("p", intro, class_="lead", id="intro"),
        section("holding", "What they say now", *_now(shown)),
        section(
            "registry", "All of them", table(("guard", "holds unless", "numbers"), cells, "cards")
        ),
        frame=frame,
        section="/guards",
        live=True,
    )


def _now(shown: GuardsView) -> list[Markup]:
    if not shown["incidents"]:
        return [element("p", "No incident is open, so none was asked.")]
    cells = [
        (incident_link(one["id"], words(one["target"])), state(one["state"]), *_first(one))
        for one in shown["incidents"]
    ]
    return [table(("incident", "state", "guard", "says"), cells, "cards")]


def _first(one: JudgedView) -> tuple[object, object]:
    held = next((each for each in one["guards"] if not each["allows"]), None)
    if held is not None:
        return element("strong", held["guard"]), because(held["reason"] or "", held["sentence"])
    return "-", "every one allowed it" if one["guards"] else "they were not asked yet"


def _numbers(numbers: dict[str, float]) -> Markup:
    shown = [element("li", element("code", name), f" {value:g}") for name, value in numbers.items()]
    return element("ul", *shown, class_="plain") if shown else join(["-"])
