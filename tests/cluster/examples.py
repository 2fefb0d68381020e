"""Cluster files that several tests start from."""

# One node watches, acts and calls people: how most of the files end.
WATCHED = """\
healer:
  node: mon1
  mode: act
  escalate: {url: "https://pager.example/second"}
  webhook: {bearer_file: /etc/hale/webhook_token}
  tls: {cert: /etc/hale/healer.crt, key: /etc/hale/healer.pem}
monitoring:
  nodes: [mon1]
  receivers: {people: {url: "https://pager.example/first"}, tickets: {url: "https://desk.example/"}}
  deadman: {url: "https://deadman.example/hale"}
"""

# Nothing to find in it: every test of a finding changes one thing.
SOUND = (
    """\
cluster: sound
nodes:
  mon1: {address: 10.0.0.10, failure_domain: rack-a}
  web1: {address: 10.0.0.11, failure_domain: rack-b}
  web2: {address: 10.0.0.12, failure_domain: rack-c}
groups:
  control: {nodes: [mon1], role: control}
  web: {nodes: [web1, web2], min_available: 1}
services:
  nginx: {unit: nginx.service, group: web, probe: {http: "http://{address}/"}}
"""
    + WATCHED
)

# The least that anyone has to write.
SHORT = """\
cluster: short
nodes: {a: {address: 10.0.0.1}, b: {address: 10.0.0.2}}
groups: {control: {nodes: [a], role: control}, web: {nodes: [b]}}
services: {site: {unit: site.service, group: web}}
healer: {node: a}
monitoring: {nodes: [a]}
"""

# Two balancers that hold an address, and three members behind them; nothing to find in it either.
TIER = (
    """\
cluster: tier
nodes:
  mon1: {address: 10.0.0.10, failure_domain: rack-a}
  lb1: {address: 10.0.0.21, failure_domain: rack-a}
  lb2: {address: 10.0.0.22, failure_domain: rack-b}
  web1: {address: 10.0.0.31, failure_domain: rack-a}
  web2: {address: 10.0.0.32, failure_domain: rack-b}
  web3: {address: 10.0.0.33, failure_domain: rack-c}
groups:
  control: {nodes: [mon1], role: control}
  lb: {nodes: [lb1, lb2]}
  web: {nodes: [web1, web2, web3]}
services:
  haproxy: {unit: haproxy.service, group: lb, probe: {http: "http://127.0.0.1:8404/health"}}
  nginx:
    unit: nginx.service
    group: web
    probe: {http: "http://{address}/"}
    reclaim:
      - {path: /data/cache, match: "*.tmp", older_than: 1h}
virtual_addresses:
  vip: {address: 10.0.0.100, prefix: 24, group: lb, interface: eth0, router_id: 51, manage: true}
pools:
  web: {balancers: lb, members: web, service: nginx, port: 80, manage: true}
"""
    + WATCHED
)

# Two nodes, of which one may run the service, and a third one that cuts the power of either.
PAIR = (
    SOUND.replace(
        "  web1: {address: 10.0.0.11, failure_domain: rack-b}",
        "  web1: {address: 10.0.0.11, failure_domain: rack-b, power: pdu}",
    )
    .replace(
        "  web2: {address: 10.0.0.12, failure_domain: rack-c}\ngroups:",
        """\
  web2: {address: 10.0.0.12, failure_domain: rack-c, power: pdu}
power:
  pdu:
    agent: /usr/sbin/fence_apc
    hosts: [mon1, web1, web2]
    options: {ip: 10.0.0.9, username: hale}
    secrets: /etc/hale/power/pdu
    plugs: {web1: "1", web2: "2"}
groups:""",
    )
    .replace("group: web, probe", "group: web, exclusive: true, probe")
)

