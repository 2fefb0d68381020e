"""The page for people: what this exporter is, and how each collector fares.

One answer without scripts and without further files, so that it shows what it has through any proxy.
"""

import base64
import hashlib
import html
from collections.abc import Iterable
from importlib.resources import files
from urllib.parse import quote

from exporter.collector import Latest, State
from exporter.config import Config
from exporter.selfmetrics import own_version

STYLE = files("exporter").joinpath("page.css").read_text(encoding="utf-8")

_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

SAFETY = {
    # Nothing is loaded or run but the style sheet within the page, and nobody frames it.
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Headers of every answer, as long as web-config.yml does not say otherwise."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><span class="mark"></span> Hale exporter</header>
<main>
<h1>{heading}</h1>
<p class="lead">{about}</p>
<nav aria-label="Hale exporter"><a class="button" href="{path}">Metrics</a></nav>
<h2>Collectors</h2>
<p>{tally}</p>
{table}
</main>
<footer>Version {version}</footer>
</body>
</html>
"""

# The roles say what the elements are: some browsers forget it where a style sheet shows them as something else.
TABLE = """<table role="table">
<thead role="rowgroup"><tr role="row">{heads}</tr></thead>
<tbody role="rowgroup">
{rows}
</tbody>
</table>"""

HEADS = ("Collector", "State", "Took", "Last success")

WORDS = {
    State.OK: "ok",
    State.ABSENT: "absent",
    State.FAILED: "failed",
    State.TIMED_OUT: "timed out",
}

MEANING = {
    State.ABSENT: "this node has nothing of the kind",
    State.FAILED: "the log says why: journalctl -u hale-exporter",
    State.TIMED_OUT: "unknown, not down",
}

TROUBLES = (State.FAILED, State.TIMED_OUT)


def page(
    path: str, config: Config, collectors: Iterable[tuple[str, Latest | None]], now: float
) -> str:
    """Return it whole.

    Args:
        path: Of the metrics.
        config: Whose names head the page.
        collectors: Each one that is on, and what is known of its newest run; None before the first.
        now: Unix time, by the clock that the times of success are of.
    """
    known = sorted(collectors, key=lambda one: (_rank(one[1]), one[0]))
    names = [one for one in (config.node, config.cluster) if one]
    rows = "\n".join(_row(path, name, latest, now) for name, latest in known)
    heads = "".join(f'<th scope="col" role="columnheader">{head}</th>' for head in HEADS)
    return PAGE.format(
        title=html.escape(" · ".join((*names, "Hale exporter"))),
        style=STYLE,
        heading=html.escape(config.node or "This node"),
        about=html.escape(_about(config)),
        path=html.escape(path),
        tally=html.escape(_tally([latest for _, latest in known])),
        table=TABLE.format(heads=heads, rows=rows) if rows else "",
        version=html.escape(own_version()),
    )


def _rank(latest: Latest | None) -> int:
    """Return where a collector stands: those that somebody has to look at come first."""
    return TROUBLES.index(latest.state) if latest and latest.state in TROUBLES else len(TROUBLES)


def _about(config: Config) -> str:
    of = f" of the cluster {config.cluster}" if config.cluster else ""
    return f"What the hardware and the services of this node{of} are doing, for Prometheus."


def _tally(known: list[Latest | None]) -> str:
    """Say in one sentence how many fare how; those that nobody has asked yet are told last."""
    counts = {state: sum(k is not None and k.state is state for k in known) for state in State}
    told = [f"{count} {WORDS[state]}" for state, count in counts.items() if count]
    if silent := known.count(None):
        told.append(f"{silent} not run before the first scrape")
    return ", ".join(told) + "." if told else "None is on."


def _row(path: str, name: str, latest: Latest | None, now: float) -> str:
    alone = f"{path}?collect[]={quote(name)}"
    link = f'<a href="{html.escape(alone)}">{html.escape(name)}</a>'
    cells = zip(HEADS, (link, *_seen(latest, now)), strict=True)
    row = "".join(f'<td role="cell" data-head="{head}">{cell}</td>' for head, cell in cells)
    return f'<tr role="row">{row}</tr>'


def _seen(latest: Latest | None, now: float) -> tuple[str, str, str]:
    if latest is None:
        return '<span class="pill">not run yet</span>', "", ""
    pill = f'<span class="pill {latest.state.value}">{WORDS[latest.state]}</span>'
    if meaning := MEANING.get(latest.state):
        pill += f' <span class="quiet">{html.escape(meaning)}</span>'
    took = "" if latest.duration_seconds is None else _duration(latest.duration_seconds)
    if latest.last_success is None:
        return pill, took, "never" if latest.state is not State.ABSENT else ""
    age = now - latest.last_success
    return pill, took, f"{_duration(age)} ago" if age >= 1 else "just now"


def _duration(seconds: float) -> str:
    """Write seconds for people: 312 µs, 4.1 ms, 12 s, 3 min, 2 h."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.1f} ms"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
