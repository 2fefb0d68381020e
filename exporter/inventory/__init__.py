"""Every collector that there is, by area: a collector is switched on and off, flagged and made by its row here.

Rule: what is off by default is imported where it is made, so that only who switches it on loads it; all but `sysctl`,
whose own values its flags have.
"""

from exporter.inventory import (
    bus,
    cluster,
    hardware,
    kernel,
    logs,
    network,
    storage,
    system,
    upkeep,
)
from exporter.offers import Offer

OFFERS: tuple[Offer, ...] = tuple(
    sorted(
        (
            *bus.OFFERS,
            *cluster.OFFERS,
            *hardware.OFFERS,
            *kernel.OFFERS,
            *logs.OFFERS,
            *network.OFFERS,
            *storage.OFFERS,
            *system.OFFERS,
            *upkeep.OFFERS,
        ),
        key=lambda offer: offer.name,
    )
)
