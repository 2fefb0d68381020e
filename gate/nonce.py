"""The number used once: it ties a request to a hello that the same session answered a moment ago.

It ages on CLOCK_BOOTTIME. On CLOCK_MONOTONIC a node that was suspended between hello and request
would wake up with the nonce still fresh, and act on what was decided before it slept.
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from gate.clock import NANO, Clock
from gate.words import Reason, Refused

LIFETIME_SECONDS = 2.0


def random_nonce() -> str:
    """Make 128 random bits."""
    return secrets.token_hex(16)


@dataclass(slots=True)
class Nonce:
    """The one nonce of a session, or none."""

    clock: Clock
    make: Callable[[], str] = random_nonce
    _value: str | None = field(default=None, init=False)
    _issued: int = field(default=0, init=False)

    def issue(self) -> str:
        """Make a new one; an earlier one is void from now on."""
        self._value, self._issued = self.make(), self.clock.boottime()
        return self._value

    def use(self, value: str, at: int) -> None:
        """Take the nonce of a request that arrived at `at` (CLOCK_BOOTTIME, ns). Any try spends it.

        Raises:
            Refused: stale_nonce; nothing was touched.
        """
        issued, self._value = self._value, None
        if issued is None:
            raise Refused(Reason.STALE_NONCE, "no unused nonce in this session; send hello first")
        if not hmac.compare_digest(issued.encode(), value.encode("utf-8", "replace")):
            raise Refused(Reason.STALE_NONCE, "not the nonce of this session's last hello")
        age = (at - self._issued) / NANO
        if age > LIFETIME_SECONDS:
            raise Refused(
                Reason.STALE_NONCE, f"nonce is {age:.3f} s old, good for {LIFETIME_SECONDS:g} s"
            )
