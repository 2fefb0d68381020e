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

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "scenarios").glob("*/cluster.yml"))

ALERTS = (
    Alert("ServiceDown", "services.yml", "restart-service", "critical"),
    Alert("NodeDown", "nodes.yml", "none", "critical", wait=60.0),
)
RUNBOOKS = frozenset({"ServiceDown", "NodeDown"})

RUNG = "ladders: {l: {rungs: [{action: service.restart, %s}]}}\n"
THIRD = "nodes: [web1, web2, web3]"

MEMBER = '"https://10.0.0.10:2379"'
ON_WEB1 = '"https://10.0.0.11:2379"'
OTHER = '"https://etcd.example:2379"'
PLAIN = '"http://10.0.0.10:2379"'
SIGNED = "user: hale, password_file: /etc/hale/etcd"

PROXY = "mode: act\n  proxy: {trusted: [%s], user_header: X-User, role_header: X-Role}"

# The 29th of November 2026 is a Sunday.
SUNDAY = "reason: x, nodes: [web1], starts: 2026-11-29T00:00:00Z, ends: 2026-11-29T22:00:00Z"

# The code, what is replaced in SOUND, by what, and what the reason must name.
CASES = [
    (Code.NO_ROOM, "nodes: [web1, web2], min_available: 1", "nodes: [web1]", "web1 is alone"),
    (Code.NO_FLOOR, "min_available: 1", "min_available: 0", "all 2 nodes of web"),
    (Code.ONE_DOMAIN, "rack-c", "rack-b", "rack-b"),
    (Code.NO_DOMAIN, ", failure_domain: rack-c", "", "web2 names no failure domain"),
    (
        Code.NO_GROUP,
        "groups:",
        "  spare: {address: 10.0.0.13, failure_domain: d}\ngroups:",
        "spare",
    ),
    (Code.CONTROL_SERVES, "nodes: [web1, web2]", "nodes: [web1, web2, mon1]", "part in web"),
    (Code.HEALER_NOT_CONTROL, "  node: mon1", "  node: web1", "web1 is in no group with role"),
    (Code.MONITOR_NOT_CONTROL, "[mon1]\n  rec", "[mon1, web2]\n  rec", "web2"),
    (Code.HOST_NAME, "10.0.0.12", "web2.example", "web2.example is a host name"),
    (Code.NO_PROBE, ', probe: {http: "http://{address}/"}', "", "nginx has no probe"),
    (Code.PROBE_ELSEWHERE, "{address}", "10.0.0.11", "every node of web would probe 10.0.0.11"),
    (
        Code.CLOSED_CERTIFICATE,
        "group: web,",
        "group: web, certificates: [/etc/ssl/web.pem, /etc/letsencrypt/live/x/cert.pem],",
        "/etc/letsencrypt/live/x/cert.pem lies in a folder",
    ),
    (
        Code.PROBE_ELSEWHERE,
        'probe: {http: "http://{address}/"}',
        'probe: {tls: "10.0.0.11:443"}',
        "every node of web would probe 10.0.0.11",
    ),
    (
        Code.NEVER_GIVES_UP,
        "group: web,",
        "group: web, native_restart: {limit: 3, within: 1m, wait: 20s},",
        "1m",
    ),
    (Code.SLOW_PROBE, '"http://{address}/"', '"http://{address}/", interval: 1m, fall: 3', "3m"),
    (
        Code.UNSEEN_LOSS,
        "groups:",
        "failure_domains: {feed: {nodes: [web1, web2]}}\ngroups:",
        "nobody outside of feed watches both web1 and another node outside",
    ),
    (Code.SLOW_WITNESS, "monitoring:\n", "exporter: {peer_interval: 21s}\nmonitoring:\n", "63s"),
    (Code.OWNER_HURRIED, "group: web,", "group: web, native_restart: {wait: 15s},", "(10s)"),
    (Code.NO_DEADMAN, '  deadman: {url: "https://deadman.example/hale"}\n', "", "dead man"),
    (Code.NO_PEOPLE, 'people: {url: "https://pager.example/first"}, ', "", "people"),
    (Code.NO_TICKETS, ', tickets: {url: "https://desk.example/"}', "", "tickets"),
    (Code.NO_VOTE_TO_SPARE, "min_available: 1", "min_available: 1, votes: true", "2 of 2 voters"),
    (Code.NO_SECOND_PATH, '  escalate: {url: "https://pager.example/second"}\n', "", "second path"),
    (Code.SAME_PATH, "/second", "/first", "pager.example"),
    (Code.UNKNOWN_ALERT, "  deadman:", "  for: {NodeDwn: 4s}\n  deadman:", "NodeDwn"),
    (Code.NEVER_ACTS, "mode: act", "mode: explain", "only explains"),
    (
        Code.WIDE_PROXY,
        "mode: act",
        PROXY % "10.0.0.0/28, 10.0.0.8/29, 10.0.0.0/27",
        "of 10.0.0.0/27",
    ),
    (Code.WIDE_PROXY, "mode: act", PROXY % "10.0.0.0/24", "256 addresses of 10.0.0.0/24 is"),
    (Code.WIDE_PROXY, "mode: act", PROXY % "10.0.0.0/24", "say, mon1, web1, web2 too"),
    (Code.WIDE_PROXY, "mode: act", PROXY % '"fd00::/64"', "whoever they say."),
    (Code.PUBLIC_PROXY, "mode: act", PROXY % "8.8.0.0/16", "8.8.0.0/16 is a public network"),
    (Code.PUBLIC_PROXY, "mode: act", PROXY % '"2000::/8"', "2000::/8 is a public network"),
    (Code.SLOW_SCRAPE, "  deadman:", "  evaluation_interval: 5s\n  deadman:", "every 5s"),
    (Code.SLOW_GROUP, "  deadman:", "  group_interval: 10s\n  deadman:", "10s"),
    (
        Code.SHORT_INTERVAL,
        "  deadman:",
        "  scrape_interval: 2s\n  deadman:",
        "2s is good for a demonstration",
    ),
    (Code.STALE_EVIDENCE, "mode: act", "mode: act\n  guards: {still_true: {max_age: 20s}}", "20s"),
    (Code.DEAF_WATCHDOG, "mode: act", "mode: act\n  guards: {sees_enough: {watchdog: 1m}}", "1m"),
    (Code.SHORT_VERIFY, "monitoring:\n", RUNG % "verify: {within: 40s}" + "monitoring:\n", "45s"),
    (Code.SPACING_ABOVE_WAIT, "monitoring:\n", RUNG % "wait: 5s" + "monitoring:\n", "keeps 30s"),
    (Code.IMPATIENT, "  deadman:", "  patience: 20s\n  deadman:", "told after 20s"),
    (
        Code.FEW_STORE_MEMBERS,
        "mode: act",
        f"mode: act\n  store: {{etcd: {{endpoints: [{MEMBER}], {SIGNED}}}}}",
        "of 1 etcd member(s) 0 may be lost",
    ),
    (
        Code.STORE_NOT_CONTROL,
        "mode: act",
        f"mode: act\n  store: {{etcd: {{endpoints: [{MEMBER}, {ON_WEB1}, {OTHER}], {SIGNED}}}}}",
        "web1 is in no group with role control",
    ),
    (
        Code.STORE_OF_DATABASE,
        "}}\nhealer:\n",
        f"}}, stores: database}}\nhealer:\n  store: {{etcd: {{endpoints: [{ON_WEB1}], {SIGNED}}}}}\n",
        "web1 has the service nginx too",
    ),
    (
        Code.STORE_WITHOUT_TLS,
        "mode: act",
        f"mode: act\n  store: {{etcd: {{endpoints: [{PLAIN}], {SIGNED}}}}}",
        "the journal and the password can be read",
    ),
    (
        Code.STORE_OPEN,
        "mode: act",
        f"mode: act\n  store: {{etcd: {{endpoints: [{MEMBER}]}}}}",
        "neither user nor cert",
    ),
    (
        Code.OPEN_WEBHOOK,
        "  webhook: {bearer_file: /etc/hale/webhook_token}\n",
        "",
        "from whoever reaches the port",
    ),
    (
        Code.PLAIN_FLEET_LOCK,
        "  tls: {cert: /etc/hale/healer.crt, key: /etc/hale/healer.pem}\n",
        "  fleet_lock: {basic: {username: zincati, password_file: /etc/hale/fleet_lock}}\n",
        "show their password without TLS",
    ),
    (
        Code.PLAIN_WEBHOOK,
        "  tls: {cert: /etc/hale/healer.crt, key: /etc/hale/healer.pem}\n",
        "",
        "whoever listens has it",
    ),
    (
        Code.OPEN_ALERTMANAGER,
        "  nodes: [mon1]\n  receivers",
        "  nodes: [mon1]\n  alertmanagers: ['http://10.0.0.10:9093']\n  receivers",
        "whoever reaches its port",
    ),
    (
        Code.ENDLESS_MAINTENANCE,
        "healer:\n",
        "maintenance: {old: {reason: in parts}}\nhealer:\n",
        "old is open at every hour, so nothing is ever repaired.",
    ),
    (
        Code.ENDLESS_MAINTENANCE,
        "healer:\n",
        "maintenance: {old: {reason: x, groups: [control, web], starts: 2026-12-01T00:00:00Z}}\nhealer:\n",
        "so nothing is ever repaired from 2026-12-01T00:00:00Z on.",
    ),
    (
        Code.ENDLESS_MAINTENANCE,
        "healer:\n",
        "maintenance: {old: {reason: x, nodes: [web1], groups: [control]}}\nhealer:\n",
        "so nothing of web1, group control is ever repaired.",
    ),
    (
        Code.NO_MAINTENANCE,
        "healer:\n",
        f"maintenance: {{old: {{{SUNDAY}, days: [fri]}}}}\nhealer:\n",
        "none of its days and hours lies between starts and ends, so old never opens",
    ),
    (
        Code.SHORT_WAY_TO_LOOPBACK,
        "monitoring:\n",
        "exporter: {short_way: {}}\nmonitoring:\n",
        "only the monitoring node itself reaches http://127.0.0.1:9093",
    ),
    (Code.FEW_WITNESSES, "monitoring:\n", "exporter: {peers: 1}\nmonitoring:\n", "1 others"),
]

