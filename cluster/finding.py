"""Findings: what will hurt later although the file is right, and the list of all of them.

Rule: a code keeps its meaning for ever; docs/cluster.md explains each one.
"""

from dataclasses import dataclass
from enum import Enum

from cluster.errors import Path, dotted


class Severity(Enum):
    """How much a finding will hurt. The value is its word in every output."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Code(Enum):
    """Every finding. The value is the code, and its severity."""

    NO_ROOM = ("HC001", Severity.WARNING)
    NO_FLOOR = ("HC002", Severity.WARNING)
    ONE_DOMAIN = ("HC003", Severity.WARNING)
    NO_DOMAIN = ("HC004", Severity.WARNING)
    NO_GROUP = ("HC005", Severity.WARNING)
    CONTROL_SERVES = ("HC006", Severity.WARNING)
    HEALER_NOT_CONTROL = ("HC007", Severity.ERROR)
    MONITOR_NOT_CONTROL = ("HC008", Severity.WARNING)
    HOST_NAME = ("HC009", Severity.WARNING)
    NO_PROBE = ("HC010", Severity.INFO)
    PROBE_ELSEWHERE = ("HC011", Severity.ERROR)
    NEVER_GIVES_UP = ("HC012", Severity.ERROR)
    NO_DEADMAN = ("HC013", Severity.WARNING)
    NO_PEOPLE = ("HC014", Severity.ERROR)
    NO_SECOND_PATH = ("HC015", Severity.WARNING)
    SAME_PATH = ("HC016", Severity.WARNING)
    UNKNOWN_LADDER = ("HC017", Severity.ERROR)
    NO_RUNBOOK = ("HC018", Severity.WARNING)
    UNKNOWN_ALERT = ("HC019", Severity.ERROR)
    NEVER_ACTS = ("HC020", Severity.INFO)
    SLOW_SCRAPE = ("HC021", Severity.WARNING)
    SLOW_GROUP = ("HC022", Severity.WARNING)
    SHORT_INTERVAL = ("HC023", Severity.INFO)
    STALE_EVIDENCE = ("HC024", Severity.ERROR)
    SHORT_VERIFY = ("HC025", Severity.WARNING)
    IMPATIENT = ("HC026", Severity.WARNING)
    FEW_WITNESSES = ("HC027", Severity.WARNING)
    DEAF_WATCHDOG = ("HC028", Severity.ERROR)
    OWNER_HURRIED = ("HC029", Severity.WARNING)
    SPACING_ABOVE_WAIT = ("HC030", Severity.WARNING)
    SLOW_WITNESS = ("HC031", Severity.WARNING)
    SLOW_PROBE = ("HC032", Severity.WARNING)
    ONE_CANDIDATE = ("HC033", Severity.WARNING)
    UNCHECKED_ADDRESS = ("HC034", Severity.WARNING)
    OTHER_NETWORK = ("HC035", Severity.INFO)
    ADDRESS_HURRIED = ("HC036", Severity.WARNING)
    FOREIGN_KEEPALIVED = ("HC037", Severity.INFO)
    FOREIGN_HAPROXY = ("HC038", Severity.INFO)
    DOMAIN_TOO_LARGE = ("HC039", Severity.WARNING)
    SHARED_DOMAINS = ("HC040", Severity.INFO)
    UNWATCHED_BALANCER = ("HC041", Severity.WARNING)
    PLAIN_CHECK = ("HC042", Severity.INFO)
    RECLAIMS_ALL = ("HC043", Severity.WARNING)
    NESTED_RECLAIM = ("HC044", Severity.WARNING)
    RECLAIM_ON_ROOT = ("HC045", Severity.INFO)
    NO_TICKETS = ("HC046", Severity.INFO)
    NO_VOTE_TO_SPARE = ("HC047", Severity.WARNING)
    STORM_UNSEEN = ("HC048", Severity.INFO)
    LISTENS_ELSEWHERE = ("HC049", Severity.WARNING)
    FEW_STORE_MEMBERS = ("HC050", Severity.WARNING)
    STORE_NOT_CONTROL = ("HC051", Severity.ERROR)
    STORE_OF_DATABASE = ("HC052", Severity.ERROR)
    STORE_WITHOUT_TLS = ("HC053", Severity.WARNING)
    STORE_OPEN = ("HC054", Severity.WARNING)
    HEALERS_ONE_DOMAIN = ("HC055", Severity.WARNING)
    STORE_IN_ONE_DOMAIN = ("HC056", Severity.WARNING)
    OPEN_WEBHOOK = ("HC057", Severity.INFO)
    PLAIN_WEBHOOK = ("HC058", Severity.WARNING)
    WIDE_PROXY = ("HC059", Severity.WARNING)
    PUBLIC_PROXY = ("HC060", Severity.ERROR)
    UNSEEN_LOSS = ("HC061", Severity.WARNING)
    OPEN_ALERTMANAGER = ("HC062", Severity.INFO)
    ENDLESS_MAINTENANCE = ("HC063", Severity.WARNING)
    NO_MAINTENANCE = ("HC064", Severity.WARNING)
    SHORT_WAY_TO_LOOPBACK = ("HC065", Severity.ERROR)
    SHORT_WAY_UNKNOWN = ("HC066", Severity.ERROR)
    CLOSED_CERTIFICATE = ("HC069", Severity.WARNING)
    FEW_DATABASE_MEMBERS = ("HC080", Severity.WARNING)
    FEW_DATABASE_VOTERS = ("HC081", Severity.WARNING)
    DATABASE_VOTERS_TOGETHER = ("HC082", Severity.WARNING)
    LOSES_WRITES = ("HC083", Severity.WARNING)
    NO_WATCHDOG = ("HC084", Severity.INFO)
    OPEN_PATRONI = ("HC085", Severity.WARNING)
    OPEN_DATABASE_ETCD = ("HC086", Severity.WARNING)
    FOREIGN_PATRONI = ("HC087", Severity.INFO)
    EXCLUSIVE_UNFENCED = ("HC090", Severity.WARNING)
    FENCERS_TOGETHER = ("HC091", Severity.WARNING)
    OWN_FEED = ("HC092", Severity.WARNING)
    NEVER_FENCED = ("HC093", Severity.INFO)
    PLAIN_FLEET_LOCK = ("HC100", Severity.WARNING)
    OPEN_FLEET_LOCK = ("HC101", Severity.WARNING)
    FEW_SENTINELS = ("HC110", Severity.WARNING)
    LOW_QUORUM = ("HC111", Severity.WARNING)
    SENTINELS_TOGETHER = ("HC112", Severity.WARNING)
    WRITES_ALONE = ("HC113", Severity.WARNING)
    OPEN_REDIS = ("HC114", Severity.WARNING)
    BACKUP_BESIDE = ("HC120", Severity.WARNING)
    SLOW_BACKUPS = ("HC121", Severity.ERROR)
    NO_DRILL = ("HC122", Severity.WARNING)
    SLOW_DRILLS = ("HC123", Severity.WARNING)
    OLD_PROOFS = ("HC124", Severity.WARNING)
    KEY_ON_HOSTS = ("HC125", Severity.WARNING)
    SLOW_CHECK = ("HC126", Severity.INFO)
    BACKUP_STARTS_ALONE = ("HC127", Severity.WARNING)
    FENCED_TWICE = ("HC130", Severity.WARNING)
    STARTED_TWICE = ("HC131", Severity.WARNING)

    @property
    def word(self) -> str:
        """The code as people quote it."""
        return self.value[0]

    @property
    def severity(self) -> Severity:
        """How much it will hurt."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that will hurt.

    Attributes:
        line: Counted from 1.
        reason: What was seen and what follows from it, one sentence.
        remedy: What to do, one sentence.
    """

    code: Code
    file: str
    line: int
    column: int
    path: Path
    reason: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        what = f"{self.code.word} {self.code.severity.value}"
        about = f"{dotted(self.path)}: " if self.path else ""
        return f"{where}: {what}: {about}{self.reason} {self.remedy}"


def exit_status(findings: tuple[Finding, ...]) -> int:
    """Return 2 if there are errors, 1 if warnings, else 0."""
    severities = {finding.code.severity for finding in findings}
    if Severity.ERROR in severities:
        return 2
    return 1 if Severity.WARNING in severities else 0