# Two racks, two monitoring nodes, IPv6, names that YAML or a regular expression could misread.
WIDE = """\
cluster: wide
nodes:
  "010": {address: "2001:db8::10", failure_domain: "1e3"}
  mon.b: {address: "2001:db8::11", failure_domain: rack-b}
  db1: {address: db1.example, failure_domain: "1e3", power: pdu-7}
  db2: {address: "2001:db8::22", failure_domain: rack-b}
  db3: {address: "2001:db8::23", failure_domain: rack-b}
power:
  pdu-7:
    agent: /usr/sbin/fence_apc_snmp
    hosts: ["010", db3]
    options: {ip: "2001:db8::7", snmp_version: "3"}
    secrets: /etc/hale/power/pdu-7
    plugs: {db1: "7"}
groups:
  control: {nodes: ["010", mon.b], role: control}
  "db.main": {nodes: [db1, db2, db3], votes: true}
  "off": {nodes: [db3, db2], mode: explain, min_available: 1}
services:
  postgres:
    unit: postgresql@15-main.service
    group: db.main
    probe: {tcp: "{address}:5432", interval: 10s, timeout: 1500ms}
    native_restart: {limit: 5}
  redis:
    unit: redis.service
    group: "off"
    probe: {command: [/usr/bin/redis-cli, -h, "{address}", "it's \\"quoted\\""]}
    depends_on: [postgres]
healer: {node: "010", mode: act, gate_spacing: {service.restart: 1500ms}}
monitoring:
  nodes: ["010", mon.b]
  dashboards: https://grafana.example/d
  for: {DiskFull: 90s}
exporter: {peers: 3}
"""

# Three members of a database behind two balancers, and one node that watches; nothing to find in it either.
DATABASE = (
    """\
cluster: database
nodes:
  mon1: {address: 10.0.0.10, failure_domain: rack-a}
  lb1: {address: 10.0.0.21, failure_domain: rack-a}
  lb2: {address: 10.0.0.22, failure_domain: rack-b}
  db1: {address: 10.0.0.31, failure_domain: rack-a}
  db2: {address: 10.0.0.32, failure_domain: rack-b}
  db3: {address: 10.0.0.33, failure_domain: rack-c}
groups:
  control: {nodes: [mon1], role: control}
  lb: {nodes: [lb1, lb2]}
  db: {nodes: [db1, db2, db3]}
services:
  haproxy: {unit: haproxy.service, group: lb, probe: {http: "http://127.0.0.1:8404/health"}}
  postgres: {unit: patroni.service, group: db, probe: {http: "http://{address}:8008/health"}}
databases:
  main:
    group: db
    service: postgres
    credentials: /etc/hale/patroni/main
    synchronous: true
    front: {balancers: lb, primary: "*:5432", replicas: "*:5433", manage: true}
    manage: true
    secrets: /etc/hale/patroni/main.yml
    watchdog: required
    etcd:
      endpoints: ["https://10.0.0.31:2379", "https://10.0.0.32:2379", "https://10.0.0.33:2379"]
      ca: /etc/hale/etcd/ca.pem
      cert: /etc/hale/etcd/patroni.pem
      key: /etc/hale/etcd/patroni.key
      manage: true
    postgresql: {clients: [10.0.1.0/24], parameters: {shared_buffers: 4GB, max_connections: 200}}
    backup:
      repository: /mnt/backup/pgbackrest
      mount: /mnt/backup
      secrets: /etc/hale/backup/main.conf
      key_kept: the safe in the office
      schedule: {at: "01:30", spread: 10m}
      recovery_point: 5m
      recovery_time: 1h
      keep: {full: 4, differential: 7}
      drill: {schedule: {at: "04:30"}, period: 2d}
"""
    + WATCHED
)

# A Redis with two replicas under Sentinel, and one node that watches; nothing to find in it either.
REDIS = (
    """\
cluster: redis
nodes:
  mon1: {address: 10.0.0.10, failure_domain: rack-a}
  r1: {address: 10.0.0.41, failure_domain: rack-a}
  r2: {address: 10.0.0.42, failure_domain: rack-b}
  r3: {address: 10.0.0.43, failure_domain: rack-c}
groups:
  control: {nodes: [mon1], role: control}
  cache: {nodes: [r1, r2, r3]}
  watch: {nodes: [r1, r2, r3], votes: true}
services:
  redis: {unit: redis-server.service, group: cache, probe: {tcp: "{address}:6379"}}
  sentinel: {unit: redis-sentinel.service, group: watch, probe: {tcp: "{address}:26379"}}
sentinels:
  cache: {group: cache, service: redis, watch: sentinel, passwords: /etc/redis/passwords.conf, manage: true}
"""
    + WATCHED
)