ENTRY = '{path: /data/cache, match: "*.tmp", older_than: 1h}'

# The same of TIER.
TIER_CASES = [
    (Code.ONE_CANDIDATE, "lb: {nodes: [lb1, lb2]}", "lb: {nodes: [lb1]}", "lb1 is the only"),
    (Code.UNCHECKED_ADDRESS, "port: 80, manage: true", "port: 80", "keeps vip"),
    (Code.OTHER_NETWORK, "10.0.0.100", "10.0.1.100", "not in the network of lb1"),
    (Code.ADDRESS_HURRIED, "router_id: 51,", "router_id: 51, advert_interval: 3s,", "up to 12s"),
    (Code.FOREIGN_KEEPALIVED, "router_id: 51, manage: true", "router_id: 51", "nopreempt"),
    (Code.FOREIGN_HAPROXY, "port: 80, manage: true", "port: 80", "/run/haproxy/admin.sock"),
    (
        Code.DOMAIN_TOO_LARGE,
        "10.0.0.32, failure_domain: rack-b",
        "10.0.0.32, failure_domain: rack-a",
        "without rack-a 1 of 3",
    ),
    (
        Code.SHARED_DOMAINS,
        "10.0.0.33, failure_domain: rack-c",
        "10.0.0.33, failure_domain: rack-b",
        "each loss takes both",
    ),
    (
        Code.UNWATCHED_BALANCER,
        "unit: haproxy.service,",
        "unit: other.service,",
        "haproxy.service on lb1",
    ),
    (
        Code.PLAIN_CHECK,
        'probe: {http: "http://{address}/"}',
        'probe: {tcp: "{address}:80"}',
        "accept",
    ),
    (Code.RECLAIMS_ALL, ENTRY, ENTRY.replace("*.tmp", "*"), "any file below /data/cache"),
    (
        Code.NESTED_RECLAIM,
        ENTRY,
        f"{ENTRY}\n      - {{path: /data/cache/a, match: '*.gz', older_than: 1d, keep: 3}}",
        "by the entry of /data/cache",
    ),
    (Code.LISTENS_ELSEWHERE, "port: 80,", 'port: 80, listen: "10.0.0.21:80",', "address of lb2"),
    (Code.RECLAIM_ON_ROOT, "/data/cache", "/var/cache/nginx", "/var/cache/nginx is usually"),
]

