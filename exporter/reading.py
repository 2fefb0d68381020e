"""Reads exporter.yml into `Config`; all its mistakes are told at once."""

import re
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from exporter.alerting.reading import short_way
from exporter.config import (
    PEER_INTERVAL,
    CommandProbe,
    Config,
    How,
    HttpProbe,
    Peer,
    Probe,
    Service,
    TcpProbe,
    TlsProbe,
    VirtualAddress,
)
from exporter.document import Field, Mistakes, compose, text_of
from exporter.passwords import shown

NODE_KEYS = ("cluster", "node", "group", "failure_domain")
SERVICE_KEYS = ("name", "unit", "group")
ADDRESS_KEYS = ("name", "address", "interface", "group", "router_id")
PROBE_KINDS = ("http", "tcp", "tls", "command")
# systemd.unit(5): what a unit may be called; a template itself (name@.service) cannot run.
UNIT_NAME = re.compile(r"[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]+)?\.(service|socket|mount|target)")
# deb-control(5), Package; and an architecture, where a node has several.
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,100}(:[a-z0-9-]{1,30})?")
HOST_PORT = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:\[\]/]+)):(?P<port>[0-9]{1,5})"
)
BLANKS = re.compile(r"[\s\0-\x1f]")
# net/core/dev.c, dev_valid_name: 15 bytes at most.
INTERFACE = re.compile(r"(?!\.{1,2}$)[^\s/:\0]{1,15}")

# Seconds. Below a tenth the probes themselves would be the load.
LEAST_INTERVAL, MOST_INTERVAL = 0.1, 3600.0
LEAST_TIMEOUT, MOST_TIMEOUT = 0.05, 300.0

T = TypeVar("T")


def read(path: Path) -> Config:
    """Read the file.

    Raises:
        ConfigError: It cannot be read or has mistakes; nothing of it holds.
    """
    return parse(text_of(path), str(path))


def parse(text: str, file: str) -> Config:
    """Turn the text of an exporter.yml into a configuration.

    Args:
        text: The whole file.
        file: What to call it in messages.

    Raises:
        ConfigError: It has mistakes; all of them are in it.
    """
    mistakes = Mistakes(file)
    node = compose(text, mistakes)
    mistakes.raise_if_any()
    assert node is not None  # noqa: S101 - compose notes a mistake otherwise
    config = _config(Field(node, "", mistakes))
    mistakes.raise_if_any()
    return config


def _config(top: Field) -> Config:
    lists = ("services", "peers", "peer_interval", "virtual_addresses", "short_way")
    keys = top.mapping((*NODE_KEYS, *lists), ("cluster", "node"))
    names = {key: keys[key].text() for key in NODE_KEYS if key in keys}
    service_fields, peer_fields = _items(keys.get("services")), _items(keys.get("peers"))
    services, peers = [_service(f) for f in service_fields], [_peer(f) for f in peer_fields]
    _unique(zip(service_fields, (s.name for s in services), strict=True))
    _unique(zip(peer_fields, (p.node for p in peers), strict=True))
    address_fields = _items(keys.get("virtual_addresses"))
    addresses = [_virtual_address(f) for f in address_fields]
    _unique(zip(address_fields, (a.name for a in addresses), strict=True))
    _unique(zip(address_fields, (_one_spelling(a.address) for a in addresses), strict=True))
    return Config(
        cluster=names.get("cluster", ""),
        node=names.get("node", ""),
        group=names.get("group", ""),
        failure_domain=names.get("failure_domain", ""),
        services=tuple(services),
        peers=tuple(peers),
        peer_interval=_or(keys, "peer_interval", _interval, PEER_INTERVAL),
        virtual_addresses=tuple(addresses),
        short_way=_or(keys, "short_way", short_way, None),
    )


def _items(field: Field | None) -> list[Field]:
    return list(field.items()) if field is not None else []


def _unique(named: Iterable[tuple[Field, str]]) -> None:
    seen: set[str] = set()
    for field, name in named:
        if name and name in seen:
            field.wrong(f"{shown(name)} is there twice")
        seen.add(name)


def _service(field: Field) -> Service:
    keys = field.mapping((*SERVICE_KEYS, "probe", "certificates", "packages"), SERVICE_KEYS)
    name, unit, group = (keys[k].text() if k in keys else "" for k in SERVICE_KEYS)
    if unit and not UNIT_NAME.fullmatch(unit):
        keys["unit"].wrong(f"wanted a unit's full name such as nginx.service, saw {shown(unit)}")
    probe = _probe(keys["probe"]) if "probe" in keys else None
    nothing: tuple[str, ...] = ()
    files = _or(keys, "certificates", _files, nothing)
    return Service(name, unit, group, probe, files, _or(keys, "packages", _packages, nothing))


def _packages(field: Field) -> tuple[str, ...]:
    fields = list(field.items())
    names = [one.text() for one in fields]
    for one, name in zip(fields, names, strict=True):
        if name and not PACKAGE.fullmatch(name):
            one.wrong(f"wanted a Debian package's name such as nginx, saw {shown(name)}")
    _unique(zip(fields, names, strict=True))
    return tuple(names)


