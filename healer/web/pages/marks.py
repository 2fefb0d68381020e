"""The page of the marks: what is taken away for now, who says so, and how each comes back."""

from collections.abc import Sequence

from healer.shapes.marks import MarkStateView, MarksView, SilentView
from healer.web.frame import Frame, page
from healer.web.markup import NOTHING, Markup, element, join, table, words
from healer.web.parts import because, code, owner_link, pairs, pill, section
from healer.web.times import ago

MOST = 100
"""Marks on the page."""

INTRO = (
    "What is taken away on purpose, and comes back when its last owner lets go. The journal has a copy of what Hale "
    "set, each gate has its own state, and each node's exporter tells of it. Where they differ, or a gate cannot be "
    "asked, the mark counts as set."
)

GATE = {"set": "set", "not_set": "not set", "unknown": "not known"}
NODE: dict[bool | None, str] = {True: "set", False: "not yet", None: "not known"}
TOOL: dict[bool | None, str] = {True: "has it so", False: "does not have it so", None: "not known"}


def marks(frame: Frame, shown: MarksView) -> Markup:
    """Return the page."""
    parts = [_one(frame, one, place) for place, one in enumerate(shown["marks"][:MOST])]
    left = len(shown["marks"]) - len(parts)
    more = (
        element("p", f"{left} more are in /api/v1/marks.", class_="quiet") if left > 0 else NOTHING
    )
    none = element("p", "Nothing is taken away.", class_="banner well", id="none")
    return page(
        "Marks",
        element("p", INTRO, class_="lead", id="intro"),
        *(parts or [NOTHING if shown["silent"] else none]),
        more,
        _silent(shown["silent"]),
        frame=frame,
        section="/marks",
        live=True,
    )


def _one(frame: Frame, one: MarkStateView, place: int) -> Markup:
    said = (
        f"journal: {'set' if one['journal'] else 'not its own'}, gate: {GATE[one['gate']]}, "
        f"exporter: {NODE[one['seen']]} "
    )
    differ = pill("they differ: it counts as set", "held") if one["differs"] else NOTHING
    named: dict[str, object] = {
        "now": _now(one),
        "for": join([owner_link(owner) for owner in one["owners"]], ", ") if one["owners"] else "-",
        "since": ago(one["since"], frame.now),
        "comes back": words(one["how"] or "-"),
        "who says so": join([said, differ]),
        "the native tool": TOOL[one["applied"]],
    }
    title = join([code(one["mark"]), " ", words(one["subject"]), " at ", words(one["node"])])
    return section(f"mark-{place}", title, pairs(named), class_="mark-state")


def _now(one: MarkStateView) -> Markup:
    says = one["says"]
    if says is not None:
        said = because(says["reason"] or "", says["sentence"])
        return join([pill("stays", "held"), " ", element("strong", says["guard"]), ": ", said])
    if one["giving_back"] == "allowed":
        return join([pill("may be given back", "allows"), " every guard allows it"])
    why = (
        "it is not Hale's to give back" if not one["journal"] else "it is not tried at this moment"
    )
    return join([pill("stays", "plain"), " ", why])


def _silent(found: Sequence[SilentView]) -> Markup:
    if not found:
        return NOTHING
    cells = [(element("strong", one["node"]), words(one["error"])) for one in found]
    why = element("p", "There any mark may stand, so every member counts as kept away.")
    shown = table(("gate", "why"), cells, "cards")
    return section("silent", "Gates that did not say", why, shown)
