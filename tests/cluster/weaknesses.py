"""Weaknesses that `hale-cluster check` finds: what is changed in a sound file, and what the finding has to name."""

from cluster.finding import Code
from tests.cluster.examples import BACKUP, DATABASE, HEALERS, PACED, PAIR, REDIS, SOUND, TIER
from tests.cluster.owned_weaknesses import (
    BACKUP_CASES,
    DATABASE_CASES,
    PACED_CASES,
    PAIR_CASES,
    REDIS_CASES,
    STANZA_CASES,
)

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
        Code.OPEN_FLEET_LOCK,
        "  tls: {cert: /etc/hale/healer.crt, key: /etc/hale/healer.pem}\n",
        "  tls: {cert: /etc/hale/healer.crt, key: /etc/hale/healer.pem}\n  fleet_lock: {within: 30m}\n",
        "any user of a node can have it taken out of service",
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

WEAKNESSES = [
    (text, *case)
    for text, cases in (
        (SOUND, CASES),
        (TIER, TIER_CASES),
        (HEALERS, HEALERS_CASES),
        (REDIS, REDIS_CASES),
        (DATABASE, DATABASE_CASES),
        (PAIR, PAIR_CASES),
        (PACED, PACED_CASES),
        (BACKUP, BACKUP_CASES),
        (DATABASE, STANZA_CASES),
    )
    for case in cases
]
"""A sound file, the code, what is replaced in the file, by what, and what the reason must name."""
