"""Who is logged in, by kind of session, over the system bus, as node_exporter's `logind`.

Interface: org.freedesktop.login1(5).
"""

from collections import Counter
from collections.abc import Callable
from itertools import product

from exporter.asked import asked
from exporter.bus import Partner, Refused
from exporter.collector import Malformed
from exporter.exposition import Family, Kind
from exporter.gathered import sample, written

FAMILY = Family("node_logind_sessions", Kind.GAUGE, "Number of sessions registered in logind.")

LOGIND = "org.freedesktop.login1"
PATH = "/org/freedesktop/login1"
MANAGER = f"{LOGIND}.Manager"
SESSION = f"{LOGIND}.Session"

OTHER = "other"
REMOTE = ("true", "false")
TYPES = (OTHER, "unspecified", "tty", "x11", "wayland", "mir", "web")
CLASSES = (OTHER, "user", "greeter", "lock-screen", "background")

INTERVAL = 15.0  # seconds
DEADLINE = 5.0  # seconds

Sort = tuple[str, str, str, str]
"""A session's seat, whether it is remote, its type and its class."""


class Sessions:
    """Asks logind for every session, as a source for `Periodic`."""

    name = "logind"
    interval = INTERVAL
    deadline = DEADLINE

    def __init__(self, address: str | None = None) -> None:
        """Connect to nothing yet.

        Args:
            address: The bus; None for the node's system bus.
        """
        self._address = address

    async def collect(self, publish: Callable[[bytes], None]) -> None:
        """Ask once.

        Raises:
            Absent: There is no logind here.
            Malformed: It answered with something else than seats and sessions.
            OSError: The bus broke, or refused.
        """
        async with asked(self._address, LOGIND) as logind:
            listed = (await logind.call(PATH, MANAGER, "ListSeats"))[0]
            seats = [
                *(seat for seat, _ in _rows(listed, 2)),
                "",
            ]  # "": of those without, as over ssh
            sessions = (await logind.call(PATH, MANAGER, "ListSessions"))[0]
            kinds = [await _kind(logind, seat, path) for _, _, _, seat, path in _rows(sessions, 5)]
        counts = Counter(kind for kind in kinds if kind is not None)
        publish(
            written(
                sample(
                    FAMILY,
                    counts[key],
                    **{"class": key[3]},
                    remote=key[1],
                    seat=key[0],
                    type=key[2],
                )
                for key in product(seats, REMOTE, TYPES, CLASSES)
            )
        )


def _rows(reply: object, width: int) -> list[list[str]]:
    if not isinstance(reply, list):
        raise Malformed(f"logind: wanted a list, saw {str(reply)[:80]}")
    for one in reply:
        if not isinstance(one, list | tuple) or len(one) != width:
            raise Malformed(f"logind: wanted {width} values, saw {str(one)[:80]}")
    return [[str(word) for word in one] for one in reply]


async def _kind(logind: Partner, seat: str, path: str) -> Sort | None:
    """Return what kind of session it is; None when it has just ended."""
    try:
        raw = await logind.properties(path, SESSION)
    except Refused:
        return None
    remote, kind, class_ = raw.get("Remote"), raw.get("Type"), raw.get("Class")
    return (
        seat,
        "true" if remote is True else "false",
        str(kind) if kind in TYPES else OTHER,
        str(class_) if class_ in CLASSES else OTHER,
    )
