"""What exporter.yml declares, and what the node's gate has taken out of service."""

from pathlib import Path

from exporter.blocking import Threads
from exporter.collectors.addresses import Addresses, Interfaces
from exporter.collectors.certificates import INTERVAL, Certificates
from exporter.collectors.keepalived import Keepalived
from exporter.collectors.marks import Marks
from exporter.collectors.packages import Packages
from exporter.collectors.peers import Peers
from exporter.collectors.services import Services
from exporter.hardware import in_background
from exporter.offers import Flag, Node, Offer
from exporter.programs import Programs
from exporter.schedule import Periodic
from exporter.unit_cgroup import UnitCgroup

MARKS_FILE = Flag(
    "marks.file", Path("/run/hale-gate/marks.json"), Path, "the gate's marks.json", "FILE"
)


def _addresses(node: Node) -> Addresses:
    interfaces = Interfaces(node.declared.now.virtual_addresses, Threads())
    addresses = Addresses(interfaces, node.clock)
    node.declared.follow(lambda config: addresses.declare(config.virtual_addresses))
    return addresses


def _certificates(node: Node) -> Periodic:
    reader = Certificates(node.rootfs, lambda: node.declared.now.services)
    return in_background(reader, node.clock, INTERVAL)


def _corosync(node: Node) -> Periodic:
    from exporter.collectors.corosync import Corosync

    return Periodic(Corosync(Programs()), node.clock)


def _keepalived(node: Node) -> Keepalived:
    keepalived = Keepalived(node.declared.now.virtual_addresses, node.vrrp, node.clock)
    node.declared.follow(lambda config: keepalived.declare(config.virtual_addresses))
    return keepalived


def _pacemaker(node: Node) -> Periodic:
    from exporter.collectors.pacemaker import Pacemaker

    # crm_mon writes times without a zone.
    return Periodic(Pacemaker(Programs(environment={"TZ": "UTC"})), node.clock)


def _packages(node: Node) -> Periodic:
    declared = node.declared
    packages = Packages(
        node.rootfs, lambda: declared.now.services, Programs(), Threads(), node.clock
    )
    return Periodic(packages, node.clock)


def _peers(node: Node) -> Periodic:
    peers = Peers(node.declared.now.peers, node.declared.now.peer_interval)
    node.declared.follow(lambda config: peers.declare(config.peers, config.peer_interval))
    return Periodic(peers, node.clock)


def _services(node: Node) -> Services:
    cgroup = UnitCgroup(node.sysfs / "fs/cgroup")
    services = Services(node.declared.now.services, node.systemd, node.clock, cgroup=cgroup)
    node.declared.follow(lambda config: services.declare(config.services))
    return services


OFFERS = (
    Offer("addresses", _addresses),
    Offer("certificates", _certificates),
    Offer("corosync", _corosync, default=False),
    Offer("keepalived", _keepalived),
    Offer("marks", lambda node: Marks(node.chosen.of(MARKS_FILE)), (MARKS_FILE,)),
    Offer("pacemaker", _pacemaker, default=False),
    Offer("packages", _packages),
    Offer("peers", _peers),
    Offer("services", _services),
)
