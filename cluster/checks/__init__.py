"""What `hale-cluster check` looks for.

Rule: a check is a pure function from what was loaded to findings; each file is one subject,
and they do not import each other.
"""

from cluster.checks.alerts import ALERTS
from cluster.checks.backups import BACKUPS
from cluster.checks.balancing import BALANCING
from cluster.checks.certificates import CERTIFICATES
from cluster.checks.databases import DATABASES
from cluster.checks.disks import DISKS
from cluster.checks.fencing import FENCING
from cluster.checks.maintenance import MAINTENANCE
from cluster.checks.monitoring import MONITORING
from cluster.checks.pacemakers import PACEMAKERS
from cluster.checks.people import PEOPLE
from cluster.checks.repair import REPAIR
from cluster.checks.sentinels import SENTINELS
from cluster.checks.store import STORE
from cluster.checks.topology import TOPOLOGY
from cluster.checks.webhook import WEBHOOK
from cluster.finding import Finding
from cluster.subject import Check, Subject

CHECKS: tuple[Check, ...] = (
    *TOPOLOGY,
    *BACKUPS,
    *BALANCING,
    *CERTIFICATES,
    *DATABASES,
    *DISKS,
    *FENCING,
    *MAINTENANCE,
    *PACEMAKERS,
    *REPAIR,
    *PEOPLE,
    *ALERTS,
    *MONITORING,
    *SENTINELS,
    *STORE,
    *WEBHOOK,
)


def check(subject: Subject) -> tuple[Finding, ...]:
    """Return every finding, in the order of the file."""
    found = [finding for look in CHECKS for finding in look(subject)]
    return tuple(sorted(found, key=lambda f: (f.line, f.column, f.code.word, f.reason)))
