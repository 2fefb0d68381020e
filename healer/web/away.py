"""What the pages of the upkeep have in common: a node that is out of service, with the button that gives it back."""

from healer.likeness import NOBODY
from healer.plain import printable
from healer.shapes.upkeep import UpkeepView
from healer.web.frame import Frame
from healer.web.markup import NOTHING, Markup, element, join, words
from healer.web.parts import because, choice, code, form, line, node_link, pill
from healer.web.times import ago, between, duration, moment

PERIODS = (("30m", "30 minutes"), ("2h", "2 hours"), ("8h", "8 hours"), ("1d", "a day"))

LONGEST = 200
"""Characters of a reason."""

PHASES = {
    "taking": ("being taken out", "acting"),
    "away": ("out of service", "mitigated"),
    "patching": ("being patched", "acting"),
    "rebooting": ("rebooting", "acting"),
    "proving": ("being proved", "verifying"),
    "stopped": ("failed, and waits for you", "escalated"),
    "returning": ("being given back", "verifying"),
}
"""What people read for each phase of an upkeep, and its colour."""

ENDS = ("taking", "away", "proving", "stopped")
"""Phases in which a person may give the node back; while it is patched and booted they wait for the end of that."""

NOT_BEGUN = ("patching", "rebooting")
"""Phases in which they may too as long as something holds the patch or the boot: then it has not begun."""


def card(frame: Frame, one: UpkeepView) -> Markup:
    """Return an upkeep in short, with what ends it where a person may."""
    word, colour = PHASES.get(one["phase"], (one["phase"], "plain"))
    head = [
        element("strong", node_link(one["node"])),
        pill(word, colour),
        _late(frame, one),
        element("span", "for ", ago(one["began"], frame.now), class_="quiet"),
    ]
    why = element("p", words(one["reason"])) if one["reason"] else NOTHING
    until = join(["should be back ", moment(one["until"])])
    who = element("p", "by ", words(one["by"]), " · ", until, class_="quiet")
    wrong = one["failed"] or one["phase"] == "stopped"
    failed = because(one["failed"] or one["why"], one["detail"])
    return element(
        "article",
        element("p", join(head, " "), class_="head"),
        *(why, who),
        element("p", element("strong", "Failed: "), failed) if wrong else NOTHING,
        element("p", element("strong", "Waits: "), held(one["held"])) if one["held"] else NOTHING,
        _end(frame, one) if _may_end(one) else NOTHING,
        class_=f"card {colour}",
        id=f"upkeep-{one['id']}",
    )


def _may_end(one: UpkeepView) -> bool:
    return one["phase"] in ENDS or (one["phase"] in NOT_BEGUN and bool(one["held"]))


def _late(frame: Frame, one: UpkeepView) -> Markup:
    late = between(one["until"], frame.now) or 0.0
    return pill(f"overdue for {duration(late)}", "held") if late > 0 else NOTHING


def held(said: str) -> Markup:
    """Return what holds something: the word and the sentence."""
    reason, _, sentence = said.partition(": ")
    return because(reason, sentence) if sentence else words(said)


def start(frame: Frame, node: str) -> Markup:
    """Return the form that takes a node out of service; nothing for whoever may not."""
    inputs = (
        line("reason", "Why", LONGEST, "new fan", "why-away"),
        choice("for", "For", PERIODS, "2h", "away-for"),
    )
    fields = {"what": "start", "node": node, "seen": NOBODY}
    return form(*(frame, "maintenance", "Start maintenance", *inputs), fields=fields, class_="deny")


def anew(frame: Frame, one: UpkeepView) -> Markup:
    """Return the form that says anew for how long a maintenance lasts, from now; nothing for whoever may not."""
    period = choice("for", "For", PERIODS, "2h", "away-for")
    fields = {"what": "start", "node": one["node"], "seen": one["seen"]}
    return form(frame, "maintenance", "Say anew for how long, from now", period, fields=fields)


def _end(frame: Frame, one: UpkeepView) -> Markup:
    if frame.signer is None:
        return element("p", code(f"hale-healer maintenance end {one['node']}"))
    fields = {"what": "end", "node": one["node"], "seen": one["seen"]}
    pressed = form(frame, "maintenance", f"Give {printable(one['node'], 63)} back", fields=fields)
    return element("div", pressed, class_="actions")
