"""Whether what should be mounted on the way to a path is mounted. Where it is not, a directory only seems to be gone.

Source: fstab(5). Rule: nothing is restored into the empty directory below a mount that is missing.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from backup.words import Failed, Reason

FSTAB = Path("/etc/fstab")
_ESCAPED = re.compile(r"\\([0-7]{3})")


def mounted(place: Path) -> None:
    """See that every mount point of /etc/fstab that a path lies on is mounted.

    Raises:
        Failed: not_mounted; nothing was touched.
        OSError: the table cannot be read.
    """
    on_the_way = {place, *place.parents}
    for point in _points():
        if point in on_the_way and not os.path.ismount(point):
            raise Failed(
                Reason.NOT_MOUNTED,
                f"{point} stands in {FSTAB} and is not mounted, so {place} may be there all the same: mount {point}",
            )


def _points() -> Iterator[Path]:
    try:
        text = FSTAB.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and not words[0].startswith("#") and words[1].startswith("/"):
            yield Path(_ESCAPED.sub(lambda found: chr(int(found[1], 8)), words[1]))
