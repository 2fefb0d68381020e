"""The largest file with data in a repository of restic, which a fault spoils; its copy lies apart until it is put back.

A file of restic is named by what is in it, so its name alone says where it belongs.
"""

from lab.faults.fault import run
from lab.faults.originals import FOLDER
from lab.ports import Lab

KEPT = f"{FOLDER}/packs"

_LARGEST = "find \"$1/data\" -type f -printf '%s %p\\n' | sort -n | tail -n 1 | cut -d' ' -f2"
_KEEP = 'mkdir -p "$2" && cp --archive "$1" "$2/"'
_BACK = (
    'for one in "$2"/*; do [ -e "$one" ] || continue; '
    'place=$(find "$1/data" -type f -name "$(basename "$one")"); '
    '[ -z "$place" ] || cp --archive "$one" "$place"; rm -f "$one"; done'
)


def spoil(lab: Lab, node: str, repository: str, how: str) -> str:
    """Keep a copy of the file, have Python spoil it in place, and return its name.

    Args:
        lab: Where it is done.
        node: Where the repository is.
        repository: Its directory.
        how: What Python does with `sys.argv[1]`.

    Raises:
        LabError: There is none, or it could not be done.
    """
    find = ["/bin/sh", "-ec", _LARGEST, "sh", repository]
    largest = run(lab, node, find).stdout.strip()
    run(lab, node, ["/bin/sh", "-ec", _KEEP, "sh", largest, KEPT])
    run(lab, node, ["/usr/bin/python3", "-c", how, largest])
    return largest


def put_back(lab: Lab, node: str, repository: str) -> None:
    """Put the file back as it was, unless restic has removed it meanwhile."""
    run(lab, node, ["/bin/sh", "-ec", _BACK, "sh", repository, KEPT])
