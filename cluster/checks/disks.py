"""What may be reclaimed: entries that remove more than was meant, or help less."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from cluster.errors import Path
from cluster.finding import Code, Finding
from cluster.quantity import duration_text
from cluster.reclaim import Reclaim
from cluster.subject import Check, Subject

# Whoever put a file there this morning should find it in the evening.
RECENT_SECONDS = 86400.0
# Usually on the root file system.
_ON_ROOT = ("/home/", "/opt/", "/srv/", "/tmp/", "/var/")  # noqa: S108  # looked for, not written to


def _entries(subject: Subject) -> Iterator[tuple[Path, Reclaim]]:
    for service in subject.cluster.services.values():
        for number, entry in enumerate(service.reclaim):
            yield ("services", service.name, "reclaim", number), entry


def everything(subject: Subject) -> Iterator[Finding]:
    """Find entries that a file of any name is lost to soon after it was written."""
    for path, entry in _entries(subject):
        if not entry.match.strip("*") and not entry.keep and entry.older_than < RECENT_SECONDS:
            reason = (
                f"any file below {entry.path} may be removed {duration_text(entry.older_than)} "
                "after it was written, whatever it is."
            )
            remedy = 'Narrow match, as in "*.tmp", lengthen older_than, or keep some.'
            yield subject.finding(Code.RECLAIMS_ALL, (*path, "match"), reason, remedy)


def nested(subject: Subject) -> Iterator[Finding]:
    """Find files that one entry keeps and another of the group, of a directory above, removes."""
    services = subject.cluster.services
    known = {(services[str(path[1])].group, entry.path) for path, entry in _entries(subject)}
    for path, entry in _entries(subject):
        group = services[str(path[1])].group
        above = [str(folder) for folder in PurePosixPath(entry.path).parents]
        over = next((folder for folder in above if (group, folder) in known), None)
        if entry.keep and over is not None:
            reason = f"what keep spares in {entry.path} may be removed by the entry of {over}."
            remedy = "Keep them apart, or write one entry for both."
            yield subject.finding(Code.NESTED_RECLAIM, (*path, "path"), reason, remedy)


def on_root(subject: Subject) -> Iterator[Finding]:
    """Find services whose files fill the disk that everything else needs."""
    for path, entry in _entries(subject):
        if entry.path.startswith(_ON_ROOT):
            reason = (
                f"{entry.path} is usually on the root file system: when it fills that, "
                "neither the gate's ledger nor logs can be written any more."
            )
            remedy = "Give the service's files a file system of their own, such as /data."
            yield subject.finding(Code.RECLAIM_ON_ROOT, (*path, "path"), reason, remedy)


DISKS: tuple[Check, ...] = (everything, nested, on_root)
