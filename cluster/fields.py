"""The kinds of value that cluster.yml is made of.

Rule: a value that passed here is safe to put into a path, a label, a unit file or a URL as it is.
"""

import ipaddress
import re
from collections.abc import Sized
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from cluster.quantity import (
    DURATION_PATTERN,
    SIZE_PATTERN,
    duration,
    duration_text,
    size,
    size_text,
)


class Block(BaseModel):
    """One mapping of cluster.yml: frozen, and every key known."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_by_name=False
    )


# One label of a host name, a file name and a Prometheus label value at once.
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"
# systemd.unit(5), "Unit names"; a service is the only kind that Hale restarts. A leading dash would
# read as an option, and a template itself (name@.service) cannot run.
UNIT_PATTERN = r"^(?=.{1,255}$)[A-Za-z0-9:_.\\][A-Za-z0-9:_.\\-]*(@[A-Za-z0-9:_.\\-]+)?\.service$"
# RFC 952 and 1123 names, IPv4 and IPv6 addresses without brackets or zone.
ADDRESS_PATTERN = r"^[A-Za-z0-9:]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9:])?$"
METRIC_PATTERN = r"^[A-Za-z_:][A-Za-z0-9_:]{0,199}$"
# deb-control(5), "Package".
PACKAGE_PATTERN = r"^[a-z0-9][a-z0-9+.-]{1,100}(:[a-z0-9-]{1,30})?$"
FILE_PATTERN = r"^/[A-Za-z0-9_./@+=:,-]{0,1000}$"
# The kernel takes more (dev_valid_name), keepalived and shells do not; 15 is IFNAMSIZ less its end.
INTERFACE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$"

_ADDRESS = re.compile(ADDRESS_PATTERN, re.ASCII)

_Items = TypeVar("_Items", bound=Sized)


def _shaped(pattern: str, wanted: str) -> AfterValidator:
    compiled = re.compile(pattern.removesuffix("$") + r"\Z")

    def check(text: str) -> str:
        if compiled.match(text) is None:
            raise ValueError(f"{text!r} is not {wanted}.")
        return text

    return AfterValidator(check)


def is_ip(text: str) -> bool:
    """Tell whether a text is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_address(text: str) -> bool:
    """Say whether a text is an IP address, or a host name that could not be meant as one."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        looks_like_one = ":" in text or re.fullmatch(r"[0-9.]*", text)
        shaped = _ADDRESS.fullmatch(text) is not None and _has_labels(text)
        return shaped and not looks_like_one
    return "%" not in text


def usual(address: str) -> str:
    """Write an address in the one way in which two spellings of it are the same."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address.lower()


def _has_labels(name: str) -> bool:
    """Say whether a resolver can be asked for a name: it encodes each label, of 1 to 63 bytes."""
    try:
        return bool(name.encode("idna"))
    except UnicodeError:
        return False


def _address(text: str) -> str:
    if not is_address(text):
        raise ValueError(
            f"{text!r} is not an IP address or a host name. Write it without port or brackets."
        )
    return text


def _ip(text: str) -> str:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address. Write it without prefix.") from None
    # Of an IPv6 address there are many writings, and each is compared and shown as text.
    if str(found) != text:
        raise ValueError(f"{text!r} is not the usual way to write it. Write {found}.")
    special = found.is_unspecified or found.is_loopback or found.is_multicast or found.is_reserved
    if special or "%" in text:
        raise ValueError(f"{text} is no address that a node could hold for others.")
    return text


def _duration(value: object) -> float:
    if isinstance(value, str):
        return duration(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"{value} has no unit. Write {value}s if seconds are meant.")
    raise ValueError("this must be a duration such as 30s.")


def _positive(seconds: float) -> float:
    if seconds <= 0:
        raise ValueError("0 is not allowed here. Write at least 1ms.")
    return seconds


def between(least: float, most: float) -> AfterValidator:
    """Allow these durations only, in seconds."""

    def check(seconds: float) -> float:
        if not least <= seconds <= most:
            allowed = f"{duration_text(least)} to {duration_text(most)}"
            raise ValueError(f"{duration_text(seconds)} is out of range. Write {allowed}.")
        return seconds

    return AfterValidator(check)


def _size(value: object) -> int:
    if isinstance(value, str):
        return size(value)
    raise ValueError(f"{value!r} is not a size. Write a whole number and B, KiB, MiB, GiB or TiB.")


