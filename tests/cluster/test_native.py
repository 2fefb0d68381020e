"""HAProxy and keepalived themselves accept what is written for them, whatever cluster.yml allows."""

from pathlib import Path

import pytest

from cluster.load import interpret
from cluster.render import render
from tests.cluster.examples import DATABASE, TIER
from tests.cluster.native import ROOT, haproxy_says, keepalived_says

pytestmark = pytest.mark.tools

SCENARIOS = sorted((ROOT / "scenarios").glob("*/cluster.yml"))
LONG = "x" * 63
SIX = """\
  six: {address: "2001:db8::100", prefix: 64, group: lb, interface: bond0.100, router_id: 51, manage: true}
"""
POOLS = """\
  api: {balancers: lb, members: web, service: nginx, port: 8080, listen: "10.0.0.100:8080", manage: true}
  GLOBAL: {balancers: lb, members: web, service: nginx, port: 81, listen: "127.0.0.1:81", manage: true}
"""
PROBE = 'probe: {http: "http://{address}/"}'

EXTREMES = {
    "as it is": TIER,
    "fragments": TIER.replace(", manage: true", ""),
    "several": TIER.replace("pools:\n", f"{SIX}pools:\n{POOLS}"),
    "longest names": TIER.replace("vip:", f"{LONG}:").replace("  web: {bal", f"  {LONG}: {{bal"),
    "names like numbers": TIER.replace("web1", '"1e3"').replace("vip:", '"010":'),
    "names with signs": TIER.replace("vip:", "v.i_p-1:").replace("  web: {bal", "  w.e_b-: {bal"),
    "fastest": TIER.replace("router_id: 51,", "router_id: 255, advert_interval: 100ms,"),
    "slowest": TIER.replace("router_id: 51,", "router_id: 1, advert_interval: 40s,"),
    "no prefix": TIER.replace("prefix: 24, ", ""),
    "own check": TIER.replace("prefix: 24,", 'check: {http: "http://[::1]:81/a%20b~_.-/c"},'),
    "odd page": TIER.replace(
        PROBE, 'probe: {http: "http://{address}/%[a]?b=$c&d=(e)!#f", status: 404}'
    ),
    "TLS": TIER.replace(PROBE, 'probe: {http: "https://{address}/"}').replace(
        "port: 80", "port: 443"
    ),
    "TLS elsewhere": TIER.replace(PROBE, 'probe: {http: "https://{address}:8443/"}'),
    "other port": TIER.replace(PROBE, 'probe: {http: "http://{address}:81/"}'),
    "only accepts": TIER.replace(PROBE, 'probe: {tcp: "{address}:80"}'),
    "asked of itself": TIER.replace(PROBE, 'probe: {http: "http://127.0.0.1:81/"}'),
    "host names": TIER.replace("10.0.0.31", "localhost"),
    "IPv6 members": TIER.replace("10.0.0.31", "2001:db8::31"),
    "longest paths": TIER.replace("port: 80,", f"port: 80, state_file: /{'a' * 200}/{'b' * 200},"),
}
EXTREMES |= {
    "database": DATABASE,
    "database by name": DATABASE.replace("address: 10.0.0.31", "address: localhost").replace(
        '"https://10.0.0.31:2379", ', ""
    ),
    "longest name of a database": DATABASE.replace("  main:\n", f"  {LONG}:\n"),
}
EXTREMES |= {path.parent.name: path.read_text() for path in SCENARIOS}


@pytest.mark.parametrize("text", EXTREMES.values(), ids=EXTREMES.keys())
def test_the_programs_accept_what_is_written_for_them(text: str, tmp_path: Path) -> None:
    loaded = interpret(text, "cluster.yml")
    render(loaded, ()).write(tmp_path)
    for node in loaded.cluster.nodes:
        interfaces = {address.interface for address in loaded.cluster.addresses_on(node)}
        for config in sorted((tmp_path / node).rglob("keepalived.conf")):
            said = keepalived_says(config, tmp_path, sorted(interfaces))
            assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
        for config in sorted((tmp_path / node).rglob("haproxy.cfg")):
            said = haproxy_says(config, tmp_path)
            words = [line for line in said.stderr.splitlines() if "[NOTICE]" not in line]
            # On the first start there is nothing to remember.
            assert [line for line in words if "server state file" not in line] == []
            assert said.returncode == 0


def test_haproxy_starts_without_a_member_whose_name_nobody_knows(tmp_path: Path) -> None:
    files = render(interpret(TIER.replace("10.0.0.31", "no-such.invalid"), "cluster.yml"), ()).files
    config = tmp_path / "haproxy.cfg"
    config.write_text(next(f.text for f in files if f.place == "lb1/etc/haproxy/haproxy.cfg"))
    said = haproxy_says(config, tmp_path)
    assert "could not resolve address 'no-such.invalid', disabling server" in said.stderr
    assert said.returncode == 0


@pytest.mark.parametrize(
    ("old", "new"), [("weight", "wieght"), ("nobody", "no-such-user"), ("priority 2", "priority 9")]
)
def test_keepalived_would_have_told(old: str, new: str, tmp_path: Path) -> None:
    files = render(interpret(TIER, "cluster.yml"), ()).files
    text = next(
        file.text for file in files if file.place.endswith("lb1/etc/keepalived/keepalived.conf")
    )
    config = tmp_path / "keepalived.conf"
    config.write_text(text.replace(old, new, 1))
    assert keepalived_says(config, tmp_path, ["eth0"]).stderr != ""


def test_haproxy_would_have_told(tmp_path: Path) -> None:
    files = render(interpret(TIER, "cluster.yml"), ()).files
    text = next(file.text for file in files if file.place == "lb1/etc/haproxy/haproxy.cfg")
    config = tmp_path / "haproxy.cfg"
    config.write_text(text.replace("balance", "ballance"))
    assert haproxy_says(config, tmp_path).returncode == 1
