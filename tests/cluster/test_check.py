"""Each finding is found where it should be, and a sound file has none."""

import re
from pathlib import Path

import pytest

from cluster.checks import check
from cluster.finding import Code, Finding, Severity, exit_status
from cluster.load import interpret, read
from cluster.packaged import Alert, alerts, rule_files, runbooks
from cluster.subject import Subject
from tests.cluster.examples import (
    BACKUP,
    DATABASE,
    HEALERS,
    PACED,
    PAIR,
    REDIS,
    SHORT,
    SOUND,
    TIER,
    WIDE,
)
from tests.cluster.weaknesses import MEMBER, OTHER, PROXY, SIGNED, SUNDAY, WEAKNESSES

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "scenarios").glob("*/cluster.yml"))

ALERTS = (
    Alert("ServiceDown", "services.yml", "restart-service", "critical"),
    Alert("NodeDown", "nodes.yml", "none", "critical", wait=60.0),
)
RUNBOOKS = frozenset({"ServiceDown", "NodeDown"})


def findings_of(text: str) -> tuple[Finding, ...]:
    return check(Subject(interpret(text, "cluster.yml"), ALERTS, RUNBOOKS))


@pytest.mark.parametrize("text", [SOUND, TIER, HEALERS, DATABASE, REDIS, PAIR, PACED, BACKUP])
def test_a_sound_file_has_no_finding(text: str) -> None:
    assert findings_of(text) == ()
    assert exit_status(()) == 0


@pytest.mark.parametrize(
    ("text", "code", "old", "new", "names"),
    WEAKNESSES,
    ids=lambda v: getattr(v, "name", ""),
)
def test_one_weakness_is_found_and_says_what_it_saw(
    text: str, code: Code, old: str, new: str, names: str
) -> None:
    assert text.count(old) >= 1
    found = findings_of(text.replace(old, new, 1))
    mine = [finding for finding in found if finding.code is code]
    assert len(mine) >= 1
    assert names in mine[0].reason
    assert mine[0].remedy.endswith((".", "..."))


@pytest.mark.parametrize(
    ("when", "zone", "opens"),
    [
        ("days: [sun]", "UTC", True),
        ("days: [sat]", "UTC", False),
        ("days: [sat], hours: 22:00-06:00", "UTC", True),  # and on into Sunday
        ("days: [sun], hours: 22:00-06:00", "UTC", False),  # it ends as they begin
        ("days: [sun], hours: 21:59-22:00", "UTC", True),
        ("days: [sat], hours: 23:00-24:00", "UTC", False),
        ("days: [sat], hours: 23:00-24:00", "Atlantic/Azores", True),
        ("days: [mon], hours: 00:00-01:00", "UTC", False),
        ("days: [mon], hours: 00:00-01:00", "Asia/Tokyo", True),
        ("days: [mon], hours: 09:00-10:00", "Asia/Tokyo", False),
    ],
)
def test_a_window_none_of_whose_hours_lies_between_its_bounds_never_opens(
    when: str, zone: str, opens: bool
) -> None:
    text = f"{SOUND}time_zone: {zone}\nmaintenance: {{m: {{{SUNDAY}, {when}}}}}\n"
    codes = [finding.code for finding in findings_of(text)]
    assert codes == ([] if opens else [Code.NO_MAINTENANCE])


def test_a_short_way_that_reaches_every_alertmanager_has_no_finding() -> None:
    way = "exporter: {short_way: {cert: /etc/hale/node.crt, key: /etc/hale/node.key}}\n"
    assert findings_of(way + HEALERS) == ()


@pytest.mark.parametrize(
    "when",
    [
        "ends: 2026-12-24T00:00:00Z",
        "days: [sat, sun]",
        "hours: 01:00-05:00",
        "days: [sun], starts: 2026-11-24T00:00:00Z, ends: 2026-12-02T00:00:00Z",
    ],
)
def test_a_window_that_opens_and_closes_is_no_finding(when: str) -> None:
    assert findings_of(f"{SOUND}maintenance: {{m: {{reason: x, {when}}}}}\n") == ()