def checked_url(text: str) -> str:
    """Accept http and https URLs that can be written into any configuration file."""
    wrong = ValueError(f"{text!r} is not an http or https URL. Write http://HOST:PORT/PATH.")
    if not re.fullmatch(r"[!-~]{1,2000}", text) or re.search(r"[\"'\\<>`^{|}]", text):
        raise wrong
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise wrong from error
    if parts.scheme not in ("http", "https") or port == 0:
        raise wrong
    if not parts.hostname or not _has_labels(parts.hostname):
        raise wrong
    return text.rstrip("/")


def _without_user(url: str) -> str:
    if "@" in urlsplit(url).netloc:
        raise ValueError(
            "a user or password in this URL would be left out. Write the URL without, "
            "and let whatever stands before the server know its clients by their addresses."
        )
    return url


def _argument(text: str) -> str:
    if not text:
        raise ValueError("an argument is empty. Remove it, or write what is meant.")
    if not text.isprintable() or len(text) > 4000:
        raise ValueError("an argument must be printable text of at most 4000 characters.")
    return text


def _command(words: tuple[str, ...]) -> tuple[str, ...]:
    if not words or not words[0].startswith("/"):
        raise ValueError(
            "a command is a list that starts with an absolute path. Write [/usr/bin/program, ARG]."
        )
    return words


def _written_out(path: str) -> str:
    if path != "/" and {"", ".", ".."} & set(path.split("/")[1:]):
        raise ValueError(f"{path!r} is not written out. Leave out '.', '..' and slashes too many.")
    return path


def _not_empty(items: _Items) -> _Items:
    if not items:
        raise ValueError("this is empty. Write at least one entry.")
    return items


# pydantic's own min_length counts only valid items, and so would report a mistake twice.
NOT_EMPTY = AfterValidator(_not_empty)

Name = Annotated[
    str,
    _shaped(NAME_PATTERN, "a name: letters, digits, '_', '.' and '-', at most 63"),
    Field(json_schema_extra={"pattern": NAME_PATTERN}),
]
Unit = Annotated[
    str,
    _shaped(UNIT_PATTERN, "a unit name. It ends in .service and has no '/' or space"),
    Field(json_schema_extra={"pattern": UNIT_PATTERN}),
]
Address = Annotated[
    str,
    AfterValidator(_address),
    Field(json_schema_extra={"pattern": ADDRESS_PATTERN}),
]
# One that a node holds for others: no host name, no loopback.
Ip = Annotated[str, AfterValidator(_ip), Field(json_schema_extra={"pattern": ADDRESS_PATTERN})]
Interface = Annotated[
    str,
    _shaped(INTERFACE_PATTERN, "a network interface's name, at most 15 characters"),
    Field(json_schema_extra={"pattern": INTERFACE_PATTERN}),
]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
Metric = Annotated[
    str,
    _shaped(METRIC_PATTERN, "a metric's name"),
    Field(json_schema_extra={"pattern": METRIC_PATTERN}),
]
Package = Annotated[
    str,
    _shaped(PACKAGE_PATTERN, "a Debian package's name"),
    Field(json_schema_extra={"pattern": PACKAGE_PATTERN}),
]
"""A Debian package, as nginx; with an architecture where a node has several of it, as libc6:amd64."""

File = Annotated[
    str,
    _shaped(FILE_PATTERN, "an absolute path without spaces"),
    AfterValidator(_written_out),
    Field(json_schema_extra={"pattern": FILE_PATTERN}),
]
Url = Annotated[str, AfterValidator(checked_url), Field(json_schema_extra={"format": "uri"})]
# One that Prometheus or the healer asks: what is rendered has no place for a name and a password.
ServerUrl = Annotated[Url, AfterValidator(_without_user)]
Command = Annotated[tuple[Annotated[str, AfterValidator(_argument)], ...], AfterValidator(_command)]

# Seconds, where zero means "at once".
Seconds = Annotated[
    float,
    BeforeValidator(_duration),
    PlainSerializer(duration_text, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["500ms", "30s"]}),
]
# Seconds, where zero would make no sense.
Period = Annotated[Seconds, AfterValidator(_positive)]
Bytes = Annotated[
    int,
    BeforeValidator(_size),
    PlainSerializer(size_text, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN, "examples": ["4MiB"]}),
]
Count = Annotated[int, Field(strict=True, ge=0, le=100_000)]
AtLeastOne = Annotated[int, Field(strict=True, ge=1, le=100_000)]
Flag = Annotated[bool, Field(strict=True)]
