"""The block `healer.fleet_lock`: whether nodes may ask the healer for a lock before they reboot themselves."""

from typing import Annotated

from cluster.fields import Block, Period, between
from cluster.receiving import BasicAuth


class FleetLock(Block):
    """How nodes ask for a reboot lock, as Zincati and Hale's own hook do.

    Attributes:
        within: Seconds in which a node that got it should be back; its alerts are silenced as long.
        basic: What they show besides their own address; None for nothing.
    """

    within: Annotated[Period, between(60.0, 86400.0)] = 1800.0
    basic: BasicAuth | None = None
