"""What cluster.yml allows at its extremes, the gate and the exporter take.

tests/contract/test_rendered.py shows it of ordinary files; a bound that is wider here than there
would only be found on a node, by a gate that refuses everything.
"""

import pytest

from cluster.load import Loaded, interpret
from cluster.render import render
from exporter import reading
from gate import config
from tests.cluster.examples import PAIR, SOUND

PROBE = 'probe: {http: "http://{address}/"}'


def services(probe: str, rest: str = "") -> str:
    return SOUND.replace(PROBE, f"probe: {{{probe}}}{rest}")


def spacing(text: str) -> str:
    return SOUND.replace("  mode: act", f"  mode: act\n  gate_spacing: {{service.restart: {text}}}")


def unit(name: str) -> str:
    return SOUND.replace("unit: nginx.service", f"unit: {name}")


LONG = "x" * 63
HOST = ".".join(["a" * 63] * 3 + ["b" * 61])
HTTP = 'http: "http://{address}/"'

EXTREMES = {
    "least spacing": spacing("1s"),
    "most spacing": spacing("7d"),
    "least probe": services(f"{HTTP}, status: 100, interval: 100ms, timeout: 50ms, fall: 1"),
    "most probe": services(f"{HTTP}, status: 599, interval: 1h, timeout: 5m, fall: 100"),
    "a fencing host": PAIR,
    "most of a power device": PAIR.replace(
        "    secrets:", "    off_within: 10m\n    status_within: 4s\n    secrets:"
    ),
    "any host": services('http: "https://HOST.example:65535/a?b=c#d"'),
    "long http host": services(f'http: "http://{HOST}/"'),
    "IPv6": services('tcp: "[2001:db8::1]:1"'),
    "long tcp host": services(f'tcp: "{HOST}:65535"'),
    "long command": services(
        f"command: [/bin/x, {'y' * 4000}, ' ', '\u00e9\u4e2d']",
        f", config_check: [/bin/x, {'y' * 4000}, ' ', '\u00e9\u4e2d']",
    ),
    "longest unit": unit("u" * 247 + ".service"),
    "instance": unit("a@b-c.d.service"),
    "escaped": unit("'dev-\\x2d:_.service'"),
    "longest names": SOUND.replace("nginx: {", f"{LONG}: {{")
    .replace("web1", LONG)
    .replace("rack-c", "r" * 63)
    .replace("cluster: sound", f"cluster: {'c' * 63}"),
    "names like numbers and words": SOUND.replace("web2", '"1e3"').replace("rack-b", '"null"'),
    "long host name": SOUND.replace("10.0.0.12", HOST),
    "least peers": f"exporter: {{peers: 0, peer_interval: 100ms}}\n{SOUND}",
    "most peers": f"exporter: {{peers: 100000, peer_interval: 1h}}\n{SOUND}",
    "last port": SOUND.replace("  mode: act", "  mode: act\n  ssh_port: 65535"),
}


@pytest.mark.parametrize("text", EXTREMES.values(), ids=EXTREMES.keys())
def test_a_gate_and_an_exporter_take_what_cluster_yml_allows(text: str) -> None:
    loaded: Loaded = interpret(text, "cluster.yml")
    assert text != SOUND
    read = 0
    for file in render(loaded, ()).files:
        match file.path:
            case "etc/hale/gate.json":
                assert config.parse(file.text.encode()).node == file.node
                read += 1
            case "etc/hale/exporter.yml":
                assert reading.parse(file.text, file.place).node == file.node
                read += 1
    assert read == 2 * len(loaded.cluster.nodes)