# The same of HEALERS.
HEALERS_CASES = [
    (
        Code.HEALER_NOT_CONTROL,
        "control: {nodes: [mon1, mon2, mon3]",
        "control: {nodes: [mon1, mon2]",
        "mon3 is in no",
    ),
    (Code.STORE_NOT_CONTROL, "10.0.0.13:2379", "10.0.0.22:2379", "web2 is in no group"),
    (
        Code.STORE_IN_ONE_DOMAIN,
        "mon3: {address: 10.0.0.13, failure_domain: rack-c",
        "mon3: {address: 10.0.0.13, failure_domain: rack-b",
        "2 of 3 etcd members are in the failure domain rack-b",
    ),
    (
        Code.HEALERS_ONE_DOMAIN,
        "healer:\n  nodes: [mon1, mon2, mon3]\n",
        "healer:\n  nodes: [mon1, web1]\n",
        "all healers are in the failure domain rack-a",
    ),
    (
        Code.SHORT_WAY_UNKNOWN,
        "monitoring:\n",
        "exporter: {short_way: {ca: /etc/hale/ca.crt}}\nmonitoring:\n",
        "the exporters have none",
    ),
]


DATABASE_CASES = [
    (
        Code.FEW_DATABASE_MEMBERS,
        "db: {nodes: [db1, db2, db3]}",
        "db: {nodes: [db1, db2]}",
        "2 member(s)",
    ),
    (
        Code.FEW_DATABASE_MEMBERS,
        "db: {nodes: [db1, db2, db3]}",
        "db: {nodes: [db1]}",
        "nobody takes over",
    ),
    (
        Code.FEW_DATABASE_VOTERS,
        ', "https://10.0.0.33:2379"',
        "",
        "of 2 etcd member(s) 0 may be lost",
    ),
    (
        Code.DATABASE_VOTERS_TOGETHER,
        "db3: {address: 10.0.0.33, failure_domain: rack-c",
        "db3: {address: 10.0.0.33, failure_domain: rack-b",
        "2 of 3 etcd members are in rack-b",
    ),
    (
        Code.LOSES_WRITES,
        "synchronous: true",
        "max_lag: 2MiB",
        "up to 2MiB (maximum_lag_on_failover)",
    ),
    (Code.NO_WATCHDOG, "    watchdog: required\n", "", "stands still and goes on"),
    (
        Code.OPEN_PATRONI,
        "    credentials: /etc/hale/patroni/main\n",
        "",
        "whoever reaches port 8008",
    ),
    (
        Code.OPEN_DATABASE_ETCD,
        "      cert: /etc/hale/etcd/patroni.pem\n      key: /etc/hale/etcd/patroni.key\n",
        "",
        "without cert and key whoever reaches",
    ),
    (
        Code.FOREIGN_PATRONI,
        DATABASE[DATABASE.index("    manage: true\n    secrets") : DATABASE.index("healer:\n")],
        "",
        "does not read /var/lib/hale-gate/bar/main.yml",
    ),
]


