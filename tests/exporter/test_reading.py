"""exporter.yml: what it may say, and every way to get it wrong."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.alerting.rule import Rule
from exporter.config import (
    ClientTls,
    CommandProbe,
    Config,
    ConfigError,
    HttpProbe,
    Peer,
    Probe,
    Service,
    ShortWay,
    TcpProbe,
    VirtualAddress,
)
from exporter.reading import parse, read

CONTRACT = (Path(__file__).parents[2] / "docs/contracts.md").read_text()
HEAD = "cluster: first\nnode: web1\n"


def example() -> str:
    """The exporter.yml that docs/contracts.md shows."""
    section = CONTRACT.split("## exporter.yml", 1)[1].split("\n## ", 1)[0]
    return "".join(row[4:] + "\n" for row in section.splitlines() if row.startswith("    "))


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(text, "exporter.yml")
    return caught.value.problems


def service(probe: str) -> str:
    return (
        f"{HEAD}services:\n  - name: db\n    unit: db.service\n    group: db\n    probe: {probe}\n"
    )


def address(more: str) -> str:
    return f"{HEAD}virtual_addresses:\n  - {{name: vip, group: lb, router_id: 51, {more}}}\n"


def test_the_example_of_the_contract_is_understood() -> None:
    assert parse(example(), "exporter.yml") == Config(
        cluster="first",
        node="web1",
        group="web",
        failure_domain="rack-a",
        services=(
            Service(
                name="nginx",
                unit="nginx.service",
                group="web",
                probe=Probe(HttpProbe("http://10.77.0.11:80/", 200), 2.0, 1.0, 2),
                certificates=("/etc/ssl/certs/web.pem",),
                packages=("nginx", "nginx-common"),
            ),
        ),
        peers=(Peer("web2", "10.77.0.12", 22),),
        peer_interval=5.0,
        virtual_addresses=(VirtualAddress("vip", "10.77.0.100", "host0", "lb", 51),),
        short_way=ShortWay(
            alertmanagers=("https://10.77.0.10:9093",),
            rules=(
                Rule(
                    "ServiceDown",
                    (("severity", "critical"), ("heal", "restart-service")),
                    (("summary", "{{ $labels.service }} does not serve on {{ $labels.node }}."),),
                ),
            ),
            tls=ClientTls(
                *(Path(f"/etc/hale/{name}") for name in ("ca.crt", "node.crt", "node.key"))
            ),
        ),
    )


def test_what_is_left_out_has_its_default() -> None:
    config = parse(service('{tcp: "[::1]:5432"}'), "exporter.yml")
    assert config.services[0].probe == Probe(TcpProbe("::1", 5432), 5.0, 2.0, 2)
    assert (config.peers, config.peer_interval) == ((), 5.0)


def test_a_command_is_a_list() -> None:
    config = parse(service("{command: [/usr/bin/redis-cli, ping], fall: 3}"), "exporter.yml")
    assert config.services[0].probe == Probe(CommandProbe(("/usr/bin/redis-cli", "ping")), fall=3)


def test_words_mean_what_they_look_like() -> None:
    config = parse("cluster: no\nnode: 010\ngroup: 22:30\nfailure_domain: 1e3\n", "exporter.yml")
    assert (config.cluster, config.node, config.group) == ("no", "010", "22:30")


def test_all_mistakes_are_told_at_once_each_with_its_place() -> None:
    text = (
        "cluster: first\n"
        "services:\n"
        "  - name: a\n"
        "    unit: nginx\n"
        "    group: web\n"
        "    probe: {http: ftp://x/, fall: 0, inverval: 1s}\n"
        "  - {name: a, unit: a.service, group: web}\n"
        "peers:\n"
        "  - {node: web2, address: 10.0.0.1}\n"
    )
    assert problems(text) == (
        "exporter.yml:1:1: missing: node",
        "exporter.yml:4:11: services[0].unit: wanted a unit's full name such as nginx.service, "
        "saw 'nginx'",
        "exporter.yml:6:19: services[0].probe.http: wanted http://HOST[:PORT]/PATH or https://..., "
        "saw 'ftp://x/'",
        "exporter.yml:6:35: services[0].probe.fall: wanted a whole number from 1 to 100, saw '0'",
        "exporter.yml:6:38: services[0].probe.inverval: unknown key. "
        "Known: http, tcp, tls, command, status, interval, timeout, fall",
        "exporter.yml:7:5: services[1]: 'a' is there twice",
        "exporter.yml:9:27: peers[0].address: wanted HOST:PORT or [IPV6]:PORT, saw '10.0.0.1'",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ":1:1: empty"),
        ("# only a comment\n", ":1:1: empty"),
        ("- a\n", ":1:1: wanted keys and values, saw a list"),
        ("cluster: [\n", ":2:1: not YAML"),
        ("cluster: a\ncluster: b\nnode: c\n", ":2:1: cluster: there twice"),
        ("cluster: \nnode: c\n", ":1:9: cluster: wanted a text, saw nothing"),
        ("a: &a [b]\nc: *a\n", ":2:4: aliases"),
        (HEAD + 'group: "\\uD800"\n', ":3:8: half a character"),
        (HEAD + '"\\uDFFF": a\n', ":3:1: half a character"),
        ("[" * 2000, "not YAML"),
        ("cluster: \x00\n", "not YAML"),
        ("{}\n---\n{}\n", "not YAML"),
        (HEAD + "services: {}\n", ":3:11: services: wanted a list"),
        (HEAD + "peer_interval: 5\n", ":3:16: peer_interval: wanted a duration"),
        (HEAD + "peer_interval: 1ms\n", "wanted a duration from 0.1s to 3600s, saw '1ms'"),
        (HEAD + f"x: {'y' * 2_000_000}\n", "more than 1048576 bytes"),
        (service("{}"), "services[0].probe: wanted exactly one of http, tcp, tls, command"),
        (service('{tcp: "a:1", http: "http://a/"}'), "wanted exactly one of"),
        (
            service('{http: "http://a b/"}'),
            "wanted http://HOST[:PORT]/PATH or https://..., saw 'http://a b/'",
        ),
        (service('{http: "http://a/\\n"}'), "wanted http://HOST[:PORT]/PATH"),
        (service('{tcp: "a:1", status: 200}'), "only an http probe has a status"),
        (service('{tcp: "a:0"}'), "wanted HOST:PORT"),
        (service('{tcp: "a:65536"}'), "wanted HOST:PORT"),
        (service('{http: "http://a:x/"}'), "wanted http://"),
        (service('{tcp: "x..y:80"}'), "wanted HOST:PORT"),
        (service(f'{{tcp: "{"a" * 64}.example:80"}}'), "wanted HOST:PORT"),
        (service('{tcp: "a\\0b:80"}'), "wanted HOST:PORT"),
        (service('{http: "http://x..y/"}'), "wanted http://"),
        (service('{http: "http://a\\0b/"}'), "wanted http://"),
        (service('{command: [/bin/echo, "a\\0b"]}'), "has a NUL in it"),
        (HEAD + 'peers:\n  - {node: a, address: "x..y:22"}\n', "wanted HOST:PORT"),
        (service('{http: "http://a/", status: 99}'), "from 100 to 599"),
        (service('{http: "http://a/", status: 200.0}'), "from 100 to 599"),
        (service("{command: []}"), "wanted [PROGRAM, ARGUMENT, ...]"),
        (service("{command: redis-cli ping}"), "wanted a list, saw 'redis-cli ping'"),
        (service("{command: [redis-cli]}"), "absolute path"),
        (address("address: 10.0.0.1"), "virtual_addresses[0]: missing: interface"),
        (address("address: 10.0.0.1/24, interface: eth0"), "wanted an IP address without a prefix"),
        (address('address: "fe80::1%eth0", interface: eth0'), "wanted an IP address"),
        (address("address: 10.0.0.1, interface: a/b"), "wanted an interface's name"),
        (address("address: 10.0.0.1, interface: .."), "wanted an interface's name"),
        (address("address: 10.0.0.1, interface: äääääääää"), "wanted an interface's name"),
        (address("address: 10.0.0.1, interface: eth0, prefix: 24"), "prefix: unknown key"),
        (service('{tcp: "a:1", timeout: 1h}'), "wanted a duration from 0.05s to 300s"),
    ],
)
def test_a_mistake_names_its_place_what_was_seen_and_what_was_wanted(text: str, told: str) -> None:
    assert told in "\n".join(problems(text))


def test_a_virtual_address_is_there_once_however_it_is_written() -> None:
    text = f"{HEAD}virtual_addresses:\n" + "".join(
        f'  - {{name: {name}, address: "{ip}", interface: eth0, group: lb, router_id: {number}}}\n'
        for name, ip, number in (("a", "fd00::1", 1), ("b", "FD00:0::1", 256))
    )
    assert problems(text) == (
        "exporter.yml:5:5: virtual_addresses[1]: 'fd00::1' is there twice",
        "exporter.yml:5:76: virtual_addresses[1].router_id: wanted a whole number from 1 to 255, "
        "saw '256'",
    )


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read(tmp_path / "exporter.yml")
    (tmp_path / "exporter.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path / "exporter.yml")


@given(text=st.text(alphabet="abc:-[]{}*&! \n\"'#%0", max_size=80))
def test_no_text_whatever_brings_out_another_error(text: str) -> None:
    found: tuple[str, ...] = ()
    try:
        parse(text, "exporter.yml")
    except ConfigError as error:
        found = error.problems
    assert all(problem.startswith("exporter.yml:") for problem in found)


@pytest.mark.parametrize(
    "written", [service(f"{{tcp: {'y' * 100_000}}}"), HEAD + "y" * 900 + ": 1\n"]
)
def test_a_mistake_of_any_length_is_told_in_a_line_that_can_be_read(written: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(written, "exporter.yml")
    assert [len(problem) < 400 for problem in caught.value.problems] == [True]
