"""A TLS handshake with whoever answers, for the sake of the certificates that are shown.

Nothing is verified: an expired certificate is an alert of its own, and no reason to restart what shows it.
"""

import ssl
from collections.abc import Callable, Sequence
from typing import Any

from exporter.certificates import of_der
from exporter.collector import Malformed

# _ssl.h, the form that `public_bytes` takes; Python has no name of its own for it.
DER = 2
# A chain has three or four; more are looked at as little as browsers do.
MOST = 20


class Shown:
    """What one prober's newest handshake has shown.

    Attributes:
        context: For one handshake after the other, never two at once.
        earliest_expiry: When the first of the certificates ends, in unixtime, as blackbox_exporter has it; None
            before a handshake, and where what was shown cannot be understood.
    """

    def __init__(self) -> None:
        """Shake no hands yet."""
        self.context = _trusting(self._take)
        self.earliest_expiry: float | None = None

    def forget(self) -> None:
        """Begin another handshake with nothing known."""
        self.earliest_expiry = None

    def _take(self, chain: Sequence[bytes]) -> None:
        try:
            self.earliest_expiry = min((of_der(der).not_after for der in chain), default=None)
        except Malformed:
            self.earliest_expiry = None


def _trusting(take: Callable[[Sequence[bytes]], None]) -> ssl.SSLContext:
    """Make a context that verifies nothing and calls `take` with the certificates of each handshake that is done."""

    class Told(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            take(_chain(self))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.sslobject_class = (
        Told  # https://docs.python.org/3/library/ssl.html#ssl.SSLContext.sslobject_class
    )
    return context


def _chain(handshake: ssl.SSLObject) -> list[bytes]:
    # Python has it since 3.10, and under a public name for sockets alone, since 3.13.
    inner: Any = handshake._sslobj  # type: ignore[attr-defined]  # noqa: SLF001
    chain = inner.get_unverified_chain() or ()
    return [certificate.public_bytes(DER) for certificate in chain[:MOST]]