REDIS_CASES = [
    (
        Code.FEW_SENTINELS,
        "cache: {nodes: [r1, r2, r3]}\n  watch: {nodes: [r1, r2, r3],",
        "cache: {nodes: [r1, r2]}\n  watch: {nodes: [r1, r2],",
        "of 2 Sentinel(s) 0 may be lost",
    ),
    (Code.LOW_QUORUM, "manage: true", "quorum: 1", "1 of 3 Sentinels may call the master gone"),
    (Code.SENTINELS_TOGETHER, "rack-b", "rack-c", "2 of 3 Sentinels are in rack-c"),
    (Code.WRITES_ALONE, "manage: true", "min_replicas: 0", "goes on taking writes"),
    (Code.OPEN_REDIS, "passwords: /etc/redis/passwords.conf, ", "", "whoever reaches Redis"),
]


# The same of PAIR.
PAIR_CASES = [
    (Code.EXCLUSIVE_UNFENCED, "[mon1, web1, web2]", "[web2]", "nobody can fence web2"),
    (Code.FENCERS_TOGETHER, "[mon1, web1, web2]", "[web1, web2]", "web2 may fail together with"),
    (Code.FENCERS_TOGETHER, "rack-a", "rack-b", "mon1 and web2 may fail together with web1"),
    (Code.OWN_FEED, "fence_apc", "fence_ipmilan", "pdu lives on the power of web1"),
    (Code.OWN_FEED, "hosts:", "own_feed: true\n    hosts:", "nginx waits for a person"),
    (Code.NEVER_FENCED, "[mon1, web1, web2]", "[web1]", "web1 is the only fencing host of pdu"),
    (Code.NEVER_FENCED, "[mon1]\n  rec", "[mon1, web1]\n  rec", "web1 is of the control plane"),
]