# Two nodes of which Pacemaker says who serves, and one that watches; nothing to find in it either.
PACED = (
    """\
cluster: paced
nodes:
  mon1: {address: 10.0.0.10, failure_domain: rack-a}
  s1: {address: 10.0.0.51, failure_domain: rack-b}
  s2: {address: 10.0.0.52, failure_domain: rack-c}
groups:
  control: {nodes: [mon1], role: control}
  store: {nodes: [s1, s2], role: storage}
services:
  share: {unit: nfs-server.service, group: store, exclusive: true, probe: {tcp: "{address}:2049"}}
pacemakers:
  store: {group: store, resources: {nfs: share}}
"""
    + WATCHED
)

# Three healers on one etcd, two of which watch; nothing to find in it either.
HEALERS = """\
cluster: healers
nodes:
  mon1: {address: 10.0.0.11, failure_domain: rack-a}
  mon2: {address: 10.0.0.12, failure_domain: rack-b}
  mon3: {address: 10.0.0.13, failure_domain: rack-c}
  web1: {address: 10.0.0.21, failure_domain: rack-a}
  web2: {address: 10.0.0.22, failure_domain: rack-b}
groups:
  control: {nodes: [mon1, mon2, mon3], role: control}
  web: {nodes: [web1, web2], min_available: 1}
services:
  nginx: {unit: nginx.service, group: web, probe: {http: "http://{address}/"}}
healer:
  nodes: [mon1, mon2, mon3]
  mode: act
  store:
    etcd:
      endpoints: ["https://10.0.0.11:2379", "https://10.0.0.12:2379", "https://10.0.0.13:2379"]
      ca: /etc/hale/etcd/ca.pem
      cert: /etc/hale/etcd/healer.pem
      key: /etc/hale/etcd/healer.key
      manage: true
  escalate: {url: "https://pager.example/second"}
  webhook: {bearer_file: /etc/hale/webhook_token}
  tls: {cert: /etc/hale/healer.crt, key: /etc/hale/healer.pem}
monitoring:
  nodes: [mon1, mon2]
  tls:
    cert: /etc/hale/alertmanager.crt
    key: /etc/hale/alertmanager.pem
    client_ca: /etc/hale/ca.crt
    ca: /etc/hale/ca.crt
    client_cert: /etc/hale/monitoring.crt
    client_key: /etc/hale/monitoring.pem
  journal: {ca: /etc/hale/ca.crt, cert: /etc/hale/journal.crt, key: /etc/hale/journal.pem, max_size: 2GiB}
  receivers: {people: {url: "https://pager.example/first"}, tickets: {url: "https://desk.example/"}}
  deadman: {url: "https://deadman.example/hale"}
"""

# One node whose files are backed up elsewhere, drilled and put back by its gate; nothing to find in it either.
BACKUP = (
    """\
cluster: backup
nodes:
  mon1: {address: 10.0.0.10, failure_domain: rack-a}
  web1: {address: 10.0.0.11, failure_domain: rack-b}
  web2: {address: 10.0.0.12, failure_domain: rack-c}
groups:
  control: {nodes: [mon1], role: control}
  web: {nodes: [web1, web2], min_available: 1}
services:
  nginx: {unit: nginx.service, group: web, probe: {http: "http://{address}/"}}
time_zone: Europe/Vienna
backups:
  site:
    group: web
    paths: [/srv/site]
    excludes: ["*.tmp", /srv/site/cache]
    repository: /mnt/backup/site
    mount: /mnt/backup
    password_file: /etc/hale/backup/site.key
    key_kept: the safe in the office
    schedule: {every: 1h, spread: 5m}
    recovery_point: 3h
    recovery_time: 15m
    keep: {last: 24, daily: 7}
    check: {schedule: {at: "03:30", days: [sat, sun]}, parts: 4}
    drill: {schedule: {every: 1h}, period: 6h}
    service: nginx
    restore: true
"""
    + WATCHED
)