def _files(field: Field) -> tuple[str, ...]:
    fields = list(field.items())
    files = [one.text() for one in fields]
    for one, file in zip(fields, files, strict=True):
        if file and (not file.startswith("/") or "\0" in file):
            one.wrong(f"wanted a file's absolute path, saw {shown(file)}")
    _unique(zip(fields, files, strict=True))
    return tuple(files)


def _probe(field: Field) -> Probe:
    keys = field.mapping((*PROBE_KINDS, "status", "interval", "timeout", "fall"))
    kinds = [kind for kind in PROBE_KINDS if kind in keys]
    if len(kinds) != 1:
        field.wrong(f"wanted exactly one of {', '.join(PROBE_KINDS)}, saw {kinds or 'none'}")
        return Probe(CommandProbe(()))
    if "status" in keys and kinds != ["http"]:
        keys["status"].wrong("only an http probe has a status")
    how: How
    match kinds[0]:
        case "http":
            how = _http(keys)
        case "tcp":
            how = TcpProbe(*_host_port(keys["tcp"]))
        case "tls":
            how = TlsProbe(*_host_port(keys["tls"]))
        case _:
            how = _command(keys["command"])
    default = Probe(how)
    return Probe(
        how,
        interval=_or(keys, "interval", _interval, default.interval),
        timeout=_or(keys, "timeout", _timeout, default.timeout),
        fall=_or(keys, "fall", lambda f: f.whole(1, 100), default.fall),
    )


def _or(keys: dict[str, Field], key: str, take: Callable[[Field], T], default: T) -> T:
    return take(keys[key]) if key in keys else default


def _interval(field: Field) -> float:
    return field.seconds(LEAST_INTERVAL, MOST_INTERVAL)


def _timeout(field: Field) -> float:
    return field.seconds(LEAST_TIMEOUT, MOST_TIMEOUT)


def _http(keys: dict[str, Field]) -> HttpProbe:
    url = keys["http"].text()
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and _is_host(parts.hostname) and parts.port != 0
        fine = fine and not BLANKS.search(url)
    except ValueError:  # a port that is no number
        fine = False
    if url and not fine:
        keys["http"].wrong(f"wanted http://HOST[:PORT]/PATH or https://..., saw {shown(url)}")
    return HttpProbe(url, _or(keys, "status", lambda f: f.whole(100, 599), 200))


def _command(field: Field) -> CommandProbe:
    argv = tuple(item.text() for item in field.items())
    if argv and not argv[0].startswith("/"):
        field.wrong(
            f"wanted a program's absolute path first, saw {shown(argv[0].partition(' ')[0])}"
        )
    if not argv:
        field.wrong("wanted [PROGRAM, ARGUMENT, ...]")
    if any("\0" in word for word in argv):
        field.wrong("an argument has a NUL in it, which no program can be given")
    return CommandProbe(argv)


def _peer(field: Field) -> Peer:
    keys = field.mapping(("node", "address"), ("node", "address"))
    node = keys["node"].text() if "node" in keys else ""
    host, port = _host_port(keys["address"]) if "address" in keys else ("", 0)
    return Peer(node, host, port)


def _virtual_address(field: Field) -> VirtualAddress:
    keys = field.mapping(ADDRESS_KEYS, ADDRESS_KEYS)
    name, address, interface, group = (
        keys[key].text() if key in keys else "" for key in ADDRESS_KEYS[:4]
    )
    if address and not _one_spelling(address):
        keys["address"].wrong(f"wanted an IP address without a prefix, saw {shown(address)}")
    if interface and not (INTERFACE.fullmatch(interface) and len(interface.encode()) <= 15):
        keys["interface"].wrong(f"wanted an interface's name such as eth0, saw {shown(interface)}")
    router_id = _or(keys, "router_id", lambda f: f.whole(1, 255), 1)
    return VirtualAddress(name, address, interface, group, router_id)


def _one_spelling(address: str) -> str:
    """Write an address as everybody does; "" when it is none. A scope (fe80::1%eth0) is not part of one."""
    try:
        return "" if "%" in address else str(ip_address(address))
    except ValueError:
        return ""


def _host_port(field: Field) -> tuple[str, int]:
    raw = field.text()
    match = HOST_PORT.fullmatch(raw)
    port = int(match["port"]) if match else 0
    host = (match["v6"] or match["host"]) if match else ""
    if raw and not (_is_host(host) and 1 <= port <= 65535):
        field.wrong(f"wanted HOST:PORT or [IPV6]:PORT, saw {shown(raw)}")
    return host, port


def _is_host(name: str | None) -> bool:
    """Tell whether the resolver could be asked for it at all: every name goes to it in this encoding."""
    try:
        return name is not None and name.isprintable() and bool(name.encode("idna"))
    except UnicodeError:  # an empty label, or one of more than 63 characters
        return False
