"""What a vendor asks for about a node, in one answer: its incidents, its hardware's figures, who it is.

Rule: it is bounded, and holds what everybody who signs in may see anyway; no secret is read for it.
"""

from typing import Any

from healer.errors import Refused, Unreachable
from healer.instants import rfc3339
from healer.web.api import whole
from healer.web.desk import Desk

MOST_INCIDENTS = 20
MOST_SERIES = 4000

HARDWARE = (
    "hale_failure|hale_disk_.*|hale_filesystem_.*|hale_pcie_.*|hale_md_.*|hale_bonding_.*|hale_smart_.*|smartctl_.*|"
    "ipmi_.*|node_edac_.*|node_hwmon_.*|node_thermal_zone_temp|node_cpu_core_throttles_total|"
    "node_network_(info|up|carrier_changes_total|receive_errs_total|transmit_errs_total)|node_disk_info"
)
WHO = "node_dmi_info|node_uname_info|node_os_info|node_boot_time_seconds|smartctl_device|ipmi_bmc_info"
NAMES = f"{HARDWARE}|{WHO}"
"""Names of what the exporter tells of a node's hardware, as a regular expression of Prometheus'."""


async def evidence(desk: Desk, node: str) -> dict[str, Any]:
    """Return all that is known of a node's hardware and of what failed there.

    Raises:
        Refused: cluster.yml has no such node.
    """
    if node not in desk.topology.nodes:
        known = ", ".join(desk.topology.nodes)
        raise Refused("unknown_node", f"cluster.yml has no node {node}. Known: {known}")
    about = [one for one in desk.journal.board.incidents.values() if one.target.node == node]
    newest = sorted(about, key=lambda one: one.opened_at, reverse=True)[:MOST_INCIDENTS]
    series, problem = [], ""
    try:
        found = await desk.gatherer.prometheus.samples(node, NAMES)
        series = [{"labels": labels, "value": value} for labels, value in found[:MOST_SERIES]]
        if len(found) > MOST_SERIES:
            problem = f"{len(found) - MOST_SERIES} of {len(found)} series are left out"
    except Unreachable as exc:
        problem = f"Prometheus does not say: {exc}"
    return {
        "node": node,
        "cluster": desk.topology.cluster,
        "at": rfc3339(desk.clock.wall()),
        "incidents": [await whole(desk, one) for one in newest],
        "incidents_left_out": len(about) - len(newest),
        "series": series,
        "problem": problem,
    }
