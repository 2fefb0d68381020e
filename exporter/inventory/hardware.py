"""What the machine's boards, buses and sensors say."""

from exporter.collectors.pcie import pcie
from exporter.hardware import in_background
from exporter.offers import Offer

OFFERS = (Offer("pcie", lambda node: in_background(pcie(node.sysfs), node.clock, interval=30.0)),)
