"""Reads web-config.yml, the file that every Prometheus exporter takes, into `WebConfig`.

Format: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md. Rule: what cannot be
done here is refused, and not passed over; no message shows a key or a hash.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter import bcrypt
from exporter.document import Field, Mistakes, compose, text_of
from exporter.tls import ALWAYS, CIPHERS, CLIENTS, CURVES, VERSIONS, Pem, Tls, Unusable

TOP = ("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit")
TLS_KEYS = (
    *("cert", "key", "client_ca", "cert_file", "key_file", "client_ca_file"),
    *("client_auth_type", "client_allowed_sans", "min_version", "max_version"),
    *("cipher_suites", "prefer_server_cipher_suites", "curve_preferences"),
)
# Which headers may be set, and to what; an empty list for anything.
HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-Content-Type-Options": ("nosniff",),
    "X-XSS-Protection": (),
    "Strict-Transport-Security": (),
}
# What of a policy Go has and Python's ssl does not: it shows no certificate that it could not verify.
UNVERIFIED = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")
PRINTABLE = re.compile(r"[\t\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Requests in a row, and the seconds after which there is room for one more."""

    interval: float
    burst: int


@dataclass(frozen=True, slots=True)
class WebConfig:
    """One web-config.yml.

    Attributes:
        tls: None for plain HTTP.
        context: Made of `tls`.
        headers: Put on every answer.
        users: bcrypt hashes by name; empty where nobody signs in.
    """

    tls: Tls | None = None
    context: ssl.SSLContext | None = field(default=None, compare=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    rate: RateLimit | None = None


def read(path: Path) -> WebConfig:
    """Read the file; names of files in it are taken from where it lies.

    Raises:
        ConfigError: It cannot be read or has mistakes; all of them are in it.
    """
    return parse(text_of(path), str(path), path.parent)


def parse(text: str, file: str, folder: Path) -> WebConfig:
    """Turn the text of a web-config.yml into a configuration.

    Args:
        text: The whole file.
        file: What to call it in messages.
        folder: Where relative names of files begin.

    Raises:
        ConfigError: It has mistakes; all of them are in it.
    """
    mistakes = Mistakes(file)
    node = compose(text, mistakes, least="")
    mistakes.raise_if_any()
    if node is None:
        return WebConfig()
    top = _keys(Field(node, "", mistakes), TOP)
    tls = _tls(top["tls_server_config"], folder) if "tls_server_config" in top else None
    http = (
        _keys(top["http_server_config"], ("http2", "headers"))
        if "http_server_config" in top
        else {}
    )
    if "http2" in http and http["http2"].truth():
        http["http2"].wrong("HTTP/2 is not spoken here; leave it out, or write false")
    users = _users(top["basic_auth_users"]) if "basic_auth_users" in top else {}
    rate = _rate(top["rate_limit"]) if "rate_limit" in top else None
    headers = _headers(http["headers"]) if "headers" in http else {}
    mistakes.raise_if_any()
    context = _context(tls, top["tls_server_config"]) if tls is not None else None
    mistakes.raise_if_any()
    return WebConfig(tls, context, headers, users, rate)


def _keys(one: Field, known: tuple[str, ...]) -> dict[str, Field]:
    """Return the values by key; those that are left empty are as if they were not there, as in Go."""
    if one.blank:
        return {}
    return {key: value for key, value in one.mapping(known).items() if not value.blank}


def _tls(section: Field, folder: Path) -> Tls | None:
    keys = _keys(section, TLS_KEYS)
    if not keys:
        return None
    cert, key, client_ca = (_pem(keys, name, folder) for name in ("cert", "key", "client_ca"))
    for name, pem in (("cert", cert), ("key", key)):
        if pem is None:
            section.wrong(f"missing: {name}_file, or {name}")
    clients = _clients(keys, client_ca)
    minimum, maximum = (
        _version(keys, name, default)
        for name, default in (("min_version", "TLS12"), ("max_version", "TLS13"))
    )
    if minimum > maximum:
        keys["min_version" if "min_version" in keys else "max_version"].wrong("above max_version")
    return Tls(
        cert=cert or Pem(),
        key=key or Pem(),
        client_ca=client_ca,
        clients=clients,
        allowed_sans=_sans(keys, clients),
        minimum=minimum,
        maximum=maximum,
        ciphers=_ciphers(keys, minimum),
        curve=_curve(keys),
        ours_first=keys["prefer_server_cipher_suites"].truth()
        if "prefer_server_cipher_suites" in keys
        else True,
    )


def _pem(keys: Mapping[str, Field], name: str, folder: Path) -> Pem | None:
    inline, by_file = keys.get(name), keys.get(f"{name}_file")
    if inline is not None and by_file is not None:
        by_file.wrong(f"either this or {name}, not both")
    if by_file is not None:
        return Pem(path=folder / by_file.text())
    return Pem(text=inline.text()) if inline is not None else None


def _clients(keys: Mapping[str, Field], client_ca: Pem | None) -> ssl.VerifyMode:
    asked = keys.get("client_auth_type")
    if asked is None or (said := asked.text()) == "NoClientCert":
        if client_ca is not None:
            ca = keys.get("client_ca_file") or keys["client_ca"]
            ca.wrong("no client is asked for a certificate: write client_auth_type")
        return ssl.CERT_NONE
    if said in UNVERIFIED:
        asked.wrong(
            f"Python's ssl takes no certificate that it cannot verify, so {said} cannot be had; "
            "wanted RequireAndVerifyClientCert"
        )
        return ssl.CERT_NONE
    return CLIENTS.get(asked.word(CLIENTS), ssl.CERT_NONE)


def _sans(keys: Mapping[str, Field], clients: ssl.VerifyMode) -> frozenset[str]:
    if (listed := keys.get("client_allowed_sans")) is None:
        return frozenset()
    if clients is not ssl.CERT_REQUIRED:
        listed.wrong("without RequireAndVerifyClientCert a client needs no certificate at all")
    return frozenset(one.text() for one in listed.items())


def _version(keys: Mapping[str, Field], name: str, default: str) -> ssl.TLSVersion:
    # TLS 1.0 and 1.1 are no versions to ask for any more: RFC 8996.
    word = keys[name].word(VERSIONS) if name in keys else default
    return VERSIONS.get(word, VERSIONS[default])


def _ciphers(keys: Mapping[str, Field], minimum: ssl.TLSVersion) -> tuple[str, ...]:
    if (listed := keys.get("cipher_suites")) is None:
        return ()
    words = [one.word((*CIPHERS, *ALWAYS)) for one in listed.items()]
    found = tuple(CIPHERS[word] for word in words if word in CIPHERS)
    if words and not found and all(words) and minimum < ssl.TLSVersion.TLSv1_3:
        listed.wrong("none of these is of TLS 1.2: write min_version: TLS13, or add one")
    return found


def _curve(keys: Mapping[str, Field]) -> str | None:
    if (listed := keys.get("curve_preferences")) is None:
        return None
    words = [one.word(CURVES) for one in listed.items()]
    if len(words) > 1:
        listed.wrong("Python's ssl takes one curve; leave one, or leave it out for OpenSSL's order")
    return CURVES.get(words[0]) if words else None


def _context(tls: Tls, section: Field) -> ssl.SSLContext | None:
    try:
        return tls.context()
    except Unusable as error:
        keys = section.mapping(TLS_KEYS)
        (keys.get(error.key) or keys[f"{error.key}_file"]).wrong(str(error))
        return None


def _headers(section: Field) -> dict[str, str]:
    found = {}
    for name, value in _keys(section, tuple(HEADERS)).items():
        said = value.word(HEADERS[name]) if HEADERS[name] else value.text()
        if not PRINTABLE.fullmatch(said):
            value.wrong("wanted one line of printable ASCII")
        found[name] = said
    return found


def _users(section: Field) -> dict[str, str]:
    found = {}
    for name, value in section.pairs() if not section.blank else ():
        found[name] = value.text()
        if ":" in name:  # RFC 7617, 2: it ends the name
            value.wrong("a name with a colon can never sign in")
        try:
            bcrypt.cost(found[name])
        except ValueError as error:
            value.wrong(str(error))
    if found:
        try:
            bcrypt.check_available()
        except bcrypt.Unavailable as error:
            section.wrong(str(error))
    return found


def _rate(section: Field) -> RateLimit | None:
    keys = _keys(section, ("interval", "burst"))
    if "interval" not in keys or keys["interval"].text() in ("0", "0s"):
        return None
    interval = keys["interval"].seconds(0.001, 3600)
    burst = keys["burst"].whole(1, 1_000_000) if "burst" in keys else 0
    if not burst:
        section.wrong("missing: burst, at least 1; without it every request is refused")
    return RateLimit(interval, burst)