@pytest.mark.parametrize("host", ["*", "10.0.0.100", "127.0.0.1", "0.0.0.0", "[::]", "[::1]"])
def test_every_balancer_can_listen_here(host: str) -> None:
    text = TIER.replace("port: 80,", f'port: 80, listen: "{host}:80",')
    assert findings_of(text) == ()


def test_three_members_on_control_nodes_with_tls_and_a_user_have_no_finding() -> None:
    endpoints = f"{MEMBER}, {OTHER}, {OTHER.replace('etcd.', 'etcd2.')}"
    text = SOUND.replace(
        "mode: act", f"mode: act\n  store: {{etcd: {{endpoints: [{endpoints}], {SIGNED}}}}}"
    )
    assert findings_of(text) == ()


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_member_too_few_or_too_many_for_the_store_is_found(count: int) -> None:
    endpoints = ", ".join(f'"https://etcd{number}.example:2379"' for number in range(count))
    text = SOUND.replace(
        "mode: act", f"mode: act\n  store: {{etcd: {{endpoints: [{endpoints}], {SIGNED}}}}}"
    )
    assert [finding.code for finding in findings_of(text)] == [Code.FEW_STORE_MEMBERS]


@pytest.mark.parametrize("network", ["10.0.0.5", "10.0.0.0/28", "8.8.8.8", '"2001:4860::8/128"'])
def test_a_proxys_own_address_is_trusted_without_a_finding(network: str) -> None:
    assert findings_of(SOUND.replace("mode: act", PROXY % network)) == ()


def test_a_network_that_is_trusted_too_far_is_found_at_its_own_place() -> None:
    (found,) = findings_of(SOUND.replace("mode: act", PROXY % "10.0.0.5, 10.1.0.0/16"))
    assert found.path == ("healer", "proxy", "trusted", 1)
    assert str(found).startswith(f"cluster.yml:{found.line}:{found.column}: HC059 warning: healer.")
    assert found.column > len("  proxy: {trusted: [")


def test_a_finding_stands_at_its_line() -> None:
    every = findings_of(SOUND.replace("rack-c", "rack-b"))
    (found,) = (finding for finding in every if finding.code is Code.ONE_DOMAIN)
    assert (found.line, found.column) == (8, 9)
    assert str(found).startswith(
        "cluster.yml:8:9: HC003 warning: groups.web.nodes: all nodes of web"
    )


def test_a_loss_that_nobody_could_tell_of_is_found_once_for_each_domain() -> None:
    racks = "failure_domains: {feed: {nodes: [web1, web2]}, hall: {nodes: [web1, web2, mon1]}}\n"
    found = findings_of(racks + SOUND.replace("rack-c", "rack-b"))
    unseen = [finding for finding in found if finding.code is Code.UNSEEN_LOSS]
    assert sorted(finding.reason.split(" watches")[0] for finding in unseen) == [
        "nobody outside of feed",
        "nobody outside of rack-b",
    ]
    assert exit_status(found) == 1


def test_one_node_more_outside_and_the_loss_is_seen() -> None:
    two = SOUND.replace("rack-c", "rack-b")
    four = two.replace(
        "groups:\n  control: {nodes: [mon1]",
        "  mon2: {address: 10.0.0.13, failure_domain: rack-a}\ngroups:\n  control: {nodes: [mon1, mon2]",
    )
    assert Code.UNSEEN_LOSS in {finding.code for finding in findings_of(two)}
    assert Code.UNSEEN_LOSS not in {finding.code for finding in findings_of(four)}


def test_the_watchdog_may_be_younger_where_prometheus_repeats_it_sooner() -> None:
    text = SOUND.replace("mode: act", "mode: act\n  guards: {sees_enough: {watchdog: 1m}}")
    sooner = text.replace("  deadman:", "  resend_delay: 5s\n  deadman:")
    assert Code.DEAF_WATCHDOG in {finding.code for finding in findings_of(text)}
    assert Code.DEAF_WATCHDOG not in {finding.code for finding in findings_of(sooner)}


