"""What is written about a drill: lines, a table, Markdown, JSON. Pure but for `write`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from lab.drills.chart import chart
from lab.drills.judgement import Figures, Judged, Report
from lab.drills.moments import Moment

HEADER = (
    "drill",
    "who acted",
    "detected",
    "acted",
    "serving again",
    "redundancy back",
    "requests lost",
    "people called",
)
_NO_FSYNC = (
    "That proves replication, not fsync: the nodes share a kernel, "
    "so the page cache survives every power cut here."
)


def line(moment: Moment, began: float) -> str:
    """Return a moment as one line: `+3.2 s  detected   ServiceDown web1/nginx fires`."""
    return f"{_plus(moment.at - began):>9}  {moment.word:<11} {moment.text}"


def row(report: Report) -> tuple[str, ...]:
    """Return the drill's row of the final table; its columns are HEADER."""
    figures = report.figures
    lost = f"{figures.lost_requests} of {figures.requests}" if figures.requests else "no load"
    return (
        report.drill.name,
        ", ".join(name for name, _ in figures.actors) or "nobody",
        _cell(figures.detected, "never"),
        ", ".join(_plus(after) for _, after in figures.actors) or "never",
        _cell(figures.serving, "never" if figures.service_lost else "not lost"),
        _cell(figures.redundancy, "never" if figures.redundancy_lost else "not lost"),
        lost,
        _called(figures.pages),
    )


def table(reports: Sequence[Report]) -> str:
    """Return the final table as plain text."""
    rows = [HEADER, *(row(report) for report in reports)]
    widths = [max(len(cells[i]) for cells in rows) for i in range(len(HEADER))]
    texts = [
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        for cells in rows
    ]
    texts.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(texts)


def markdown(report: Report) -> str:
    """Return the report as a page."""
    drill = report.drill
    day = datetime.fromtimestamp(report.began, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    parts = [
        f"# Drill {drill.name}: {'held' if report.held else 'did not hold'}",
        drill.purpose,
        f"Fault injected at {day}:",
        "\n".join(f"- {fault}" for fault in report.faults),
        _markdown_table(report),
        *about_rows(report.figures),
        f"![requests by second](./{drill.name}.svg)",
        *_broken(report),
        "## What had to come true",
        "\n".join(_judged(one) for one in report.expected),
        *_never(report),
        "## What happened",
        "```\n" + "\n".join(line(one, report.began) for one in report.moments) + "\n```",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def as_json(report: Report) -> str:
    """Return the report for programs; times are seconds from the fault but for `began`."""
    drill = report.drill
    value = {
        "v": 1,
        "name": drill.name,
        "purpose": drill.purpose,
        "held": report.held,
        "broken": list(report.broken),
        "began": report.began,
        "seconds": round(report.ended - report.began, 3),
        "faults": list(report.faults),
        "figures": _rounded(asdict(report.figures)) | {"actors": _actors(report)},
        "limits": asdict(drill.limits),
        "expected": [_rounded(asdict(one)) for one in report.expected],
        "never": [_rounded(asdict(one)) for one in report.never],
        "moments": [
            {"after": round(one.at - report.began, 3), "word": one.word, "text": one.text}
            for one in report.moments
        ],
        "requests_by_second": [{"answered": good, "lost": bad} for good, bad in report.by_second],
    }
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def write(report: Report, directory: Path) -> tuple[Path, ...]:
    """Write NAME.md, NAME.json and NAME.svg into a directory, which is made if it is missing.

    Raises:
        OSError: It cannot be written to.
    """
    directory.mkdir(parents=True, exist_ok=True)
    made = []
    for suffix, text in (
        ("md", markdown(report)),
        ("json", as_json(report)),
        ("svg", chart(report)),
    ):
        file = directory / f"{report.drill.name}.{suffix}"
        file.write_text(text, encoding="utf-8")
        made.append(file)
    return tuple(made)


def _markdown_table(report: Report) -> str:
    rows = (HEADER, ("---",) * len(HEADER), row(report))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def about_rows(figures: Figures) -> list[str]:
    """Say what became of a database's rows, whether it ever had two primaries, and what that proves."""
    found = []
    if figures.acknowledged is not None:
        lost = (
            "nobody could ask how many"
            if figures.acknowledged_lost is None
            else figures.acknowledged_lost
        )
        found.append(f"Rows acknowledged: {figures.acknowledged}; of these lost: {lost}.")
    if figures.two_primaries is not None:
        found.append(f"Two members answered as primary for {figures.two_primaries:.1f} s.")
    if figures.acknowledged is not None:
        found.append(_NO_FSYNC)
    return [" ".join(found)] if found else []


def _broken(report: Report) -> list[str]:
    if report.held:
        return []
    return ["## What did not hold", "\n".join(f"- {text}" for text in report.broken)]


def _never(report: Report) -> list[str]:
    if not report.never:
        return []
    return ["## What must never be true", "\n".join(_judged(one) for one in report.never)]


def _judged(one: Judged) -> str:
    mark = "held" if one.held else "BROKEN"
    limit = "" if one.limit is None else f", limit {one.limit:.1f} s"
    when = "" if one.at is None else f", {_plus(one.at)}"
    saw = f": {one.saw}" if one.saw else ""
    return f"- {mark}: {one.text}{when}{limit}{saw}"


def _plus(seconds: float) -> str:
    return f"+{max(0.0, seconds):.1f} s"


def _called(pages: int) -> str:
    return "no" if pages == 0 else "once" if pages == 1 else f"{pages} times"


def _cell(seconds: float | None, otherwise: str) -> str:
    return otherwise if seconds is None else _plus(seconds)


def _actors(report: Report) -> list[dict[str, object]]:
    return [{"name": name, "after": round(at, 3)} for name, at in report.figures.actors]


def _rounded(fields: dict[str, object]) -> dict[str, object]:
    return {k: round(v, 3) if isinstance(v, float) else v for k, v in fields.items()}
