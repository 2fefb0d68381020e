"""The page of one incident: how it stands, what a person can do, and everything that led here."""

from collections.abc import Sequence

from healer.sentences import hearsay, took
from healer.shapes.guards import FreezeView
from healer.shapes.incidents import (
    AttemptView,
    IncidentView,
    LastLinesView,
    LineView,
    MomentView,
    RungView,
)
from healer.web.commands import LONGEST_REASON
from healer.web.frame import Frame, page
from healer.web.markup import NOTHING, Markup, element, join, link, path_of, table, words
from healer.web.parts import (
    because,
    code,
    console,
    form,
    guards_table,
    labels,
    line,
    pairs,
    pill,
    section,
    state,
    stops,
)
from healer.web.times import ago, between, clock, moment

MOST = 100
"""Symptoms on the page."""

BUTTONS = {
    "deny": "Deny: it is mine",
    "retry": "Try it again",
    "adopt": "Put it into Hale's hands",
}

CLOSING = (
    "For what you settled by hand. What it took away is given back first. What still fires afterwards is "
    "explained, and not touched until it was seen clear."
)


def incident(frame: Frame, one: IncidentView, freezes: Sequence[FreezeView]) -> Markup:
    """Return the page."""
    title = join([words(one["cause"]["name"]), " at ", words(one["target"])])
    return page(
        title,
        element("p", state(one["state"]), " ", words(one["summary"]), class_="lead", id="summary"),
        stops(freezes),
        _now(frame, one),
        *(_last_lines(each) for each in one["last_lines"]),
        _ladder(one["rungs"]),
        _guards(one),
        _timeline(one),
        _attempts(one["attempts"]),
        _alerts(one),
        _commands(frame, one),
        frame=frame,
        section="/incidents",
        live=True,
        tab=f"{one['id']}: {one['state']}, {one['cause']['name']} at {one['target']}",
    )


def _now(frame: Frame, one: IncidentView) -> Markup:
    named: dict[str, object] = {
        "why": because(one["reason"], one["sentence"]),
        "next": words(one["next"]),
        "open for": ago(one["opened_at"], frame.now)
        if one["state"] != "closed"
        else moment(one["changed_at"]),
        "group": words(one["group"] or "-"),
        "failure domain": words(one["failure_domain"] or "-"),
        "took": words(took(one["seconds_to"])),
        "runbook": link(one["runbook"], words(one["cause"]["name"])),
    }
    if one["state"] == "closed":
        named["closed"] = named.pop("open for")
    if not (one["reason"] or one["sentence"]):
        del named["why"]
    if one["adopted_by"]:
        named["adopted by"] = words(one["adopted_by"])
    return section("now", "Now", pairs(named), _actions(frame, one))


def _actions(frame: Frame, one: IncidentView) -> Markup:
    """Return what this user can do about it by pressing a button."""
    if frame.signer is None:
        return NOTHING
    fields = {"incident": one["id"], "seen": one["seen"]}
    step = next((rung["action"] for rung in one["rungs"] if rung["place"] == "next"), "this step")
    for_owner = any(rung["owner"] for rung in one["rungs"] if rung["place"] == "next")
    buttons = {**BUTTONS, "approve": f"Approve {step}"}
    forms = [
        form(frame, word, buttons[word], fields=fields, class_=word)
        for word in one["answers"]
        if word in buttons and (word != "approve" or frame.owns or not for_owner)
    ]
    if one["node"] and one["state"] != "closed":
        href = f"/stop?node={path_of(one['node'])[1:]}"
        forms.append(
            element("a", element("span", "Hold ", words(one["node"])), href=href, class_="button")
        )
    shown = element("div", *forms, class_="actions") if forms else NOTHING
    return join([shown, _closing(frame, fields)]) if "close" in one["answers"] else shown


def _closing(frame: Frame, fields: dict[str, str]) -> Markup:
    """Return the form that ends it, folded: it is the last thing that anybody should press."""
    how = line("reason", "How", LONGEST_REASON, "replaced the disk", "how-settled")
    return element(
        "details",
        element("summary", "Close it by hand"),
        element("p", CLOSING),
        form(frame, "close", "Close it", how, fields=fields, class_="deny"),
        id="closing",
    )


def _ladder(rungs: Sequence[RungView]) -> Markup:
    if not rungs:
        return NOTHING
    items = [element("li", *_rung(one), class_=one["place"]) for one in rungs]
    return section("ladder", "Ladder", element("ol", *items, class_="ladder"))


def _rung(one: RungView) -> tuple[object, ...]:
    said = {"now": "now", "next": "next", "last": "the last one"}.get(one["place"], "")
    tries = {0: "", 1: "tried once"}.get(one["tried"], f"tried {one['tried']} times")
    asked = "asks an owner" if one["owner"] else "asks a person" if one["asks"] else ""
    told = ", ".join(
        part
        for part in (said, tries, one["outcome"].replace("_", " "), asked, one["passed"])
        if part
    )
    return code(one["action"]), " ", element("span", told, class_="quiet")