PDU = "power: {pdu: {agent: /usr/sbin/fence_apc, hosts: [mon1], secrets: /etc/hale/power/pdu, plugs: {s2: '1'}}}"
PACED_CASES = [
    (
        Code.FENCED_TWICE,
        "rack-c}",
        f"rack-c, power: pdu}}\n{PDU}",
        "Hale never cuts its power",
    ),
    (
        Code.STARTED_TWICE,
        "exclusive: true",
        "exclusive: true, native_restart: {restart: on-failure}",
        "beside Pacemaker, which runs it as nfs",
    ),
]


BACKUP_CASES = [
    (Code.BACKUP_BESIDE, "mount: /mnt/backup", "size_drop: 0.5", "lost with its disk"),
    (
        Code.SLOW_BACKUPS,
        "schedule: {every: 1h, spread: 5m}",
        "schedule: {every: 6h}",
        "6h lie between",
    ),
    (
        Code.NO_DRILL,
        "drill: {schedule: {every: 1h}, period: 6h}\n    service: nginx\n    restore: true",
        "service: nginx",
        "nothing ever restores it",
    ),
    (Code.SLOW_DRILLS, "period: 6h", "period: 1h", "a proof counts for 1h"),
    (
        Code.OLD_PROOFS,
        "drill: {schedule: {every: 1h}",
        "drill: {schedule: {every: 4h}",
        "may be of 5h ago",
    ),
    (Code.KEY_ON_HOSTS, "key_kept: the safe in the office", "size_drop: 0.5", "the only copy"),
    (Code.SLOW_CHECK, "parts: 4", "parts: 100", "read once in 600d"),
]

# Of the same database, how it is backed up.
STANZA_CASES = [
    (Code.BACKUP_BESIDE, "      mount: /mnt/backup\n", "", "lost with its disk"),
    (Code.SLOW_BACKUPS, "recovery_point: 5m", "recovery_point: 1m", "every 5m it is seen"),
    (
        Code.NO_DRILL,
        '      drill: {schedule: {at: "04:30"}, period: 2d}\n',
        "",
        "nothing ever restores",
    ),
    (Code.SLOW_DRILLS, "period: 2d", "period: 1d", "a proof counts for 1d"),
    (Code.KEY_ON_HOSTS, "key_kept: the safe in the office", "size_drop: 0.5", "main.conf may be"),
]


def findings_of(text: str) -> tuple[Finding, ...]:
    return check(Subject(interpret(text, "cluster.yml"), ALERTS, RUNBOOKS))


@pytest.mark.parametrize("text", [SOUND, TIER, HEALERS, DATABASE, REDIS, PAIR, PACED, BACKUP])
def test_a_sound_file_has_no_finding(text: str) -> None:
    assert findings_of(text) == ()
    assert exit_status(()) == 0


@pytest.mark.parametrize(
    ("text", "code", "old", "new", "names"),
    [(SOUND, *case) for case in CASES]
    + [(TIER, *case) for case in TIER_CASES]
    + [(HEALERS, *case) for case in HEALERS_CASES]
    + [(REDIS, *case) for case in REDIS_CASES]
    + [(DATABASE, *case) for case in DATABASE_CASES]
    + [(PAIR, *case) for case in PAIR_CASES]
    + [(PACED, *case) for case in PACED_CASES]
    + [(BACKUP, *case) for case in BACKUP_CASES]
    + [(DATABASE, *case) for case in STANZA_CASES],
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
    assert {
        case[0]
        for case in [
            *(*CASES, *TIER_CASES, *HEALERS_CASES),
            *(*REDIS_CASES, *PAIR_CASES, *PACED_CASES, *BACKUP_CASES, *DATABASE_CASES),
        ]
    } | elsewhere == set(Code)


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
