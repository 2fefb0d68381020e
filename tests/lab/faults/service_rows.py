"""What befalls a service and Hale's own: the calls of each fault, and of its undoing."""

UNIT = {"unit": "nginx.service"}
SLOW = "/run/systemd/system/nginx.service.d/50-hale-lab-slow-start.conf"
UNSTARTABLE = "/run/systemd/system/nginx.service.d/50-hale-lab-unstartable.conf"
GATES_GO_ON = "systemctl kill --signal=CONT --kill-whom=all hale-gate@*.service"
ROWS = [
    ("service.kill", UNIT, ["kill -KILL 77"], ["sh nginx.service"]),
    (
        "service.kill_all",
        UNIT,
        ["systemctl kill --signal=KILL --kill-whom=all nginx.service"],
        ["sh nginx.service"],
    ),
    ("service.kill_until_failed", UNIT, ["sh nginx.service 60"], ["sh nginx.service"]),
    ("path.close", {"path": "/data/x"}, ["sh /data/x"], ["sh /data/x"]),
    ("exporter.kill", {}, ["sh hale-exporter.service 60"], ["sh hale-exporter.service"]),
    (
        "service.stop_process",
        UNIT,
        ["systemctl kill --signal=STOP --kill-whom=all nginx.service"],
        ["systemctl kill --signal=CONT --kill-whom=all nginx.service", "sh nginx.service"],
    ),
    (
        "service.cont_process",
        UNIT,
        ["systemctl kill --signal=CONT --kill-whom=all nginx.service"],
        [],
    ),
    ("unit.stop", UNIT, ["systemctl stop nginx.service"], ["sh nginx.service"]),
    ("unit.start", UNIT, ["sh nginx.service"], []),
    (
        "service.break_config",
        UNIT | {"path": "/etc/n.conf"},
        [
            "cp --archive --no-clobber /etc/n.conf /etc/n.conf.hale-lab-original",
            "wrote /etc/n.conf",
            "kill -KILL 77",
        ],
        [
            "sh /etc/n.conf.hale-lab-original /etc/n.conf",
            "systemctl kill --signal=CONT --kill-whom=all nginx.service",
            "sh nginx.service",
        ],
    ),
    ("config.hold", {"path": "/etc/n.d/x"}, ["sh /etc/n.d/x"], ["sh /etc/n.d/x"]),
    ("config.let", {"path": "/etc/n.d/x"}, ["sh /etc/n.d/x"], []),
    ("gate.go_on", {}, [GATES_GO_ON], []),
    (
        "healer.freeze_at_check",
        {"gate": "web1", "check": "/usr/sbin/nginx -t -q"},
        [
            "sh /usr/sbin/nginx -t -q 60",
            "systemctl kill --signal=STOP --kill-whom=all hale-healer.service",
        ],
        [
            GATES_GO_ON,
            "systemctl kill --signal=CONT --kill-whom=all hale-healer.service",
            "sh hale-healer.service",
        ],
    ),
    ("unit.reload", UNIT, ["systemctl reload nginx.service"], []),
    ("unit.restart", UNIT, ["systemctl restart nginx.service"], ["sh nginx.service"]),
    (
        "service.mend_config",
        UNIT | {"path": "/etc/n.conf"},
        [
            "sh /etc/n.conf.hale-lab-original /etc/n.conf",
            "systemctl kill --signal=CONT --kill-whom=all nginx.service",
            "sh nginx.service",
        ],
        [],
    ),
    (
        "service.release",
        UNIT | {"path": "/etc/n.conf", "text": "new"},
        [
            "cp --archive --no-clobber /etc/n.conf /etc/n.conf.hale-lab-original",
            "wrote /etc/n.conf",
            "systemctl reload nginx.service",
        ],
        [
            "sh /etc/n.conf.hale-lab-original /etc/n.conf",
            "systemctl reload-or-restart nginx.service",
        ],
    ),
    (
        "service.slow_start",
        UNIT,
        ["wrote " + SLOW, "systemctl daemon-reload"],
        ["rm --force " + SLOW, "systemctl daemon-reload"],
    ),
    (
        "service.unstartable",
        UNIT,
        ["wrote " + UNSTARTABLE, "systemctl daemon-reload", "kill -KILL 77"],
        ["rm --force " + UNSTARTABLE, "systemctl daemon-reload", "sh nginx.service"],
    ),
    (
        "service.starve",
        UNIT,
        ["systemctl set-property --runtime nginx.service CPUQuota=0.1%"],
        ["systemctl set-property --runtime nginx.service CPUQuota="],
    ),
    ("healer.kill_at_begun", {"gate": "web1"}, ["kill -KILL 77"], ["sh hale-healer.service"]),
    ("pacemaker.kill", UNIT, ["kill -KILL 77"], []),
]