def _guards(one: IncidentView) -> Markup:
    if not one["guards"]:
        return section("guards", "Guards", element("p", "They were not asked yet."))
    verdicts = one["guards"]
    allow = sum(each["allows"] for each in verdicts)
    holds = [f", {each['guard']} holds" for each in verdicts if not each["allows"]][:1]
    told = f"{allow} of {len(verdicts)} allow{''.join(holds)}. As they answered at "
    asked = element("p", told, moment(one["guards_at"]), ".", class_="quiet")
    return section("guards", "Guards", asked, guards_table(verdicts))


def _last_lines(found: LastLinesView) -> Markup:
    """Return what a missed node wrote last: a stranger's words, however they look."""
    cells = [
        (
            moment(line["at"]),
            words(line["by"] or "-"),
            _told_by(line),
            words(line["text"]),
        )
        for line in found["lines"]
    ]
    title = join(["Last lines of ", words(found["node"])])
    trouble = element("p", words(found["trouble"])) if found["trouble"] else NOTHING
    shown = table(("at", "by", "failure", "text"), cells, "cards") if cells else NOTHING
    told = element("p", words(hearsay(found)), class_="quiet")
    return section(f"last-lines-{found['node']}", title, trouble, shown, told)


def _told_by(line: LineView) -> Markup:
    """Return the failure that a line tells of; a dash where it is none."""
    if line["failure_type"] in ("", "benign"):
        return join(["-"])
    cause = join([" ", words(line["cause"])]) if line["cause"] else NOTHING
    return join([code(line["failure_type"]), cause])


def _timeline(one: IncidentView) -> Markup:
    if one["timeline_error"]:
        text = f"The journal could not be read: {one['timeline_error']}"
        return section("timeline", "Timeline", element("p", text, class_="banner bad"))
    start, left = one["opened_at"], one["timeline_omitted"]
    items = [_moment(each, start) for each in one["timeline"]]
    more = element("p", f"{left} moments from the middle are not shown.") if left else NOTHING
    return section("timeline", "Timeline", element("ol", join(items, "\n"), class_="line"), more)


def _moment(one: MomentView, start: str | None) -> Markup:
    since = between(start, one["at"])
    after = "" if since is None else f"+{since:.1f} s"
    what = element("strong", one["kind"].replace("_", " "))
    reason = join([" ", code(one["reason"])]) if one["reason"] else NOTHING
    at = element("span", clock(one["at"]), " ", element("span", after), class_="at")
    return element(
        "li", at, element("p", what, reason, " ", words(one["text"])), class_=one["state"]
    )


def _attempts(attempts: Sequence[AttemptView]) -> Markup:
    if not attempts:
        return section("attempts", "Attempts", element("p", "Nothing was tried."))
    cells = [
        (
            code(one["action"]),
            words(one["target"]),
            words(one["gate"]),
            pill((one["outcome"] or "running").replace("_", " "), one["outcome"] or "acting"),
            because(one["reason"], one["detail"]),
            clock(one["began_at"]),
            _took(one),
            code(one["action_id"]),
        )
        for one in attempts
    ]
    heads = ("action", "target", "gate", "outcome", "in words", "began", "took", "id")
    return section("attempts", "Attempts", table(heads, cells, "cards"))


def _took(one: AttemptView) -> Markup:
    seconds = between(one["began_at"], one["ended_at"])
    return join(["-"]) if seconds is None else element("span", f"{seconds:.1f} s", class_="span")


def _alerts(one: IncidentView) -> Markup:
    named = [
        ("the cause", one["cause"]),
        *(("a symptom", each) for each in one["symptoms"][:MOST]),
    ]
    parts = [
        element(
            "details",
            element(
                "summary",
                words(alert["name"]),
                element("span", " at ", words(alert["target"]), ", ", word, class_="quiet"),
            ),
            element("p", "began ", moment(alert["began_at"])),
            labels(alert["labels"]),
            id=f"alert-{place}",
        )
        for place, (word, alert) in enumerate(named)
    ]
    left = len(one["symptoms"]) - MOST
    if left > 0:
        more = f"{left} more symptoms are in /api/v1/incidents/{one['id']}."
        parts.append(element("p", more, class_="quiet"))
    return section("alerts", "Alerts", *parts)


def _commands(frame: Frame, one: IncidentView) -> Markup:
    cells = [
        (code(each["command"]), words(each["node"]), each["purpose"]) for each in one["commands"]
    ]
    return console(frame, table(("type", "on", "to"), cells, "cards"))
