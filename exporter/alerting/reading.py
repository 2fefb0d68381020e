"""Reads the block `short_way` of exporter.yml."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from exporter.alerting.alert import Pairs
from exporter.alerting.conditions import RULES
from exporter.alerting.rule import Rule, understood
from exporter.config import ClientTls, ShortWay
from exporter.document import Field
from exporter.passwords import shown

NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
# Seconds. Alertmanager's resolve_timeout is 5m where nobody sets it; several posts have to fit into it.
LEAST_REPEAT, MOST_REPEAT = 1.0, 120.0


def short_way(field: Field) -> ShortWay:
    """Return what the block says; its mistakes are noted where it came from."""
    keys = field.mapping(("alertmanagers", "tls", "repeat", "rules"), ("alertmanagers", "rules"))
    urls = list(keys["alertmanagers"].items()) if "alertmanagers" in keys else []
    rules = list(keys["rules"].items()) if "rules" in keys else []
    if not urls and "alertmanagers" in keys:
        keys["alertmanagers"].wrong("wanted at least one URL")
    given = (
        {"repeat": keys["repeat"].seconds(LEAST_REPEAT, MOST_REPEAT)} if "repeat" in keys else {}
    )
    return ShortWay(
        alertmanagers=tuple(_unlike(urls)),
        rules=tuple(_rule(one) for one in rules),
        tls=_tls(keys["tls"]) if "tls" in keys else ClientTls(),
        **given,
    )


def _unlike(fields: list[Field]) -> Iterator[str]:
    seen: set[str] = set()
    for field in fields:
        url = field.text()
        try:
            parts = urlsplit(url)
            host, port, extra = parts.hostname, parts.port, parts.query + parts.fragment
            fine = parts.scheme in ("http", "https") and bool(host) and port != 0
            fine = fine and not extra and "@" not in parts.netloc and url.isprintable()
            (host or "").encode("idna")
        except ValueError:  # a port that is no number, a host that no resolver can be asked for
            fine = False
        if url and not fine:
            field.wrong(f"wanted http://HOST:PORT or https://HOST:PORT, saw {shown(url)}")
        if url.rstrip("/") in seen:
            field.wrong(f"{shown(url)} is there twice")
        seen.add(url.rstrip("/"))
        yield url.rstrip("/")


def _tls(field: Field) -> ClientTls:
    keys = field.mapping(("ca", "cert", "key"))
    if ("cert" in keys) != ("key" in keys):
        field.wrong("cert and key go together")
    return ClientTls(**{name: _file(one) for name, one in keys.items()})


def _file(field: Field) -> Path:
    text = field.text()
    if text and (not text.startswith("/") or "\0" in text):
        field.wrong(f"wanted a file's absolute path, saw {shown(text)}")
    return Path(text)


def _rule(field: Field) -> Rule:
    keys = field.mapping(("name", "labels", "annotations"), ("name", "labels"))
    name = keys["name"].text() if "name" in keys else ""
    if name and name not in RULES:
        keys["name"].wrong(f"no rule of the short way. Known: {', '.join(RULES)}")
    labels = _pairs(keys["labels"]) if "labels" in keys else ()
    annotations = _pairs(keys["annotations"]) if "annotations" in keys else ()
    for key, text in (*labels, *annotations):
        if not NAME.fullmatch(key):
            field.wrong(f"{key!r} is no label's name")
        if (key, text) in labels and "{{" in text:
            field.wrong(f"labels.{key}: a template there would make another alert")
        if not understood(text):
            field.wrong(f"{key}: only {{{{ $labels.NAME }}}} and {{{{ $value }}}} are understood")
    return Rule(name, labels, annotations)


def _pairs(field: Field) -> Pairs:
    return tuple((name, one.text()) for name, one in field.entries().items())