@pytest.mark.parametrize(("wait", "found"), [("62s", True), ("63s", False)])
def test_a_second_witness_is_slow_beside_the_node_downs_own_wait(wait: str, found: bool) -> None:
    text = f"exporter: {{peer_interval: 21s}}\n{SOUND}".replace(
        "  deadman:", f"  for: {{NodeDown: {wait}}}\n  deadman:"
    )
    assert (Code.SLOW_WITNESS in {finding.code for finding in findings_of(text)}) is found


def test_the_packaged_node_down_waits() -> None:
    waits = {alert.name: alert.wait for alert in alerts(rule_files())}
    assert (waits["NodeDown"], waits["ServiceDown"]) == (60.0, 0.0)


def test_an_alert_needs_a_ladder_that_is_here_and_a_runbook() -> None:
    odd = Alert("DiskFull", "disks.yml", "free-dsk", "warning")
    silent = Alert("Silent", "disks.yml", "", "warning")
    subject = Subject(interpret(SOUND, "c.yml"), (*ALERTS, odd, silent), frozenset({"NodeDown"}))
    found = [(f.code, f.reason.split(" ")[0]) for f in check(subject)]
    assert (Code.UNKNOWN_LADDER, "DiskFull") in found
    assert (Code.UNKNOWN_LADDER, "Silent") in found
    assert (Code.NO_RUNBOOK, "ServiceDown") in found
    assert (Code.NO_RUNBOOK, "NodeDown") not in found


def test_every_code_is_found_by_some_test() -> None:
    elsewhere = {Code.UNKNOWN_LADDER, Code.NO_RUNBOOK, Code.STORM_UNSEEN}
    assert {code for _, code, *_ in WEAKNESSES} | elsewhere == set(Code)


def test_a_network_that_fails_is_told_from_nodes_only_by_failure_domains() -> None:
    one = re.sub("rack-[a-c]", "rack-a", SOUND)
    assert Code.STORM_UNSEEN in {finding.code for finding in findings_of(one)}
    many = SOUND.replace("mode: act", "mode: act\n  guards: {no_storm: {targets: 100}}")
    assert Code.STORM_UNSEEN in {finding.code for finding in findings_of(many)}
    assert Code.STORM_UNSEEN not in {finding.code for finding in findings_of(SOUND)}
    # Of two nodes there is no storm to see.
    assert Code.STORM_UNSEEN not in {finding.code for finding in findings_of(SHORT)}


def test_codes_are_numbered_without_repeating() -> None:
    words = [code.word for code in Code]
    assert words == sorted(set(words))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: str(path.parent.name))
def test_no_scenario_has_an_error(path: Path) -> None:
    found = check(Subject(read(path), alerts(rule_files()), runbooks()))
    assert [str(f) for f in found if f.code.severity is Severity.ERROR] == []


@pytest.mark.parametrize("text", [SHORT, TIER.replace(", manage: true", ""), WIDE])
def test_findings_come_in_the_order_of_the_file(text: str) -> None:
    lines = [finding.line for finding in findings_of(text)]
    assert lines
    assert lines == sorted(lines)


def test_the_exit_status_is_the_worst_findings() -> None:
    info = findings_of(SOUND.replace("mode: act", "mode: explain"))
    warning = findings_of(SOUND.replace("rack-c", "rack-b"))
    error = findings_of(SOUND.replace("{address}", "10.0.0.11"))
    assert [exit_status(found) for found in (info, warning, info + error)] == [0, 1, 2]


def test_the_manual_explains_every_code_with_its_severity() -> None:
    page = (ROOT / "docs/cluster.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (HC\d{3}) \| (\w+) \| (.+) \| (.+) \|$", page, re.MULTILINE)
    assert [row[:2] for row in rows] == [(code.word, code.severity.value) for code in Code]
    assert all(reason.strip() and remedy.strip() for _, _, reason, remedy in rows)
