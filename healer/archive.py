"""Writes what a vendor asks for into one archive, as plain text that they can read without Hale.

Format: a gzipped tar with one folder. Figures are in Prometheus' text format, times are RFC 3339.
"""

import errno
import io
import json
import os
import stat
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

IDENTITY = ("node_dmi_info", "node_uname_info", "node_os_info", "smartctl_device", "ipmi_bmc_info")

README = """\
What Hale knows of {node} of cluster {cluster}, as of {at}.

identity.json   who it is: board, serial numbers, firmware, disks, kernel
failures.txt    lines of its log that tell of a failure, each with its type
timeline.txt    what happened, newest incident first
incidents.json  the same, whole
metrics.prom    figures of its hardware now: SMART, ECC, PCIe, temperatures, links, the management controller
{problem}
"""


def write(answer: Mapping[str, Any], path: Path) -> dict[str, int]:
    """Write the archive for root alone, and return its files with their sizes.

    Raises:
        OSError: It could not be written; what stood there before is gone, but for another user's file.
    """
    folder = f"evidence-{answer['node']}"
    sizes = {}
    fd = _opened(path)
    with os.fdopen(fd, "wb") as out, tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in files(answer):
            content = text.encode("utf-8", "replace")
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
            sizes[name] = len(content)
    return sizes


def _opened(path: Path) -> int:
    """Open a file for nobody else to read, also where it is there already."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        seen = os.fstat(fd)
        if stat.S_ISREG(seen.st_mode):
            if seen.st_uid != os.geteuid():
                raise PermissionError(errno.EACCES, "it is another user's", str(path))
            os.fchmod(fd, 0o600)
            os.ftruncate(fd, 0)
    except OSError:
        os.close(fd)
        raise
    return fd


def files(answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each file's name and text."""
    yield (
        "README",
        README.format(**{key: answer[key] for key in ("node", "cluster", "at", "problem")}),
    )
    labelled = [(one["labels"].get("__name__", ""), one) for one in answer["series"]]
    who = [one["labels"] for name, one in labelled if name in IDENTITY]
    yield "identity.json", json.dumps(who, indent=1)
    yield "failures.txt", "\n".join(_failures(answer)) or "no line that tells of a failure is known"
    yield "timeline.txt", "\n".join(_timeline(answer)) or "no incident is known"
    yield "incidents.json", json.dumps(answer["incidents"], indent=1)
    yield (
        "metrics.prom",
        "".join(_sample(one["labels"], float(one["value"])) for _, one in labelled),
    )


def _failures(answer: Mapping[str, Any]) -> Iterator[str]:
    for one in answer["series"]:
        labels = one["labels"]
        if labels.get("__name__") == "hale_failure" and float(one["value"]) == 1:
            told = (labels.get(key, "") for key in ("failure", "cause", "device", "witness"))
            yield "now: " + " ".join(filter(None, told))
    for incident in answer["incidents"]:
        for found in incident["last_lines"]:
            for line in found["lines"]:
                if line["failure_type"] not in ("", "benign"):
                    yield f"{line['at']} {line['failure_type']}: {line['by']}: {line['text']}"


def _timeline(answer: Mapping[str, Any]) -> Iterator[str]:
    for incident in answer["incidents"]:
        yield f"incident {incident['id']}: {incident['cause']['name']}, {incident['state']}"
        for moment in incident["timeline"]:
            yield f"  {moment['at']} {moment['text']}"


def _sample(labels: Mapping[str, str], value: float) -> str:
    """Write one figure with all of its digits: a counter of bytes has more than a short form shows."""
    pairs = ",".join(
        f"{name}={json.dumps(text, ensure_ascii=False)}"
        for name, text in sorted(labels.items())
        if name != "__name__"
    )
    figure = f"{value:.0f}" if value.is_integer() else repr(value)
    return f"{labels.get('__name__', '')}{{{pairs}}} {figure}\n"
