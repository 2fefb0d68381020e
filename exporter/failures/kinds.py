"""The types of failures, and what a line counts as that tells of none."""

from enum import StrEnum


class Failure(StrEnum):
    """What a log line proves of its node; the values are those of the label `failure`."""

    DISK = "disk"
    FILESYSTEM = "filesystem"
    MEMORY_HW = "memory_hw"
    CPU_HW = "cpu_hw"
    THERMAL_POWER = "thermal_power"
    NETWORK_LINK = "network_link"
    OOM = "oom"
    KERNEL_PANIC_HANG = "kernel_panic_hang"
    PROCESS_CRASH = "process_crash"
    SERVICE_FAILED = "service_failed"
    AUTH_SECURITY = "auth_security"
    TIME_SYNC = "time_sync"


class Witness(StrEnum):
    """Who told of a failure; the values are those of the label `witness`, the most believable last."""

    OTHER = "other"  # whoever may log, and programs that log what strangers send them
    DAEMON = "daemon"  # one of root's that watches hardware or mounts, and logs its own words alone
    KERNEL = "kernel"


BENIGN = "benign"
"""What a line is that tells of no failure, however frightening it looks."""
