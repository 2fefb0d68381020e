"""Files that faults replace. Rule: the original is kept beside the file, so that anybody finds it."""

from lab.faults.fault import run
from lab.ports import Lab

_KEPT = ".hale-lab-original"
_PUT_BACK = '[ ! -e "$1" ] || mv --force "$1" "$2"'


def replace(lab: Lab, node: str, path: str, content: bytes) -> None:
    """Write other content into a file; the first original is kept."""
    run(lab, node, ["cp", "--archive", "--no-clobber", path, path + _KEPT])
    lab.write_file(node, path, content)


def put_back(lab: Lab, node: str, path: str) -> None:
    """Put the original back, if there is one."""
    run(lab, node, ["/bin/sh", "-c", _PUT_BACK, "sh", path + _KEPT, path])
