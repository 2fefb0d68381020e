"""The pages for people: plain HTML without scripts. They show the same views as the JSON, and change nothing."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from healer.shapes import (
    AttemptView,
    FreezeView,
    IncidentRow,
    IncidentView,
    MomentView,
    RefusedView,
    StatusView,
    VerdictView,
)
from healer.web.markdown import render
from healer.web.markup import NOTHING, Markup, element, join, link, page, table, words

REFRESH = 10
"""Seconds after which the list loads anew."""

RECENT = 20
"""Closed incidents on the first page."""

MOST_REFUSED = 50
"""Refused alerts on the first page: anybody can make more of them."""


def overview(status: StatusView, rows: Sequence[IncidentRow]) -> Markup:
    """Return the first page: what is wrong with Hale, what is wrong with the cluster, what was."""
    still = [one for one in rows if one["state"] != "closed"]
    closed = [one for one in rows if one["state"] == "closed"][:RECENT]
    foot = f"hale-healer {status['version']} on {status['node']}, {status['now']}"
    return page(
        f"Incidents of {status['cluster']}",
        *(banner(one) for one in status["freezes"]),
        _armed(status),
        _open(still),
        _closed(closed),
        _refused(status["refused"]),
        element("p", foot, class_="quiet"),
        refresh=REFRESH,
    )


def banner(freeze: FreezeView) -> Markup:
    """Return why nothing is done anywhere."""
    text = (element("strong", f"Nothing is done: {freeze['reason']}. "), words(freeze["sentence"]))
    return element("p", *text, class_="banner")


def incident(one: IncidentView, freezes: Sequence[FreezeView]) -> Markup:
    """Return the page of one incident."""
    return page(
        f"Incident {one['id']}",
        *(banner(freeze) for freeze in freezes),
        element("p", words(one["summary"]), class_="banner" if one["state"] != "closed" else ""),
        _facts(one),
        _commands(one),
        _guards(one),
        _attempts(one["attempts"]),
        _timeline(one),
        _alerts(one),
    )


def refused(one: RefusedView) -> Markup:
    """Return the page of one alert that was refused."""
    alert = one["alert"]
    return page(
        f"Refused: {alert['name']}",
        element("p", words(one["sentence"]), class_="banner"),
        _pairs(
            {
                "reason": element("code", one["reason"]),
                "refused": one["at"] or "-",
                "began": alert["began_at"] or "-",
            }
        ),
        element("p", "An alert is a hint, never grounds. This one can start nothing here."),
        _labels(alert["labels"]),
    )


def runbook(name: str, text: str) -> Markup:
    """Return a runbook; its own title gives way to the page's."""
    first, _, rest = text.partition("\n")
    return page(f"Runbook {name}", render(rest if first.startswith("# ") else text))


def runbook_list(names: Sequence[str], missing: str = "") -> Markup:
    """Return the runbooks that there are; `missing` is one that was asked for and is not."""
    none = element("p", "There is no runbook ", element("code", missing), ".", class_="banner")
    items = [element("li", link(f"/runbooks/{quote(one)}", one)) for one in names]
    shown = element("ul", *items) if items else element("p", "None are installed.")
    return page("Runbooks", none if missing else "", shown)


def missing(what: str) -> Markup:
    """Return the page for what is not here."""
    return page("Not found", element("p", words(what), class_="banner"))


def _armed(status: StatusView) -> Markup:
    old = len(status["pre_existing"])
    if not status["armed_at"] or not old:
        return NOTHING
    text = f"{old} alerts were firing before Hale was armed at {status['armed_at']}. They are explained, not touched."
    return element("p", text, class_="banner")


def _open(rows: Sequence[IncidentRow]) -> Markup:
    if not rows:
        return element("p", "No open incident.", class_="banner well")
    heads = ("incident", "state", "target", "cause", "since", "reason", "next")
    cells = [
        (
            _number(one),
            _state(one["state"]),
            words(one["target"]),
            words(one["cause"]["name"]),
            one["opened_at"] or "-",
            _because(one["reason"], one["sentence"]),
            words(one["next"]),
        )
        for one in rows
    ]
    return join([element("h2", "Open"), table(heads, cells, "cards")], "\n")


def _closed(rows: Sequence[IncidentRow]) -> Markup:
    if not rows:
        return NOTHING
    heads = ("incident", "target", "cause", "opened", "closed", "outcome")
    cells = [
        (
            _number(one),
            words(one["target"]),
            words(one["cause"]["name"]),
            one["opened_at"] or "-",
            one["changed_at"] or "-",
            one["reason"],
        )
        for one in rows
    ]
    return join([element("h2", "Closed lately"), table(heads, cells, "cards")], "\n")


