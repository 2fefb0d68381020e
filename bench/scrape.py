"""What one scrape costs: hale-exporter beside Debian's prometheus-node-exporter.

    .venv/bin/python bench/scrape.py [--rounds 9] [--scrapes 100] [same|large|defaults ...]

same: the same nine collectors on this machine. large: the same nine on a tree of files that plays a node with 128
processors, 240 interfaces, 120 disks and 100 mounts. defaults: whatever each has on by default, on this machine.

Both run at once on loopback and are scraped in turns with Prometheus' own headers, so with gzip, and ours in
OpenMetrics. CPU is the on-CPU time of all threads from /proc/PID/task/*/schedstat, background collectors included.
"""

import argparse
import tempfile
from pathlib import Path

from exporters import side_by_side
from large_node import plant

from exporter.collectors.diskstats import DEVICE_EXCLUDE
from exporter.collectors.filesystem import FS_TYPES_EXCLUDE, MOUNT_POINTS_EXCLUDE

COLLECTORS = (
    *("cpu", "diskstats", "filesystem", "loadavg", "meminfo"),
    *("netdev", "pressure", "stat", "vmstat"),
)
# Debian's build leaves out other mounts and disks than node_exporter does by itself.
SAME = [
    "--collector.disable-defaults",
    *(f"--collector.{name}" for name in COLLECTORS),
    f"--collector.filesystem.mount-points-exclude={MOUNT_POINTS_EXCLUDE}",
    f"--collector.filesystem.fs-types-exclude={FS_TYPES_EXCLUDE}",
    f"--collector.diskstats.device-exclude={DEVICE_EXCLUDE}",
]
# Over netlink it would show this machine's interfaces in place of the tree's.
THEIRS = "--no-collector.netdev.netlink"


def main() -> None:
    """Print what is asked for, or everything."""
    kinds = ("same", "large", "defaults")
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(kinds))
    words.add_argument("--rounds", type=int, default=9)
    words.add_argument("--scrapes", type=int, default=100)
    args = words.parse_args()
    times = args.rounds, args.scrapes
    for kind in args.kinds or kinds:
        match kind:
            case "same":
                side_by_side(f"scrape of {', '.join(COLLECTORS)}", SAME, SAME, *times)
            case "large":
                with tempfile.TemporaryDirectory() as folder:
                    flags = [*SAME, *plant(Path(folder))]
                    side_by_side("the same nine of a large node", flags, [*flags, THEIRS], *times)
            case "defaults":
                side_by_side("everything that each has on by default", [], [], *times)
            case _:
                words.error(f"{kind}: wanted some of {', '.join(kinds)}")


if __name__ == "__main__":
    main()
