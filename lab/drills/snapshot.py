"""What a node is, so that it can be told whether anything changed. The probe runs on the node.

Rule: only log files and systemd's own housekeeping are left out; everything else has to be equal.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

from lab.drills.observation import Difference
from lab.ports import Lab, LabError

LOG_FILES = ("*.log", "*.log.[0-9]*", "/data/log/*")
"""Files that a running system writes all the time, as shell patterns."""

PASSING_UNITS = (
    "run-*",  # transient units, such as the ones the lab itself looks with
    "session-*",
    "user*@*",
    "hale-gate@*",  # one for each session of the healer
    "systemd-tmpfiles-clean.*",
    "systemd-timedated.*",
    "systemd-hostnamed.*",
    "apt-daily*",
    "dpkg-db-backup.*",
    "e2scrub*",
    "fstrim.*",
    "logrotate.*",
    "man-db.*",
)
"""Units that come and go by themselves, as shell patterns."""

_PROBE = r"""
import hashlib, json, os, subprocess, sys
files = {}
for top in ("/etc", "/data", "/var/lib/hale-gate"):
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            try:
                if os.path.islink(path):
                    files[path] = "-> " + os.readlink(path)
                elif os.path.isfile(path):
                    with open(path, "rb") as file:
                        files[path] = hashlib.file_digest(file, "sha256").hexdigest()
            except FileNotFoundError:
                pass
show = ["systemctl", "show", "*", "--all", "-p", "Id,ActiveState,InvocationID"]
kinds = (".service", ".socket", ".timer", ".mount")
blocks = subprocess.run(show, capture_output=True, text=True, check=True).stdout.split("\n\n")
units = {}
for block in blocks:
    field = dict(line.split("=", 1) for line in block.strip().splitlines() if "=" in line)
    if field.get("Id", "").endswith(kinds):
        units[field["Id"]] = field.get("ActiveState", "") + " " + field.get("InvocationID", "")
links = json.loads(subprocess.run(["ip", "-json", "addr"], capture_output=True, check=True).stdout)
addresses = sorted(link["ifname"] + " " + one["local"] + "/" + str(one["prefixlen"])
                   for link in links for one in link["addr_info"])
json.dump({"files": files, "units": units, "addresses": addresses}, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One node at one moment.

    Attributes:
        files: SHA-256 of each file in /etc, /data and the gate's state, by path.
        units: ActiveState and InvocationID of each unit.
        addresses: Interface and address each.
    """

    node: str
    files: Mapping[str, str]
    units: Mapping[str, str]
    addresses: tuple[str, ...]


def take(lab: Lab, nodes: Sequence[str]) -> tuple[Snapshot, ...]:
    """Take a snapshot of each node.

    Raises:
        LabError: A node could not be looked at.
    """
    return tuple(_take(lab, node) for node in nodes)


def _take(lab: Lab, node: str) -> Snapshot:
    done = lab.exec(node, ["/usr/bin/python3", "-"], timeout=120.0, input=_PROBE.encode())
    try:
        seen = json.loads(done.stdout)
        return Snapshot(node, seen["files"], seen["units"], tuple(seen["addresses"]))
    except (ValueError, KeyError, TypeError) as exc:
        raise LabError(f"{node}: no snapshot: {done.stderr.strip()[-300:]}") from exc


def differences(before: Sequence[Snapshot], after: Sequence[Snapshot]) -> tuple[Difference, ...]:
    """Return what two rounds of snapshots of the same nodes do not share."""
    found = []
    for old, new in zip(before, after, strict=True):
        files = _changed(old.files, new.files, LOG_FILES)
        units = _changed(_ever_ran(old.units), _ever_ran(new.units), PASSING_UNITS)
        addresses = sorted(set(old.addresses) ^ set(new.addresses))
        found += [Difference(old.node, what) for what in (*files, *units, *addresses)]
    return tuple(found)


def _ever_ran(units: Mapping[str, str]) -> dict[str, str]:
    """Leave out units that never ran: systemd loads and forgets those whenever somebody mentions them."""
    return {name: state for name, state in units.items() if state.strip() != "inactive"}


def _changed(old: Mapping[str, str], new: Mapping[str, str], passing: Sequence[str]) -> list[str]:
    names = sorted(set(old) | set(new))
    return [
        f"{name} ({old.get(name, 'not there')[:60]} -> {new.get(name, 'not there')[:60]})"
        for name in names
        if old.get(name) != new.get(name) and not any(fnmatch(name, one) for one in passing)
    ]
