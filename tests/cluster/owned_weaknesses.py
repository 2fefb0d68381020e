"""Weaknesses of what others own, databases to backups, as tests/cluster/weaknesses.py has them."""

from cluster.finding import Code
from tests.cluster.examples import DATABASE

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
    (
        Code.BACKUP_STARTS_ALONE,
        "nginx: {unit: nginx.service, group: web,",
        "nginx: {unit: nginx.service, group: web, exclusive: true,",
        "nginx runs on one node at a time",
    ),
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
