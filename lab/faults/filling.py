"""What faults do to file systems. Rule: a file's name tells who made it, so that it is found again."""

from lab.faults.fault import run
from lab.ports import Lab

_NAME = "hale-lab-fill"
_FILL = """
dd if=/dev/zero of="$1" bs=64K 2>/dev/null
dd if=/dev/zero of="$1" bs=512 oflag=append conv=notrunc 2>/dev/null
sync "$1"
df --output=avail --block-size=1 "$1" | tail -1
"""
_FILL_BUT = """
free=$(df --output=avail --block-size=1M "$(dirname "$1")" | tail -1)
fallocate --length "$((free - $2))MiB" "$1"
df --output=avail --block-size=1 "$1" | tail -1
"""
_FILL_WITH_FILES = """
mkdir -p "$1"
n=0
for size in 4M 64K 4K; do
    while dd if=/dev/zero of="$1/$2.$size.$n$3" bs=$size count=1 2>/dev/null; do n=$((n+1)); done
done
touch --date="$4 ago" "$1/$2".*
sync --file-system "$1"
printf '%s files, %s bytes free' "$n" "$(df --output=avail --block-size=1 "$1" | tail -1)"
"""
_RELEASE_FILES = '[ ! -d "$1" ] || find "$1" -xdev -name "$2.*" -delete'


def fill(lab: Lab, node: str, directory: str) -> str:
    """Fill the file system under a directory and return what is free after it, in bytes.

    Writing until ENOSPC is the point, so dd's exit status means nothing.
    """
    script = ["/bin/sh", "-c", _FILL, "sh", _file(directory)]
    return run(lab, node, script, timeout=120.0).stdout.strip()


def fill_but(lab: Lab, node: str, directory: str, leave: int) -> str:
    """Fill it but for `leave` MiB, at no moment more, and return what is free after it, in bytes."""
    script = ["/bin/sh", "-ec", _FILL_BUT, "sh", _file(directory), str(leave)]
    return run(lab, node, script).stdout.strip()


def release(lab: Lab, node: str, directory: str) -> None:
    """Remove the file, if it is there."""
    run(lab, node, ["rm", "--force", _file(directory)])


def fill_with_files(lab: Lab, node: str, directory: str, suffix: str, age: str) -> str:
    """Fill the file system under a directory, which is made, with files last changed `age` ago.

    Returns:
        How many files there are and what is free after it.
    """
    script = ["/bin/sh", "-c", _FILL_WITH_FILES, "sh", directory, _NAME, suffix, age]
    return run(lab, node, script, timeout=120.0).stdout.strip()


def release_files(lab: Lab, node: str, directory: str) -> None:
    """Remove the files, as far as they are there."""
    run(lab, node, ["/bin/sh", "-c", _RELEASE_FILES, "sh", directory, _NAME])


def _file(directory: str) -> str:
    return f"{directory.rstrip('/')}/{_NAME}"
