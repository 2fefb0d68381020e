"""What is told of a wrong exporter.yml, or of a probe that cannot be made, holds no password."""

import pytest

from exporter.config import ConfigError, HttpProbe
from exporter.passwords import masked
from exporter.probes import Http, NotMade
from exporter.reading import parse

SECRET = "hunter2"
URLS = (
    f"http://user:{SECRET}@host:port/",
    f"http://user:{SECRET}/{SECRET}@host:99999/",
    f"http://user:a@{SECRET}@host:0/",
    f"ftp://:{SECRET}@host/",
    f"user:{SECRET}@host",
    f"http://user:{'x' * 60}{SECRET}@host:port/",
)
# Every place of exporter.yml whose mistakes quote what stands there.
PLACES = {
    "a probe's URL": "services: [{name: a, unit: a.service, group: g, probe: {http: 'URL'}}]",
    "an address to connect to": "services: [{name: a, unit: a.service, group: g, probe: {tcp: 'URL'}}]",
    "a command": "services: [{name: a, unit: a.service, group: g, probe: {command: ['URL -x']}}]",
    "a unit": "services: [{name: a, unit: 'URL', group: g}]",
    "a number": "services: [{name: a, unit: a.service, group: g, probe: {tcp: 'h:1', fall: 'URL'}}]",
    "a duration": "peer_interval: 'URL'",
    "a list": "services: 'URL'",
    "a mapping": "services: ['URL']",
    "a key": "'URL': 1",
    "a name that is there twice": "peers: [{node: 'URL', address: 'h:1'}, {node: 'URL', address: 'h:2'}]",
    "a certificate": "services: [{name: a, unit: a.service, group: g, certificates: ['URL']}]",
    "a virtual address": "virtual_addresses: [{name: v, address: 'URL', interface: i, group: g, router_id: 1}]",
    "an interface": "virtual_addresses: [{name: v, address: 10.0.0.1, interface: 'URL', group: g, router_id: 1}]",
    "an Alertmanager": "short_way: {alertmanagers: ['URL']}",
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("url", URLS)
def test_a_mistake_shows_no_password(place: str, url: str) -> None:
    text = f"cluster: c\nnode: n\n{PLACES[place].replace('URL', url)}\n"
    with pytest.raises(ConfigError) as caught:
        parse(text, "exporter.yml")
    said = "\n".join(caught.value.problems)
    assert SECRET not in said
    assert "***@" in said


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (f"https://user:{SECRET}@host/a@b", "https://***@b"),
        ("http://host:80/", "http://host:80/"),
        ("getty@tty1", "getty@tty1"),
        ("", ""),
    ],
)
def test_what_holds_no_password_is_shown_as_it_is(text: str, seen: str) -> None:
    assert masked(text) == seen


async def test_a_probe_that_cannot_be_made_does_not_say_with_which_password() -> None:
    probe = Http(HttpProbe(f"http://user:{SECRET}@"))
    with pytest.raises(NotMade) as caught:
        await probe.attempt()
    assert str(caught.value) == "no URL: http://***@"