def _refused(found: Sequence[RefusedView]) -> Markup:
    if not found:
        return NOTHING
    heads = ("alert", "target", "at", "reason", "sentence")
    cells = [
        (
            link(f"/refused/{quote(one['alert']['fingerprint'], safe='')}", one["alert"]["name"]),
            words(one["alert"]["target"]),
            one["at"] or "-",
            element("code", one["reason"]),
            words(one["sentence"]),
        )
        for one in found[:MOST_REFUSED]
    ]
    more = len(found) - len(cells)
    rest = element("p", f"{more} more are in /api/v1/status.", class_="quiet") if more else ""
    return join([element("h2", "Refused alerts"), table(heads, cells, "cards"), rest], "\n")


def _number(one: IncidentRow) -> Markup:
    return link(f"/incidents/{quote(one['id'], safe='')}", one["id"])


def _state(state: str) -> Markup:
    return element("span", state, class_=f"state {state}")


def _because(reason: str, sentence: str) -> Markup:
    if not reason:
        return words(sentence) if sentence else join(["-"])
    return join([element("code", reason), " ", words(sentence)])


def _facts(one: IncidentView) -> Markup:
    return _pairs(
        {
            "state": _state(one["state"]),
            "target": words(one["target"]),
            "group": words(one["group"] or "-"),
            "failure domain": words(one["failure_domain"] or "-"),
            "cause": words(one["cause"]["name"]),
            "ladder": words(one["ladder"]),
            "opened": one["opened_at"] or "-",
            "last change": one["changed_at"] or "-",
            "reason": _because(one["reason"], one["sentence"]),
            "next": words(one["next"]),
            "runbook": link(one["runbook"], one["cause"]["name"]),
        }
    )


def _pairs(pairs: Mapping[str, object]) -> Markup:
    parts = [join([element("dt", key), element("dd", value)]) for key, value in pairs.items()]
    return element("dl", join(parts, "\n"))


def _commands(one: IncidentView) -> Markup:
    heads = ("type", "on", "to")
    cells = [
        (element("code", each["command"]), words(each["node"]), each["purpose"])
        for each in one["commands"]
    ]
    title = element("h2", "What you can do, as root")
    return join([title, table(heads, cells, "cards")], "\n")


def _guards(one: IncidentView) -> Markup:
    if not one["guards"]:
        return join([element("h2", "Guards"), element("p", "They were not asked yet.")], "\n")
    title = element("h2", "Guards, as they answered at ", one["guards_at"] or "an unknown time")
    return join([title, guards_table(one["guards"])], "\n")


def guards_table(verdicts: Sequence[VerdictView]) -> Markup:
    """Return every guard's answer with what it had and what it needed."""
    heads = ("guard", "says", "have", "need", "sentence")
    cells = [
        (
            each["guard"],
            element(
                "span",
                "allows" if each["allows"] else f"holds: {each['reason']}",
                class_="allows" if each["allows"] else "holds",
            ),
            words(each["have"]),
            words(each["need"]),
            words(each["sentence"]),
        )
        for each in verdicts
    ]
    return table(heads, cells, "cards ours")


def _attempts(attempts: Sequence[AttemptView]) -> Markup:
    if not attempts:
        return join([element("h2", "Attempts"), element("p", "Nothing was tried.")], "\n")
    heads = ("id", "action", "target", "began", "ended", "outcome", "in words")
    cells = [
        (
            element("code", one["action_id"]),
            one["action"],
            words(one["target"]),
            one["began_at"] or "-",
            one["ended_at"] or "-",
            one["outcome"] or "running",
            _because(one["reason"], one["detail"]),
        )
        for one in attempts
    ]
    return join([element("h2", "Attempts"), table(heads, cells, "cards")], "\n")


def _timeline(one: IncidentView) -> Markup:
    title = element("h2", "Timeline")
    if one["timeline_error"]:
        text = f"The journal could not be read: {one['timeline_error']}"
        return join([title, element("p", text, class_="banner")], "\n")
    rows = [_moment(moment) for moment in one["timeline"]]
    left = one["timeline_omitted"]
    more = element("p", f"{left} moments from the middle are not shown.") if left else ""
    shown = table(("at", "what", "reason", "text"), rows, "cards ours")
    return join([title, shown, more], "\n")


def _moment(one: MomentView) -> tuple[object, ...]:
    kind = element("span", one["kind"].replace("_", " "), class_=one["state"])
    reason = element("code", one["reason"]) if one["reason"] else ""
    return (one["at"] or "-", kind, reason, words(one["text"]))


def _alerts(one: IncidentView) -> Markup:
    alerts = [one["cause"], *one["symptoms"]]
    parts = [
        join(
            [
                element("h3", words(alert["name"]), ", since ", alert["began_at"] or "-"),
                _labels(alert["labels"]),
            ],
            "\n",
        )
        for alert in alerts
    ]
    return join([element("h2", "Alerts: the cause first, then its symptoms"), *parts], "\n")


def _labels(labels: Mapping[str, str]) -> Markup:
    cells = [(element("code", words(key)), words(value)) for key, value in labels.items()]
    return table(("label", "value"), cells)
