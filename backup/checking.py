"""`hale-backup check`: read a part of the repository and of the source, so that all is read within a rotation.

Of the source it is what nobody wrote to since the last backup: where its hash is another one now, it was the disk.
"""

import zlib
from collections.abc import Collection, Iterator

from backup import moment, report
from backup.entry import Entry, look
from backup.job import Job
from backup.saving import last
from backup.words import Failed, Reason

MOST_TOLD = 20
"""So many corrupt files are named."""


def run(job: Job) -> None:
    """Check the next part.

    Raises:
        Failed: check_failed, forget_failed or repository_unusable, and the part is next again; or source_corrupt.
    """
    parts = job.backup.check_parts
    earlier = report.read(job.places.report(job.name, "check"))
    before = earlier.get("part", 0) if earlier.get("parts") == parts else 0
    part = before % parts + 1
    job.told.update(part=before, parts=parts, whole_at=earlier.get("whole_at"))
    # Those of other parts that were found before are looked at again, so that they are told until they are well.
    corrupt = list(_corrupt(job, part, earlier.get("corrupt", ())))
    job.told.update(corrupt_files=len(corrupt), corrupt=corrupt[:MOST_TOLD])
    job.restic.open()
    job.restic.check(part, prune=bool(job.backup.keep))
    job.told.update(part=part)
    if part == parts:
        job.told.update(whole_at=moment.text(job.wall()))
    if corrupt:
        raise Failed(Reason.SOURCE_CORRUPT, f"changed without having been written: {corrupt[0]}")


def _corrupt(job: Job, part: int, again: Collection[str]) -> Iterator[str]:
    known = last(job)
    for path, entry in (known.entries if known is not None else {}).items():
        here = _part(path, job.backup.check_parts) == part or path in again
        if here and entry.kind == "f" and not entry.moving and _rotten(entry):
            yield path


def _part(path: str, parts: int) -> int:
    return zlib.crc32(path.encode("utf-8", "surrogateescape")) % parts + 1


def _rotten(entry: Entry) -> bool:
    try:
        now = look(entry.path)
    except OSError as error:
        return error.errno is not None and not isinstance(error, FileNotFoundError)
    return (
        now is not None and now.stamp == entry.stamp and now.proof != entry.proof and not now.moving
    )
