"""What a person does at a lab: the calls of the fault, and of its undoing."""

from lab.faults.person_close import CLOSE

ROWS = [
    (
        "person.maintain",
        {"target": "web2"},
        ["/opt/hale/bin/hale-healer maintenance start web2 --reason drill"],
        ["/opt/hale/bin/hale-healer maintenance end web2"],
    ),
    (
        "person.maintain",
        {"target": "web2", "do": "end"},
        ["/opt/hale/bin/hale-healer maintenance end web2"],
        [],
    ),
    (
        "alert.forge",
        {"labels": "alertname=A node=web9"},
        ["amtool alert add --alertmanager.url=http://127.0.0.1:9093 alertname=A node=web9"],
        [
            "date --utc +%Y-%m-%dT%H:%M:%SZ",
            "amtool alert add --alertmanager.url=http://127.0.0.1:9093 --end=T "
            "alertname=A node=web9",
        ],
    ),
    (
        "gate.drain",
        {"member": "web/web1"},
        ["hale-gate drain web/web1"],
        ["hale-gate return web/web1"],
    ),
    ("gate.decline", {"address": "vip"}, ["hale-gate decline vip"], ["hale-gate accept vip"]),
    (
        "haproxy.set",
        {"server": "web/web1"},
        ["python3 /run/haproxy/admin.sock web/web1 drain"],
        ["hale-gate return --all web/web1"],
    ),
    ("gate.hold", {}, ["hale-gate hold drill --for 2h"], ["hale-gate release"]),
    (
        "person.close",
        {"target": "web2", "reason": "new disk"},
        [f"sh -ec {CLOSE} sh web2 new disk"],
        [],
    ),
    ("person.admit", {"back": "web2"}, ["/opt/hale/bin/hale-healer admit web2"], []),
    (
        "node.ask_lock",
        {"healer": "mon1:9595", "wants": ""},
        ["python3 http://mon1:9595/v1/pre-reboot"],
        ["python3 http://mon1:9595/v1/steady-state"],
    ),
    (
        "person.roll",
        {"group": "web"},
        ["/opt/hale/bin/hale-healer roll web --soak 5s"],
        [
            "/opt/hale/bin/hale-healer roll web --do stop",
            "/opt/hale/bin/hale-healer roll web --do end",
            "/opt/hale/bin/hale-healer status --output json",
        ],
    ),
    (
        "person.failover",
        {"master": "cache"},
        ["sh cache", "redis-cli -p 26379 SENTINEL FAILOVER cache"],
        [],
    ),
    ("pacemaker.move", {"resource": "archive"}, ["sh archive web1"], []),
    (
        "person.approve",
        {"target": "web1/old"},
        [
            "/opt/hale/bin/hale-healer incidents --output json",
            "/opt/hale/bin/hale-healer approve 7",
        ],
        [],
    ),
    (
        "person.adopt",
        {"target": "web1/old"},
        [
            "/opt/hale/bin/hale-healer incidents --output json",
            "/opt/hale/bin/hale-healer adopt 7",
        ],
        [],
    ),
]
