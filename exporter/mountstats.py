"""Reads /proc/self/mountstats: what the kernel counts of each NFS mount.

Formats: fs/nfs/super.c, nfs_show_stats(), and net/sunrpc: rpc_clnt_show_stats() and each transport's print_stats.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from exporter.collector import Malformed
from exporter.wholes import is_whole

# How many numbers of a line are known; later kernels may write more behind them.
BYTES, EVENTS, OPERATIONS, TRANSPORT = 8, 27, 8, 13

# How many numbers a transport's line has before version 1.1 of the format, in which it has three more; RDMA has others.
NUMBERS = {"tcp": 10, "udp": 7, "rdma": 10}
# What a connection has, and UDP has not: connects, and two times.
OF_A_CONNECTION = slice(2, 5)


@dataclass(slots=True)
class Mount:
    """One NFS mount.

    Attributes:
        place: Which line of the mount table it is, from 0.
        transports: Of each its protocol and its numbers, as TCP has them.
    """

    place: int
    device: str
    point: str
    age: int = 0
    moved: list[int] = field(default_factory=lambda: [0] * BYTES)
    events: list[int] = field(default_factory=lambda: [0] * EVENTS)
    transports: list[tuple[str, list[int]]] = field(default_factory=list)
    operations: dict[str, list[int]] = field(default_factory=dict)


def parse(data: bytes) -> list[Mount]:
    """Read the NFS mounts among all mounts.

    Raises:
        Malformed: A line is not what the kernel writes, or the file ends within one.
    """
    if not data.endswith(b"\n"):
        raise Malformed(f"mountstats: wanted whole lines, ends {data[-40:]!r}")
    found = list[Mount]()
    now: Mount | None = None
    place = -1
    for row in data.decode("utf-8", "replace").split("\n"):
        words = row.split()
        if words and words[0] == "device":
            place += 1
            now = _mount(words, place)
            found += [now] if now is not None else []
        elif words and now is not None:
            _line(now, words)
    return found


def _mount(words: list[str], place: int) -> Mount | None:
    """Return an NFS mount; None of another, and of one whose statistics nobody knows."""
    if len(words) < 8 or (*words[2:4], *words[5:7]) != ("mounted", "on", "with", "fstype"):
        raise Malformed(f"mountstats: wanted a mount, saw {words[:8]}")
    if words[7] not in ("nfs", "nfs4") or words[8:] not in (["statvers=1.0"], ["statvers=1.1"]):
        return None
    return Mount(place, words[1], words[4])


def _line(mount: Mount, words: list[str]) -> None:
    match words:
        case ["age:", age]:
            (mount.age,) = _numbers([age], 1)
        case ["bytes:", *numbers]:
            mount.moved = _numbers(numbers, BYTES)
        case ["events:", *numbers]:
            mount.events = _numbers(numbers, EVENTS)
        case ["xprt:", protocol, *numbers] if protocol in NUMBERS:
            mount.transports.append((protocol, _transport(protocol, numbers)))
        case [name, *numbers] if name.endswith(":") and len(numbers) >= OPERATIONS:
            if all(map(str.isdecimal, numbers)):  # "opts:" and the like have words
                mount.operations[name[:-1]] = _numbers(numbers, OPERATIONS)


def _transport(protocol: str, words: list[str]) -> list[int]:
    numbers = _numbers(words, NUMBERS[protocol])
    if protocol == "rdma":
        numbers = numbers[: NUMBERS[protocol]]
    if protocol == "udp":
        numbers[OF_A_CONNECTION] = [0, 0, 0, *numbers[OF_A_CONNECTION]]
    return [*numbers, 0, 0, 0][:TRANSPORT]


def _numbers(words: Sequence[str], least: int) -> list[int]:
    if len(words) < least or not all(is_whole(word.encode()) for word in words):
        raise Malformed(f"mountstats: wanted {least} numbers, saw {words[:30]}")
    return [int(word) for word in words]


def servers(data: bytes) -> list[tuple[str, str]]:
    """Return of each line of mountinfo (proc(5)) the mount point and the server's address, "" where it has none."""
    found = list[tuple[str, str]]()
    for row in data.decode("utf-8", "replace").splitlines():
        words = row.split()
        options = words[-1].split(",") if words else []
        address = [one for one in options if one.startswith("addr=")]
        found.append((words[4] if len(words) > 4 else "", "".join(address)[len("addr=") :]))
    return found
