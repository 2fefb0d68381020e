"""What upkeep of a node would do, as the pages show it: each step in its order, and every guard's word."""

from healer.shapes.upkeep import PlannedView
from healer.web.markup import Markup, element, join, words
from healer.web.parts import because, guards_table, pill


def planned_node(one: PlannedView, id_: str) -> Markup:
    """Return it for one node; the guards are folded where all of them allow it."""
    steps = element("ol", *(element("li", words(step)) for step in one["steps"]))
    guards = element(
        "details", element("summary", "What each guard says"), guards_table(one["guards"]), id=id_
    )
    return join([element("p", verdict(one)), steps, guards], "\n")


def verdict(one: PlannedView) -> Markup:
    """Return whether it may be begun now, and the first guard that holds."""
    held = next((each for each in one["guards"] if not each["allows"]), None)
    if held is None:
        return join([pill("may begin now", "allows"), " Every guard allows it."])
    why = because(held["reason"] or "", held["sentence"])
    return join(
        [pill("does not begin now", "held"), " ", element("strong", held["guard"]), ": ", why]
    )
