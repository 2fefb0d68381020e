"""The shapes as plain text in aligned columns: a person at 3 a.m. reads them on a console.

Rule: no colours, no wrapping, and whatever a stranger wrote is made printable first.
"""

from collections.abc import Iterable, Sequence

from healer.plain import printable
from healer.sentences import alertmanagers, hearsay, owner_words, took
from healer.shapes.guards import GuardsView, GuardView, VerdictView
from healer.shapes.incidents import ExplanationView, IncidentRow, IncidentView, LastLinesView
from healer.shapes.marks import MarkStateView, MarksView
from healer.shapes.status import StatusView
from healer.shapes.upkeep import LockWaitView, PlanView, RollView, UpkeepView

CELL = 120
"""Characters of one cell in a table."""

NARROW = 40
"""Characters of what a guard had, beside what it needed; in full below the table where it holds."""

NAME_ONE = (
    "For the word of every guard name a target: hale-healer guards NODE/SERVICE --action service.restart, "
    "or an incident's number."
)


def columns(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; the last column is not padded."""
    cells = [tuple(heads), *(tuple(printable(cell, CELL) for cell in row) for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(heads))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )
    return "\n".join(lines)


def pairs(named: Iterable[tuple[str, object]]) -> str:
    """Return names and values, one pair a line; those without a value are left out."""
    shown = [(name, printable(value)) for name, value in named if value not in (None, "")]
    width = max((len(name) for name, _ in shown), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in shown)


def incidents(rows: Sequence[IncidentRow]) -> str:
    """Return a list of incidents."""
    if not rows:
        return "No incident."
    heads = ("ID", "STATE", "TARGET", "CAUSE", "SINCE", "REASON", "NEXT")
    cells = [
        (
            one["id"],
            one["state"],
            one["target"],
            one["cause"]["name"],
            one["opened_at"] or "-",
            one["reason"] or "-",
            one["next"],
        )
        for one in rows
    ]
    return columns(heads, cells)


def incident(one: IncidentView) -> str:
    """Return all of one incident."""
    facts = pairs(
        (
            ("incident", one["id"]),
            ("state", one["state"]),
            ("target", one["target"]),
            ("group", one["group"]),
            ("cause", one["cause"]["name"]),
            ("symptoms", ", ".join(alert["name"] for alert in one["symptoms"])),
            ("ladder", one["ladder"]),
            ("opened", one["opened_at"]),
            ("changed", one["changed_at"]),
            ("took", took(one["seconds_to"])),
            ("reason", one["reason"]),
            ("", one["sentence"]),
            ("next", one["next"]),
            ("adopted", one["adopted_by"]),
            ("runbook", one["runbook"]),
        )
    )
    asked = f"Guards, as they answered at {one['guards_at'] or 'an unknown time'}"
    parts = [
        printable(one["summary"]),
        facts,
        *(_part(f"Last lines of {each['node']}", _last_lines(each)) for each in one["last_lines"]),
        _part("Timeline", _timeline(one)),
        _part(asked, guards(one["guards"]) if one["guards"] else "They were not asked yet."),
        _part("Attempts", _attempts(one)),
        _part("What you can type", _commands(one)),
    ]
    return "\n\n".join(parts)


def guards(verdicts: Sequence[VerdictView]) -> str:
    """Return every guard's answer with what it had and what it needed, then what holds in full."""
    heads = ("GUARD", "SAYS", "HAVE", "NEED")
    cells = [
        (
            one["guard"],
            "allows" if one["allows"] else f"HOLDS {one['reason']}",
            printable(one["have"], NARROW),
            one["need"],
        )
        for one in verdicts
    ]
    return "\n".join(
        [columns(heads, cells), *(_holds(one) for one in verdicts if not one["allows"])]
    )


def _holds(one: VerdictView) -> str:
    said = pairs((("  has", one["have"]), ("  needs", one["need"])))
    return f"\n{printable(one['guard'])}: {printable(one['sentence'])}\n{said}"


def explanation(one: ExplanationView) -> str:
    """Return what would be done now, and what each guard says to it."""
    word = {
        "act": "would act",
        "hold": "holds",
        "mitigate": "would leave it to a person by day",
        "escalate": "would call a person",
        "close": "would close it",
        "stay": "does nothing",
    }.get(one["decision"], one["decision"])
    facts = pairs(
        (
            ("target", one["target"]),
            ("alert", one["alert"] if one["incident"] else f"{one['alert']} (supposed)"),
            ("incident", one["incident"]),
            ("ladder", one["ladder"]),
            ("Hale", word),
            ("action", one["action"]),
            ("reason", one["reason"]),
            ("", one["sentence"]),
        )
    )
    ladder = columns(
        ("RUNG", "ACTION", "", "PASSED OVER"),
        [
            (str(rung["rung"]), rung["action"], rung["place"], rung["passed"])
            for rung in one["rungs"]
        ],
    )
    parts = [facts, ladder if one["rungs"] else "", guards(one["guards"]) if one["guards"] else ""]
    return "\n\n".join(part for part in parts if part)


def registry(shown: GuardsView) -> str:
    """Return the guards with what they say now, their numbers under the keys that set them, and the next actions."""
    stops = [(one["reason"], one["sentence"]) for one in shown["freezes"]]
    cells = [(one["guard"], _word(one), one["holds_unless"]) for one in shown["guards"]]
    words = [one["now"] for one in shown["guards"] if one["now"] is not None]
    numbers = [
        (key, f"{value:g}", one["guard"])
        for one in shown["guards"]
        for key, value in one["numbers"].items()
    ]
    parts = [_part("Nothing is done anywhere", pairs(stops))] if stops else []
    parts += [
        columns(("GUARD", "SAYS NOW", "HOLDS UNLESS"), cells),
        _part(f"What they say now, whatever the target, {shown['asked_at']}", guards(words)),
        columns(("SET IN cluster.yml", "NUMBER", "GUARD"), numbers),
    ]
    if not shown["incidents"]:
        parts.append(NAME_ONE)
    for one in shown["incidents"]:
        said = guards(one["guards"]) if one["guards"] else "They were not asked."
        what = f"Incident {one['id']}, {one['state']}" if one["id"] else "Supposed"
        ladder = f"ladder {one['ladder']}" if one["ladder"] else ""
        named = (one["target"], ladder, one["action"], one["asked_at"])
        about = ", ".join(word for word in named if word)
        parts.append(_part(f"{what}, {about}", said))
    return "\n\n".join(parts)


def _word(one: GuardView) -> str:
    """Return what a guard says now in a word or two."""
    now = one["now"]
    if now is None:
        return "depends on the target"
    return "allows" if now["allows"] else f"HOLDS {now['reason']}"


def marks(shown: MarksView) -> str:
    """Return every mark with what the journal, its gate and its exporter say, and how it is given back."""
    parts = []
    if shown["marks"]:
        heads = ("MARK", "OF", "GATE", "FOR", "SINCE", "JOURNAL", "GATE SAYS", "NODE SAYS", "NOW")
        cells = [
            (
                one["mark"],
                one["subject"],
                one["node"],
                " and ".join(owner_words(owner) for owner in one["owners"]) or "-",
                one["since"] or "-",
                "set" if one["journal"] else "-",
                one["gate"] + (" DIFFERS" if one["differs"] else ""),
                {True: "set", False: "not yet", None: "unknown"}[one["seen"]],
                _giving_back(one),
            )
            for one in shown["marks"]
        ]
        parts.append(columns(heads, cells))
        ways = [
            (f"{one['mark']} {one['subject']} at {one['node']}", one["how"])
            for one in shown["marks"]
        ]
        parts.append(_part("How each is given back", pairs(ways)))
    else:
        parts.append("No mark.")
    if shown["silent"]:
        quiet = [(one["node"], one["error"]) for one in shown["silent"]]
        title = "Gates that did not say: there any mark may stand"
        parts.append(_part(title, columns(("GATE", "WHY"), quiet)))
    return "\n\n".join(parts)


def _giving_back(one: MarkStateView) -> str:
    says = one["says"]
    if says is not None:
        return f"holds {says['reason']}"
    return {"allowed": "may be given back", "not_asked": "-"}.get(one["giving_back"], "-")


def upkeep(one: UpkeepView) -> str:
    """Say of one node what keeps it away, and how far that is."""
    why = f", {one['why']}: {one['detail']}" if one["detail"] else ""
    held = f"; waits for {one['held']}" if one["held"] else ""
    said = f": {one['reason']}" if one["reason"] else ""
    return f"{one['node']} {one['phase']} until {one['until']}{said} (by {one['by']}){why}{held}"


def roll(one: RollView) -> str:
    """Say how far a roll is."""
    left = [each["node"] for each in one["members"] if each["where"] == "left"]
    over = (*one["done"], *one["away"], *left)
    to_come = [node for node in one["nodes"] if node not in over]
    parts = [
        f"{one['group']} {one['state']}: {len(one['done'])} of {len(one['nodes'])} done",
        f"away {', '.join(one['away'])}" if one["away"] else "",
        f"to come {', '.join(to_come)}" if to_come else "",
        f"left the group: {', '.join(left)}" if left else "",
        f"waits: {one['waits']}" if one["waits"] else "",
        f"{one['why']}: {one['detail']}" if one["why"] else "",
    ]
    return "; ".join(part for part in parts if part)


def lock_wait(one: LockWaitView) -> str:
    """Say of one node why it has no reboot lock yet."""
    return f"{one['node']} since {one['since']}, {one['reason']}: {one['detail']}"


def plan(one: PlanView) -> str:
    """Return what would be done, node by node in their order, and what each guard says now."""
    parts = []
    for place, each in enumerate(one["nodes"], 1):
        word = "may be taken now" if each["allows"] else "is not taken now"
        rows = [
            (guard["guard"], guard["reason"] or "allows", guard["have"], guard["need"])
            for guard in each["guards"]
        ]
        shown = columns(("GUARD", "SAYS", "HAVE", "NEED"), rows)
        steps = "\n".join(f"  {step}" for step in each["steps"])
        parts.append(f"{place}. {each['node']} {word}\n{steps}\n\n{shown}")
    return "\n\n".join(parts)


def status(one: StatusView) -> str:
    """Return how the healer itself stands."""
    age = one["watchdog_age_seconds"]
    freezes = [f"{freeze['reason']}: {freeze['sentence']}" for freeze in one["freezes"]]
    holds = [
        f"{each['node']} until {each['until'] or 'released'}: {each['reason']} (by {each['by']})"
        for each in one["holds"]
    ]
    maintained = [
        f"{each['about']} until {each['until'] or 'cluster.yml is edited'}: {each['reason']} ({each['name']})"
        for each in one["maintenance"]
    ]
    marks = [
        f"{each['mark']} of {each['subject']} at the gate of {each['node']}, for "
        + " and ".join(owner_words(owner) for owner in each["owners"])
        for each in one["marks"]
    ]
    counts = " ".join(f"{state}={count}" for state, count in one["incidents"].items() if count)
    facts = pairs(
        (
            ("healer", f"{one['version']} on {one['node']}, cluster {one['cluster']}"),
            ("leader", "yes" if one["leader"] else "NO"),
            ("token", f"{one['era']}.{one['term']}"),
            ("armed", one["armed_at"] or "NOT YET"),
            ("journal", "has room" if one["storing"] else "NO ROOM"),
            ("watchdog", "NOT HEARD" if age is None else f"{age:.0f} s ago"),
            ("alertmanagers", alertmanagers(one)),
            ("incidents", counts or "none open"),
            *(("nothing is done", text) for text in freezes),
            *(("held", text) for text in holds),
            *(("in maintenance", text) for text in maintained),
            *(("away", text) for text in map(upkeep, one["upkeep"])),
            *(("roll", text) for text in map(roll, one["rolls"])),
            *(("waits for a lock", text) for text in map(lock_wait, one["lock_waits"])),
            *(("taken away", text) for text in marks),
        )
    )
    parts = [facts]
    if one["pre_existing"]:
        cells = [
            (alert["target"] or "-", alert["name"], alert["began_at"] or "-")
            for alert in one["pre_existing"]
        ]
        shown = columns(("TARGET", "ALERT", "BEGAN"), cells)
        parts.append(_part("Firing since before Hale was armed: explained, not touched", shown))
    if one["refused"]:
        rows = [
            (each["at"] or "-", each["alert"]["name"], each["reason"], each["sentence"])
            for each in one["refused"]
        ]
        parts.append(_part("Refused alerts", columns(("AT", "ALERT", "REASON", "SENTENCE"), rows)))
    return "\n\n".join(parts)


def _part(title: str, body: str) -> str:
    return f"{printable(title)}\n{body}"


def _timeline(one: IncidentView) -> str:
    if one["timeline_error"]:
        return f"The journal could not be read: {printable(one['timeline_error'])}"
    cells = [
        (moment["at"] or "-", moment["kind"], moment["reason"] or "-", moment["text"])
        for moment in one["timeline"]
    ]
    left = one["timeline_omitted"]
    more = f"\n{left} moments from the middle are not shown." if left else ""
    return columns(("AT", "WHAT", "REASON", "TEXT"), cells) + more


def _last_lines(found: LastLinesView) -> str:
    heads = ("AT", "BY", "FAILURE", "TEXT")
    cells = [
        (line["at"] or "-", line["by"] or "-", line["failure_type"] or "-", line["text"])
        for line in found["lines"]
    ]
    told = [hearsay(found), found["trouble"]]
    parts = [*(printable(text) for text in told if text), columns(heads, cells) if cells else ""]
    return "\n".join(part for part in parts if part)


def _attempts(one: IncidentView) -> str:
    if not one["attempts"]:
        return "Nothing was tried."
    cells = [
        (
            each["action_id"],
            each["action"],
            each["target"],
            each["gate"],
            each["began_at"] or "-",
            each["outcome"] or "running",
            each["reason"] or "-",
            each["detail"],
        )
        for each in one["attempts"]
    ]
    return columns(
        ("ID", "ACTION", "TARGET", "GATE", "BEGAN", "OUTCOME", "REASON", "DETAIL"), cells
    )


def _commands(one: IncidentView) -> str:
    cells = [(each["node"], each["command"], each["purpose"]) for each in one["commands"]]
    return columns(("ON", "TYPE", "TO"), cells)
