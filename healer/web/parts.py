"""What several pages are made of."""

import html
from collections.abc import Mapping, Sequence

from healer.sentences import owner_words
from healer.shapes.guards import FreezeView, MaintenanceView, VerdictView
from healer.shapes.incidents import IncidentRow
from healer.shapes.status import GroupStateView
from healer.web.frame import Frame
from healer.web.markup import (
    NOTHING,
    Markup,
    element,
    join,
    link,
    path_of,
    safe,
    table,
    void,
    words,
)
from healer.web.times import ago, moment

SHOWN = {
    "open": "looked at",
    "held": "held",
    "acting": "acting",
    "verifying": "being proved",
    "mitigated": "out of harm's way",
    "escalated": "needs a person",
    "closed": "closed",
}
"""What people read for each state; a state beyond them is read as it is."""


def section(id_: str, title: object, *body: object, class_: str = "") -> Markup:
    """Return a part of a page under a heading, which a live page can exchange by its id."""
    heading = element("h2", title, id=f"{id_}-title")
    return element(
        "section",
        join([heading, *body], "\n"),
        id=id_,
        aria_labelledby=f"{id_}-title",
        class_=class_,
    )


def console(frame: Frame, *body: object) -> Markup:
    """Return what can be typed as root; folded for those who have buttons."""
    title = "As root on the console"
    if frame.signer is None:
        return section("console", title, *body)
    return element(
        "section", element("details", element("summary", title), *body, id="typed"), id="console"
    )


def stops(freezes: Sequence[FreezeView], *, here: bool = False) -> Markup:
    """Return every reason why nothing is done anywhere.

    Args:
        freezes: The reasons.
        here: Whether it stands on this page itself what each means; else there is a link to it.
    """
    if not freezes:
        return NOTHING
    reasons = [because(one["reason"], one["sentence"]) for one in freezes]
    if len(reasons) == 1:
        why = element("p", element("strong", "Nothing is done: "), reasons[0])
    else:
        head = element("p", element("strong", f"Nothing is done, for {len(reasons)} reasons:"))
        why = join([head, element("ul", *(element("li", one) for one in reasons))])
    runbook = link(path_of("runbooks", "HealerFrozen"), "HealerFrozen")
    told = NOTHING if here else element("p", "What it means and how it ends: ", runbook, ".")
    return element("div", why, told, class_="banner bad", id="stops")


def ways(*links: Markup) -> Markup:
    """Return where to go from here, as buttons."""
    return element("p", *links, class_="actions")


def way(href: str, text: object) -> Markup:
    """Return a link that looks like a button."""
    return link(href, text, "button")


def pill(word: str, kind: str) -> Markup:
    """Return a state as a word; its colour only repeats it."""
    return element("span", word, class_=f"pill {kind}")


def state(word: str) -> Markup:
    """Return an incident's state."""
    return pill(SHOWN.get(word, word), word)


def because(reason: str, sentence: str) -> Markup:
    """Return the word and the sentence for why something is as it is."""
    if not reason:
        return words(sentence) if sentence else join(["-"])
    return join([code(reason), " ", words(sentence)])


def code(word: object) -> Markup:
    """Return what people type or search for, as it is."""
    return element("code", words(word))


def pairs(named: Mapping[str, object]) -> Markup:
    """Return names and values."""
    parts = [
        element("div", element("dt", key), element("dd", value)) for key, value in named.items()
    ]
    return element("dl", join(parts, "\n"))


def incident_link(incident: str, text: object) -> Markup:
    """Return a link to an incident's page."""
    return link(path_of("incidents", incident), text)


def node_link(node: str) -> Markup:
    """Return a link to a node's page."""
    return link(path_of("nodes", node), words(node))


def group_link(group: str, text: object = "") -> Markup:
    """Return a link to a group's page, by its name where there is no text."""
    return link(path_of("groups", group), text or words(group))


def owner_link(owner: str) -> Markup:
    """Return for whom a mark stands; an incident that is open has a page."""
    kind, _, incident = owner.partition(":")
    text = owner_words(owner)
    return incident_link(incident, text) if incident and kind == "incident" else join([text])


def card(one: IncidentRow, now: str) -> Markup:
    """Return an incident in short."""
    head = element(
        "p",
        element("strong", incident_link(one["id"], words(one["target"]))),
        state(one["state"]),
        element("span", ago(one["opened_at"], now), class_="quiet"),
        class_="head",
    )
    about = " · ".join(
        part for part in (f"incident {one['id']}", one["group"] and f"group {one['group']}") if part
    )
    what = element("p", words(one["cause"]["name"]), element("span", f" · {about}", class_="quiet"))
    why = element("p", because(one["reason"], one["sentence"])) if one["reason"] else NOTHING
    after = element("p", element("span", "Next: ", class_="quiet"), words(one["next"]))
    return element(
        "article", head, what, why, after, class_=f"card {one['state']}", id=f"incident-{one['id']}"
    )


