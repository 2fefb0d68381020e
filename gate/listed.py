"""What gate.json may list: units, virtual addresses, pools, files that may be removed, and nodes that may be fenced.

Whatever is listed here a healer with a stolen key can reach, so every part has one exact shape.
"""

import ipaddress
import re
from dataclasses import dataclass

from gate import fields
from gate.strict_json import Json

# systemd.unit(5): at most 255 characters of these, and a type. A leading dash would read as an option.
_UNIT = re.compile(
    r"(?=.{1,255}\Z)[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*"
    r"\.(service|socket|timer|target|mount|automount|path|slice|scope|swap|device)"
)
# net/core/dev.c, dev_valid_name: at most 15 bytes, no slash, colon or blank.
_INTERFACE = re.compile(r"[^/:\s\0]{1,15}")
# deb-control(5), Package; and an architecture, where a node has several.
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,100}(:[a-z0-9-]{1,30})?")
# Nothing below these is ever waste, whoever writes cluster.yml. Of /var and /run only what a
# person lists is, so they are not here; the gate's own state is.
_NEVER = (
    *(
        "/bin",
        "/boot",
        "/dev",
        "/efi",
        "/etc",
        "/lib",
        "/lib32",
        "/lib64",
        "/proc",
        "/sbin",
        "/sys",
    ),
    *("/usr", "/run/hale-gate", "/var/lib/dpkg", "/var/lib/hale-gate"),
)

FENCE_OPTION = re.compile(r"[a-z][a-z0-9_-]{0,62}")
"""An option of fence-agents, as a line of their standard input begins."""

_GATES_OWN = ("action", "option", "nodename")


@dataclass(frozen=True, slots=True)
class UnitRule:
    """What may be done with one unit.

    Attributes:
        restart: Whether service.restart and service.reload may touch it; all listed units may be looked at.
        config_check: Command that must succeed before either; empty where none is declared.
        packages: Debian packages whose files package.restore may put back.
    """

    service: str
    restart: bool
    config_check: tuple[str, ...]
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AddressRule:
    """A virtual address that this node may own.

    Attributes:
        address: IPv4 or IPv6, without a prefix, as the kernel would write it.
        track_file: What keepalived reads: `1` declines the address, `0` accepts it.
    """

    address: str
    interface: str
    track_file: str


@dataclass(frozen=True, slots=True)
class PoolRule:
    """A pool that this node balances.

    Attributes:
        backend: HAProxy's name for it.
        socket: HAProxy's runtime API, at level admin.
        state_file: Where `show servers state` is kept for HAProxy's next start.
        members: HAProxy's server names, which are node names.
    """

    backend: str
    socket: str
    state_file: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReclaimRule:
    """Files that may be removed to make room.

    Attributes:
        path: Directory; plain files directly in it or below.
        match: Pattern of fnmatch, for the name alone.
        older_than_seconds: Least age by modification time.
        keep: The newest so many that match stay, whatever their age.
    """

    service: str
    path: str
    match: str
    older_than_seconds: float
    keep: int


@dataclass(frozen=True, slots=True)
class PatchRule:
    """How this node is patched.

    Attributes:
        command: What patches it, from its absolute path on.
        seconds: For all of it.
        reboot_check: Ends with 0 where the node has to boot anew; empty where /run/reboot-required says so.
    """

    command: tuple[str, ...]
    seconds: float
    reboot_check: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FenceRule:
    """Another node whose power this gate may cut.

    Attributes:
        device: What cuts it, for people.
        agent: One of fence-agents' programs.
        options: What it is told for this node, but for the action and secrets.
        secrets: A file of more options, which only root may read; None where there are none.
        off_seconds: How long the agent may take to cut the power, or to switch it on.
        status_seconds: How long it may take to say how the power is.
    """

    device: str
    agent: str
    options: tuple[tuple[str, str], ...]
    secrets: str | None
    off_seconds: float
    status_seconds: float


def unit(value: Json, where: str) -> UnitRule:
    """Read one entry of `units`."""
    found = fields.object_at(value, where)
    fields.only(found, ("service", "restart", "config_check", "packages"), where + ".")
    check = _command(found.get("config_check") or [], f"{where}.config_check")
    return UnitRule(
        fields.label(found.get("service"), f"{where}.service"),
        fields.flag(found.get("restart", False), f"{where}.restart"),
        check,
        _packages(found.get("packages", []), f"{where}.packages"),
    )


def _packages(value: Json, where: str) -> tuple[str, ...]:
    names = fields.texts(value, where)
    for name in names:
        if not _PACKAGE.fullmatch(name):
            raise ValueError(f"{where}: {name[:80]!r} is not a package's name like nginx")
    return names


