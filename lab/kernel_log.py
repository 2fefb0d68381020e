"""Hands each node the kernel's lines about its own control groups and disks: nodes share one kernel and its log.

`python -m lab.kernel_log LAB DISKS NODE=LOG...` outlives the command that started it and ends with the lab's control
group. Each node's lines go into its LOG in the form in which /dev/kmsg has them. This module imports nothing of the
lab, so that it starts fast and small.
"""

import contextlib
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

KMSG = Path("/dev/kmsg")
RECORD = 8192
"""Bytes that one read may need; /dev/kmsg refuses smaller ones (CONSOLE_EXT_LOG_MAX in printk.c)."""

MOST = 4 * 1024 * 1024
"""Bytes of one node's log. A disk that fails without end shall not fill the host's."""

LOOP = re.compile(r"\bloop\d+\b")
VICTIM = re.compile(r"^oom-kill:.*,pid=(\d+)|\b(?:Killed|reaped) process (\d+)\b")


@dataclass(slots=True)
class Owners:
    """Tells whose a line is.

    Attributes:
        lab: Name of the lab's control group; those of its nodes are right in it.
        disks: Directory of the files behind the nodes' disks, each named NODE-DISK.img.
        nodes: Their names.
        victims: Whose the process was that was killed for want of memory: the line of its end names no group.
    """

    lab: str
    disks: Path
    nodes: frozenset[str]
    block: Path = Path("/sys/block")
    victims: dict[str, str] = field(default_factory=dict)

    def of(self, text: str) -> str:
        """Return the node that a line is about; empty for none of ours."""
        node = self._by_group(text) or self._by_disk(text)
        victim = VICTIM.search(text)
        if victim is None:
            return node
        pid = victim[1] or victim[2]
        if node:
            self.victims[pid] = node
        return node or self.victims.get(pid, "")

    def _by_group(self, text: str) -> str:
        found = re.search(rf"/{re.escape(self.lab)}/([\w-]+)", text)
        return found[1] if found is not None and found[1] in self.nodes else ""

    def _by_disk(self, text: str) -> str:
        for name in LOOP.findall(text):
            with contextlib.suppress(OSError):  # it is not attached, or not any more
                file = Path((self.block / name / "loop/backing_file").read_text().strip())
                node = file.name.rpartition("-")[0]
                if file.parent == self.disks and node in self.nodes:
                    return node
        return ""


def hand_out(records: Iterable[bytes], owners: Owners, logs: Mapping[str, Path]) -> None:
    """Append each record to the log of the node that it is about."""
    for record in records:
        line = record.split(b"\n", 1)[0]
        node = owners.of(line.partition(b";")[2].decode(errors="replace"))
        if node and logs[node].stat().st_size < MOST:
            with logs[node].open("ab") as log:
                log.write(line + b"\n")


def told_from_now(path: Path) -> Iterable[bytes]:
    """Yield each record of the kernel's log that comes, for ever."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    os.lseek(file, 0, os.SEEK_END)
    while True:
        with contextlib.suppress(BrokenPipeError):  # records were overwritten before we read them
            yield os.read(file, RECORD)


def main() -> int:
    """Make the logs, and go on in the background."""
    lab, disks, *words = sys.argv[1:]
    logs = {node: Path(log) for node, _, log in (word.partition("=") for word in words)}
    for log in logs.values():
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch(0o644)
    if KMSG.exists() and not os.fork():
        os.setsid()
        hand_out(told_from_now(KMSG), Owners(lab, Path(disks), frozenset(logs)), logs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
