"""exporter.yml's block short_way: what it may say, and every way to get it wrong."""

from pathlib import Path

import pytest

from exporter.alerting.rule import Rule, filled
from exporter.config import ClientTls, ConfigError, ShortWay
from exporter.reading import parse

HEAD = "cluster: first\nnode: web1\nshort_way:\n"
URLS = "  alertmanagers: [http://10.77.0.10:9093]\n"
RULES = "  rules:\n    - {name: ServiceDown, labels: {severity: critical}}\n"


def problems(block: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(HEAD + block, "exporter.yml")
    return caught.value.problems


def test_without_the_block_nothing_is_posted() -> None:
    assert parse("cluster: first\nnode: web1\n", "exporter.yml").short_way is None


def test_everything_that_it_may_say() -> None:
    found = parse(
        HEAD
        + """\
  alertmanagers: ["https://10.77.0.10:9093/am/", "http://[fd00::1]:9093"]
  tls: {ca: /etc/hale/ca.crt, cert: /etc/hale/node.crt, key: /etc/hale/node.key}
  repeat: 30s
  rules:
    - name: ServiceDown
      labels: {severity: critical, heal: restart-service}
      annotations:
        summary: "{{ $labels.service }} is down: {{$value}}."
""",
        "exporter.yml",
    ).short_way
    assert found == ShortWay(
        ("https://10.77.0.10:9093/am", "http://[fd00::1]:9093"),
        (
            Rule(
                "ServiceDown",
                (("severity", "critical"), ("heal", "restart-service")),
                (("summary", "{{ $labels.service }} is down: {{$value}}."),),
            ),
        ),
        ClientTls(Path("/etc/hale/ca.crt"), Path("/etc/hale/node.crt"), Path("/etc/hale/node.key")),
        30.0,
    )


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (RULES, "short_way: missing: alertmanagers"),
        (URLS, "short_way: missing: rules"),
        ("  alertmanagers: []\n" + RULES, "wanted at least one URL"),
        ("  alertmanagers: [ftp://a]\n" + RULES, "saw 'ftp://a'"),
        ("  alertmanagers: ['http://a:99999']\n" + RULES, "saw 'http://a:99999'"),
        ("  alertmanagers: ['http://u:p@a']\n" + RULES, "saw 'http://***@a'"),
        ("  alertmanagers: ['http://a', 'http://a/']\n" + RULES, "'http://a/' is there twice"),
        (URLS + "  repeat: 10m\n" + RULES, "short_way.repeat"),
        (URLS + "  tls: {cert: /a}\n" + RULES, "cert and key go together"),
        (URLS + "  tls: {ca: a.crt}\n" + RULES, "wanted a file's absolute path, saw 'a.crt'"),
        (URLS + "  rules: [{name: NodeDown, labels: {}}]\n", "no rule of the short way"),
        (URLS + "  rules: [{name: ServiceDown}]\n", "missing: labels"),
        (
            URLS + "  rules: [{name: ServiceDown, labels: {a: '{{ $labels.b }}'}}]\n",
            "a template there would make another alert",
        ),
        (
            URLS + "  rules: [{name: ServiceDown, labels: {}, annotations: {a: '{{ or 1 }}'}}]\n",
            "are understood",
        ),
        (URLS + "  rules: [{name: ServiceDown, labels: {a-b: c}}]\n", "'a-b' is no label's name"),
        (URLS + RULES + "  clock: ours\n", "short_way.clock: unknown key"),
    ],
)
def test_what_it_may_not_say(block: str, said: str) -> None:
    assert any(said in one for one in problems(block)), problems(block)


def test_a_template_is_filled_in_as_prometheus_does() -> None:
    labels = {"service": "nginx"}
    assert filled("{{ $labels.service }}:{{$labels.none}}:{{ $value }}", labels, 0.0) == "nginx::0"
