"""One unit of systemd, as a value; property names and states are those of org.freedesktop.systemd1(5)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unit:
    """What systemd says of one unit.

    Attributes:
        state_changed_at: Unix seconds; None when it never changed.
        memory_bytes: Of its cgroup; None when it is not accounted or not running.
        invocation_id: Names one run of the unit; empty before the first.
        job: Whether systemd has a job for it, queued or running, such as a start.
        cgroup: The path of its cgroup below the mount point; empty when it has none now.
        starts_at_boot: Whether a boot may start it: it is enabled, or another unit pulls it in; None when unknown.
    """

    load_state: str
    active_state: str
    sub_state: str
    result: str
    restarts: int | None
    memory_bytes: int | None
    state_changed_at: float | None
    invocation_id: str
    job: bool = False
    cgroup: str = ""
    starts_at_boot: bool | None = None
