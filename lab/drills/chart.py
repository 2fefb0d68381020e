"""A drill as a picture: requests by second, and the moments that matter above them. Pure, SVG."""

from html import escape

from lab.drills.judgement import Report

_WIDTH, _HEIGHT = 720, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 12, 84, 28
_GOOD, _BAD, _INK, _FAINT = "#4c9a6a", "#c0504d", "#222222", "#999999"
_FONT = 'font-family="sans-serif" font-size="11"'


def chart(report: Report) -> str:
    """Return an SVG picture: answered and lost requests by second, and when what happened."""
    seconds = max(1.0, report.ended - report.began)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>{escape(report.drill.name)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        *_bars(report, seconds),
        *_axis(seconds),
        *_marks(report, seconds),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _x(second: float, seconds: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * second / seconds


def _bars(report: Report, seconds: float) -> list[str]:
    most = max((good + bad for good, bad in report.by_second), default=0) or 1
    room, floor = _HEIGHT - _TOP - _BOTTOM, _HEIGHT - _BOTTOM
    found = []
    for second, (good, bad) in enumerate(report.by_second):
        left = _x(second, seconds)
        width = max(0.5, min(_x(second + 1, seconds), _WIDTH - _RIGHT) - left - 0.5)
        for count, below, colour in ((bad, 0, _BAD), (good, bad, _GOOD)):
            tall, under = room * count / most, room * below / most
            if count:
                place = f'x="{left:.1f}" y="{floor - under - tall:.1f}" width="{width:.1f}"'
                found.append(f'<rect {place} height="{tall:.1f}" fill="{colour}"/>')
    return found


def _axis(seconds: float) -> list[str]:
    floor = _HEIGHT - _BOTTOM
    step = next(step for step in (1, 2, 5, 10, 20, 60, 300, 3600, 10**9) if seconds / step <= 12)
    found = [f'<path d="M{_LEFT} {floor}H{_WIDTH - _RIGHT}" stroke="{_FAINT}"/>']
    for second in range(0, int(seconds) + 1, step):
        place = f'x="{_x(second, seconds):.1f}" y="{floor + 16}" text-anchor="middle"'
        found.append(f'<text {place} {_FONT} fill="{_FAINT}">{second} s</text>')
    return found


def _marks(report: Report, seconds: float) -> list[str]:
    figures = report.figures
    named = (
        ("detected", figures.detected),
        ("acted", figures.acted),
        ("serving again", figures.serving),
        ("redundancy back", figures.redundancy),
    )
    known = sorted((at, name) for name, at in named if at is not None)
    found = []
    for row, (at, name) in enumerate(known):
        x, y = _x(min(at, seconds), seconds), 18 + row * 16
        anchor = "end" if x > _WIDTH * 0.75 else "start"
        shift = -4 if anchor == "end" else 4
        found.append(f'<path d="M{x:.1f} {y - 8}V{_HEIGHT - _BOTTOM}" stroke="{_INK}"/>')
        place = f'x="{x + shift:.1f}" y="{y}" text-anchor="{anchor}"'
        found.append(f'<text {place} {_FONT} fill="{_INK}">{name} +{at:.1f} s</text>')
    return found
