"""Files that a fault damages are kept first, so that any later process can put them back."""

from lab.faults.fault import run
from lab.ports import Lab

FOLDER = "/var/lib/lab-originals"

_KEEP = 'mkdir -p "$3" && rm -rf "$2" && cp --archive "$1" "$2"'
_BACK = '[ ! -e "$2" ] || { rm -rf "$1" && cp --archive "$2" "$1" && rm -rf "$2"; }'


def keep(lab: Lab, node: str, path: str) -> None:
    """Copy a file or a directory to where `put_back` finds it.

    Raises:
        LabError: It is not there.
    """
    _shell(lab, node, _KEEP, path)


def put_back(lab: Lab, node: str, path: str) -> None:
    """Put it back as it was; does nothing where nothing was kept, or where it was put back already.

    Raises:
        LabError: It could not be put back.
    """
    _shell(lab, node, _BACK, path)


def _shell(lab: Lab, node: str, text: str, path: str) -> None:
    kept = f"{FOLDER}/{path.strip('/').replace('/', '_')}"
    run(lab, node, ["/bin/sh", "-ec", text, "sh", path, kept, FOLDER], timeout=60)
