"""One declared service while it is watched, and all that is known of it.

Rule: who watches it writes here what was seen; nothing here asks anybody.
"""

import asyncio

from exporter.config import Probe, Service
from exporter.service_series import Attempt, Samples, ServiceSeries
from exporter.serving import PATIENCE, Serving
from exporter.unit_cgroup import UnitCgroup


class Watched:
    """A service, what was seen of its unit and its probe, and what becomes of that.

    Attributes:
        attempt: The newest of its probe; None before the first.
        odd: Why that fell over, so that it is logged once.
        changed: Set when its unit runs anew, so that its probe is made at once.
    """

    def __init__(self, service: Service, cgroup: UnitCgroup, *, probe_alone: bool) -> None:
        self.service = service
        self.series = ServiceSeries(service, cgroup)
        self.serving = _unknown(service.probe, probe_alone)
        self.attempt: Attempt | None = None
        self.odd = ""
        self.changed = asyncio.Event()

    def serves(self, now: float) -> bool | None:
        """Return its hale_service_up for this moment; None where that is absent."""
        return self.series.up(self.serving, now)

    def samples(self, now: float) -> Samples:
        """Return this service's sample lines for this moment."""
        return self.series.samples(self.serving, self.attempt, now)


def _unknown(probe: Probe | None, probe_alone: bool) -> Serving:
    if probe is None:
        return Serving(fall=None, probe_alone=probe_alone)
    # One attempt begins an interval after the last one at the latest, and ends within its time-out.
    attempts = probe.fall * (probe.interval + probe.timeout)
    return Serving(fall=probe.fall, probe_alone=probe_alone, patience=max(PATIENCE, attempts))