def windows_open(open_: Sequence[MaintenanceView], title: str = "In maintenance") -> Markup:
    """Return the maintenance windows of cluster.yml that are open; nothing where none is."""
    if not open_:
        return NOTHING
    cells = [
        (
            element("strong", one["name"]),
            words(one["about"]),
            words(one["reason"]),
            moment(one["until"]) if one["until"] else "cluster.yml is edited",
        )
        for one in open_
    ]
    shown = table(("window", "of", "why", "until"), cells, "cards")
    return section("maintenance", title, shown)


def group_state(one: GroupStateView) -> Markup:
    """Return how a group stands: each member, and how many it can spare."""
    members = [
        element("li", node_link(each["node"]), " ", pill(each["health"], each["health"]))
        for each in one["members"]
    ]
    floor = "" if one["control"] else f", {one['min_available']} must"
    if one["serving"] is None:
        said = "Prometheus does not say how it is."
    else:
        said = f"{one['serving']} of {len(members)} serve{floor}"
    return element(
        "article",
        element("p", element("strong", group_link(one["group"])), _spare(one), class_="head"),
        element("p", said),
        element("ul", *members, class_="members"),
        class_="card",
    )


def _spare(one: GroupStateView) -> Markup:
    left = one["redundancy"]
    if one["control"]:
        return pill("control plane", "plain")
    if left is None:
        return pill("unknown", "unknown")
    if left < 0:
        return pill(f"{-left} too few", "escalated")
    return pill("none to spare", "held") if left == 0 else pill(f"{left} to spare", "serving")


def guards_table(verdicts: Sequence[VerdictView]) -> Markup:
    """Return every guard's answer with what it had and what it needed; the first refusal decides."""
    first = next((place for place, each in enumerate(verdicts) if not each["allows"]), None)
    cells = [
        (
            element("strong", each["guard"]),
            _says(each, decides=place == first),
            words(each["have"]),
            words(each["need"]),
        )
        for place, each in enumerate(verdicts)
    ]
    return table(("guard", "says", "has", "needs"), cells, "cards guards")


def _says(each: VerdictView, *, decides: bool) -> Markup:
    if each["allows"]:
        return pill("allows", "allows")
    said = pill("holds" if decides else "would hold too", "holds" if decides else "later")
    return join([said, " ", because(each["reason"] or "", each["sentence"])])


def labels(named: Mapping[str, str]) -> Markup:
    """Return an alert's labels."""
    cells = [(code(key), words(value)) for key, value in named.items()]
    return table(("label", "value"), cells, "labels")


def form(
    frame: Frame,
    command: str,
    button: object,
    *inputs: object,
    fields: Mapping[str, str] | None = None,
    class_: str = "",
) -> Markup:
    """Return a form that gives one command; nothing for whoever may not give it.

    Args:
        frame: Whose page.
        command: As in healer.web.commands.
        button: What is pressed.
        inputs: What is filled in.
        fields: What goes with it unseen.
        class_: Of the form; `danger` for what cannot be taken back.
    """
    if frame.signer is None:
        return NOTHING
    hidden = {"token": frame.signer.sign(command, fields or {}), **(fields or {})}
    unseen = [void("input", type="hidden", name_=key, value=value) for key, value in hidden.items()]
    press = element("button", button, type="submit")
    action = f"/do/{command}"
    return element("form", *unseen, *inputs, press, method="post", action=action, class_=class_)


def line(
    name: str, label: str, longest: int, hint: str, id_: str, *, needed: bool = True
) -> Markup:
    """Return an input for one line of text under its name.

    Args:
        name: Of the field.
        label: What stands beside it.
        longest: Characters that it takes.
        hint: What it looks like while it is empty.
        id_: Its own on the page.
        needed: Whether it has to be filled in.
    """
    typed = void(
        "input",
        type="text",
        id=id_,
        name_=name,
        required="required" if needed else "",
        maxlength=str(longest),
        placeholder=hint,
        autocomplete="off",
    )
    return element("p", element("label", label, for_=id_), typed, class_="field")


def choice(
    name: str, label: str, options: Sequence[tuple[str, str]], chosen: str, id_: str
) -> Markup:
    """Return a choice among values, each with its text, under its name."""
    shown = [
        # An empty value has to stand there, or the text would be sent in its place.
        Markup(
            f'<option value="{html.escape(value)}"{_selected(value, chosen)}>{safe(text)}</option>'
        )
        for value, text in options
    ]
    select = element("select", *shown, id=id_, name_=name)
    return element("p", element("label", label, for_=id_), select, class_="field")


def _selected(value: str, chosen: str) -> str:
    return " selected" if value == chosen else ""
