"""Clocks that tests turn by hand."""

import secrets

from healer.clock import SystemClock


class HandClock:
    """Stands still until told.

    Attributes:
        now: Seconds that the machine is up.
        ahead: By how much the wall clock was set forward.
    """

    def __init__(self, boot_id: str = "boot-1") -> None:
        self.now = 1000.0
        self.ahead = 0.0
        self._boot_id = boot_id

    def wall(self) -> float:
        return 1_700_000_000.0 + self.now + self.ahead

    def boottime(self) -> float:
        return self.now

    @property
    def boot_id(self) -> str:
        return self._boot_id

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class RebootedClock(SystemClock):
    """Real time under a boot id of its own, so that an earlier process's lease is void at once."""

    def __init__(self) -> None:
        super().__init__()
        self._boot_id = secrets.token_hex(8)
