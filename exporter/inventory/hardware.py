"""What the machine's boards, buses and sensors say."""

import re
from pathlib import Path

from exporter.collectors.cpufreq import cpufreq
from exporter.collectors.dmi import Dmi
from exporter.collectors.edac import Edac
from exporter.collectors.hwmon import Choices, hwmon
from exporter.collectors.ipmi import Ipmi
from exporter.collectors.nvme import nvme
from exporter.collectors.pcie import pcie
from exporter.collectors.powersupplyclass import powersupplyclass
from exporter.collectors.rapl import Rapl
from exporter.collectors.tapestats import Tapestats
from exporter.collectors.thermal_zone import thermal_zone
from exporter.hardware import in_background
from exporter.ipmi import FOLDER
from exporter.offers import Flag, Node, Offer, Pair, Switch, expression, file_if_any
from exporter.schedule import Periodic

CHIPS = Pair("hwmon.chip", what="chips")
SENSORS = Pair("hwmon.sensor", what="sensors, as CHIP;SENSOR")
ZONE_LABEL = Switch("rapl.enable-zone-label", False, "one metric with the label rapl_zone")
NONE = re.compile("^$")
SUPPLIES = Flag("powersupply.ignored-supplies", NONE, expression, "leave out these power supplies")
TAPES = Flag("tapestats.ignored-devices", NONE, expression, "leave out these tape drives")

ANSWERS = Flag("ipmi.folder", FOLDER, Path, "where hale-ipmi.service writes", "DIR")

PCI_NAMES = Switch("pcidevice.names", False, "name the devices by pci.ids")
PCI_IDS = Flag("pcidevice.idsfile", None, file_if_any, "where pci.ids is", "FILE")

# Seconds between two readings of what hardly changes.
SLOW = 30.0


def _hwmon(node: Node) -> Periodic:
    choices = Choices(node.chosen.kept(CHIPS), node.chosen.kept(SENSORS))
    return in_background(hwmon(node.sysfs, choices), node.clock)


def _ipmi(node: Node) -> Ipmi:
    return Ipmi(node.chosen.of(ANSWERS), node.clock.monotonic)


def _pcidevice(node: Node) -> Periodic:
    from exporter.collectors.pcidevice import pcidevice
    from exporter.pci_ids import PciIds

    chosen = node.chosen
    named = PciIds(chosen.of(PCI_IDS)) if chosen.on(PCI_NAMES) else None
    return in_background(pcidevice(node.sysfs, named), node.clock, SLOW)


def _powersupply(node: Node) -> Periodic:
    reader = powersupplyclass(node.sysfs, node.chosen.of(SUPPLIES))
    return in_background(reader, node.clock)


OFFERS = (
    Offer("cpufreq", lambda node: in_background(cpufreq(node.sysfs), node.clock)),
    Offer("dmi", lambda node: Dmi(node.sysfs)),
    Offer("edac", lambda node: Edac(node.sysfs)),
    Offer("hwmon", _hwmon, (CHIPS, SENSORS)),
    Offer("ipmi", _ipmi, (ANSWERS,)),
    Offer("nvme", lambda node: in_background(nvme(node.sysfs), node.clock, SLOW)),
    Offer(
        "pcidevice",
        _pcidevice,
        (PCI_NAMES, PCI_IDS),
        default=False,
    ),
    Offer("pcie", lambda node: in_background(pcie(node.sysfs), node.clock, SLOW)),
    Offer("powersupplyclass", _powersupply, (SUPPLIES,)),
    Offer("rapl", lambda node: Rapl(node.sysfs, node.chosen.on(ZONE_LABEL)), (ZONE_LABEL,)),
    Offer("tapestats", lambda node: Tapestats(node.sysfs, node.chosen.of(TAPES)), (TAPES,)),
    Offer("thermal_zone", lambda node: in_background(thermal_zone(node.sysfs), node.clock)),
)
