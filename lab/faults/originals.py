"""Files that a fault damages are kept first, so that any later process can put them back."""

from lab.faults.fault import run
from lab.ports import Lab, LabError

FOLDER = "/var/lib/lab-originals"

WHOLE = "whole"
"""How files have to return: with every byte."""

_KEEP = 'mkdir -p "$3" && rm -rf "$2" && cp --archive "$1" "$2"'
SAME = '[ ! -e "$2" ] || diff --recursive --no-dereference --brief "$2" "$1" >&2'
BACK = '[ ! -e "$2" ] || { rm -rf "$1" && cp --archive "$2" "$1" && rm -rf "$2"; }'


def keep(lab: Lab, node: str, path: str, returns: str = "") -> None:
    """Copy a file or a directory to where `put_back` finds it.

    Raises:
        LabError: It is not there, or `undo` knows no such word; nothing was changed.
    """
    if returns not in ("", WHOLE):
        raise LabError(f"returns: unknown word '{returns}'. Known: {WHOLE}")
    _shell(lab, node, _KEEP, path)


def put_back(lab: Lab, node: str, path: str) -> None:
    """Put it back as it was; does nothing where nothing was kept, or where it was put back already.

    Raises:
        LabError: It could not be put back.
    """
    _shell(lab, node, BACK, path)


def undo(lab: Lab, node: str, path: str, returns: str = "") -> None:
    """Put it back as it was; where it `returns` whole, insist first that somebody else has done so, with every byte.

    Raises:
        LabError: It is not what was kept, and the message names where it differs; or it could not be put back.
    """
    try:
        if returns == WHOLE:
            _shell(lab, node, SAME, path)
    finally:
        put_back(lab, node, path)


def _shell(lab: Lab, node: str, text: str, path: str) -> None:
    kept = f"{FOLDER}/{path.strip('/').replace('/', '_')}"
    run(lab, node, ["/bin/sh", "-ec", text, "sh", path, kept, FOLDER], timeout=60)