def unit_name(name: str) -> str:
    """Take the name of a unit."""
    if not _UNIT.fullmatch(name):
        raise ValueError(f"units: {name[:80]!r} is not a unit's name like nginx.service")
    return name


def address(value: Json, where: str) -> AddressRule:
    """Read one entry of `addresses`."""
    found = fields.object_at(value, where)
    fields.only(found, ("address", "interface", "track_file"), where + ".")
    interface = found.get("interface")
    if not isinstance(interface, str) or not _INTERFACE.fullmatch(interface):
        raise ValueError(f"{where}.interface: want an interface like eth0, got {interface!r:.40}")
    text = fields.label(found.get("address"), f"{where}.address")
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError as error:
        raise ValueError(f"{where}.address: want an IP address, got {text[:80]!r}") from error
    return AddressRule(
        str(parsed), interface, fields.path(found.get("track_file"), f"{where}.track_file")
    )


def pool(value: Json, where: str) -> PoolRule:
    """Read one entry of `pools`."""
    found = fields.object_at(value, where)
    fields.only(found, ("backend", "socket", "state_file", "members"), where + ".")
    members = fields.texts(found.get("members", []), f"{where}.members")
    for member in members:
        fields.name(member, f"{where}.members")
    if not members or len(set(members)) != len(members):
        raise ValueError(f"{where}.members: want one or more names, each once")
    return PoolRule(
        fields.name(found.get("backend"), f"{where}.backend"),
        fields.path(found.get("socket"), f"{where}.socket"),
        fields.path(found.get("state_file"), f"{where}.state_file"),
        members,
    )


def reclaim(value: Json, where: str) -> ReclaimRule:
    """Read one entry of `reclaim`."""
    found = fields.object_at(value, where)
    known = ("service", "path", "match", "older_than_seconds", "keep")
    fields.only(found, known, where + ".")
    path = fields.path(found.get("path"), f"{where}.path")
    if path == "/" or any(f"{path}/".startswith(f"{never}/") for never in _NEVER):
        raise ValueError(f"{where}.path: nothing below {path} may ever be removed")
    match = fields.label(found.get("match"), f"{where}.match")
    if "/" in match or "\0" in match:
        raise ValueError(
            f"{where}.match: want a pattern for a name, without '/', got {match!r:.80}"
        )
    return ReclaimRule(
        fields.label(found.get("service"), f"{where}.service"),
        path,
        match,
        fields.number(found.get("older_than_seconds"), f"{where}.older_than_seconds"),
        fields.count(found.get("keep", 0), f"{where}.keep"),
    )


def patch(value: Json, where: str) -> PatchRule:
    """Read `patch`."""
    found = fields.object_at(value, where)
    fields.only(found, ("command", "seconds", "reboot_check"), where + ".")
    command = _command(found.get("command", []), f"{where}.command")
    if not command:
        raise ValueError(f"{where}.command: want a command")
    return PatchRule(
        command,
        fields.number(found.get("seconds"), f"{where}.seconds"),
        _command(found.get("reboot_check") or [], f"{where}.reboot_check"),
    )


def _command(value: Json, where: str) -> tuple[str, ...]:
    found = fields.texts(value, where)
    if found and not found[0].startswith("/"):
        raise ValueError(f"{where}: want an absolute path first, got {found[0]!r}")
    return found


def fence(value: Json, where: str) -> FenceRule:
    """Read one entry of `fencing`."""
    found = fields.object_at(value, where)
    known = ("device", "agent", "options", "secrets", "off_seconds", "status_seconds")
    fields.only(found, known, where + ".")
    options = fields.object_at(found.get("options", {}), f"{where}.options")
    for name, text in options.items():
        place = f"{where}.options[{name[:80]!r}]"
        if not FENCE_OPTION.fullmatch(name) or name in _GATES_OWN:
            raise ValueError(f"{place}: want an option of the agent, and none that is the gate's")
        if not isinstance(text, str) or not text.isprintable() or not text:
            raise ValueError(f"{place}: want one line of text")
    secrets = found.get("secrets")
    return FenceRule(
        fields.name(found.get("device"), f"{where}.device"),
        fields.path(found.get("agent"), f"{where}.agent"),
        tuple(sorted((name, str(text)) for name, text in options.items())),
        None if secrets is None else fields.path(secrets, f"{where}.secrets"),
        fields.number(found.get("off_seconds", 30), f"{where}.off_seconds"),
        fields.number(found.get("status_seconds", 3), f"{where}.status_seconds"),
    )
