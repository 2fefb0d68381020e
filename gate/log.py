"""One line an event on standard error, which the unit gives to the journal."""

import json
import sys

INFO, WARNING, ERROR = 6, 4, 3  # sd-daemon(3), stripped by journald


def log(level: int, event: str, **values: object) -> None:
    """Write `event {values}`; whatever a peer sent is quoted as JSON, so it cannot fake a line."""
    try:
        print(f"<{level}>{event} {json.dumps(values, default=str)}", file=sys.stderr, flush=True)
    except OSError:
        pass  # a full or closed journal must not stop a verb
