"""The page on which people stop Hale: everywhere, or on one node; and let it go on."""

from collections.abc import Callable, Sequence

from healer.shapes.guards import FreezeView, HoldView
from healer.web.frame import Frame, page
from healer.web.markup import NOTHING, Markup, element, table, words
from healer.web.parts import choice, console, form, line, section, stops, way, ways
from healer.web.times import moment

PERIODS = (
    ("30m", "30 minutes"),
    ("2h", "2 hours"),
    ("8h", "8 hours"),
    ("1d", "a day"),
    ("", "until it is released"),
)

LONGEST = 200
"""Characters of a reason."""

NOT_FROZEN = "Nobody has frozen Hale. "
FREEZE = (
    "While it is frozen nothing is begun anywhere, until somebody unfreezes it. What runs already is ended and "
    "proved. Native failover goes on: it does not need Hale."
)
HOLD = "On a node that is held nothing is begun, nor through its gate. All other nodes are healed as ever."
AWAY = (
    "A hold takes nothing away. To work on a node, take it out of service: it is locked, its alerts are silenced, and "
    "its users are moved away."
)
OWNED = "An owner froze it: an owner lets it go on, or root on the console."
UNFREEZE = "What fires at this moment then counts as pre-existing: it is explained, and touched only once adopted."


def stop(
    frame: Frame,
    freezes: Sequence[FreezeView],
    holds: Sequence[HoldView],
    nodes: Sequence[str],
    seen: Callable[[str], str],
    chosen: str = "",
) -> Markup:
    """Return the page.

    Args:
        frame: Whose page.
        freezes: What stops Hale everywhere.
        holds: Nodes that people hold.
        nodes: Of the cluster.
        seen: Returns what is seen of a node's holds, or of the freezes where its name is empty.
        chosen: The node that is proposed to be held.
    """
    frozen = any(one["reason"] == "person" for one in freezes)
    owned = any(one["owner"] for one in freezes)
    return page(
        "Stop Hale",
        stops(freezes),
        _who(frame),
        section(
            "everywhere", "Everywhere", *_everywhere(frame, seen(""), frozen=frozen, owned=owned)
        ),
        section("node", "One node", *_node(frame, nodes, chosen)),
        _held(frame, holds, seen),
        section(
            "maintenance",
            "Maintenance",
            element("p", AWAY),
            ways(way("/maintenance", "Maintenance")),
        ),
        _how(frame),
        frame=frame,
        section="/stop",
        live=True,
        typed=True,
    )


def _everywhere(frame: Frame, seen: str, *, frozen: bool, owned: bool) -> list[Markup]:
    shown = [element("p", FREEZE if frozen else NOT_FROZEN + FREEZE)]
    if frozen and owned and not frame.owns:
        shown.append(element("p", OWNED))
    elif frozen:
        shown.append(element("p", UNFREEZE))
        shown.append(form(frame, "unfreeze", "Unfreeze", fields={"seen": seen}, class_="adopt"))
    why = line("reason", "Why", LONGEST, "moving rack b", "why-everywhere")
    again = "Freeze for another reason" if frozen else "Freeze Hale"
    shown.append(form(frame, "freeze", again, why, class_="deny"))
    return shown


def _node(frame: Frame, nodes: Sequence[str], chosen: str) -> list[Markup]:
    inputs = (
        choice("node", "Node", [(one, one) for one in nodes], chosen, "which-node"),
        line("reason", "Why", LONGEST, "replacing a fan", "why-node"),
        choice("for", "For", PERIODS, "2h", "how-long"),
    )
    return [element("p", HOLD), form(frame, "hold", "Hold this node", *inputs, class_="deny")]


def _held(frame: Frame, holds: Sequence[HoldView], seen: Callable[[str], str]) -> Markup:
    if not holds:
        return NOTHING
    cells = [
        (
            element("strong", one["node"]),
            words(one["reason"]),
            words(one["by"]),
            moment(one["until"]) if one["until"] else "it is released",
            _release(frame, one["node"], seen),
        )
        for one in holds
    ]
    shown = table(("node", "why", "by", "until", "end it"), cells, "cards")
    note = element("p", "A release ends every hold that is set on that node here.", class_="quiet")
    return section("held", "Held now", shown, note)


def _release(frame: Frame, node: str, seen: Callable[[str], str]) -> Markup:
    if frame.signer is None:
        return element("code", f"hale-healer release {node}")
    return form(frame, "release", f"Release {node}", fields={"node": node, "seen": seen(node)})


def _how(frame: Frame) -> Markup:
    """Return what to type: on the healer's node for those without buttons, on a node for everybody."""
    cells = [
        ('hale-healer freeze "REASON"', "the healer's node", "let nothing be done anywhere"),
        ("hale-healer unfreeze", "the healer's node", "let it go on"),
        ('hale-healer hold NODE "REASON" --for 2h', "the healer's node", "leave one node alone"),
        ("hale-healer release NODE", "the healer's node", "let it go on there"),
        (
            'hale-gate hold "REASON" --for 2h',
            "the node itself",
            "the same without the healer or a network",
        ),
    ]
    shown = [(element("code", command), where, what) for command, where, what in cells]
    why = element("p", "Works when this page does not.", class_="quiet")
    return console(frame, why, table(("type", "on", "to"), shown, "cards"))


def _who(frame: Frame) -> Markup:
    """Return why there is nothing to press; nothing for those who have something."""
    if frame.signer is not None:
        return NOTHING
    why = "Nobody can sign in here: cluster.yml names no healer.users."
    if frame.user:
        why = f"{frame.user} is a viewer: looking is all that this page lets a viewer do."
    return element("p", why, " Root does it on the console, as below.", class_="banner", id="who")
