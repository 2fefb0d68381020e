"""What befalls a node, its disk and its network: the calls of each fault, and of its undoing."""

SLOW_BOOT = "/etc/systemd/system/systemd-networkd.service.d/50-hale-lab-slow-boot.conf"
NO_CUT = "add table inet hale_lab_store; delete table inet hale_lab_store"
CUT = "; ".join(
    [
        "add table inet hale_lab_store",
        "flush table inet hale_lab_store",
        "add chain inet hale_lab_store input { type filter hook input priority 0; }",
        'add rule inet hale_lab_store input iifname != "lo" tcp sport { 2379, 2380 } drop',
        'add rule inet hale_lab_store input iifname != "lo" tcp dport { 2379, 2380 } drop',
        "add chain inet hale_lab_store output { type filter hook output priority 0; }",
        'add rule inet hale_lab_store output oifname != "lo" tcp sport { 2379, 2380 } drop',
        'add rule inet hale_lab_store output oifname != "lo" tcp dport { 2379, 2380 } drop',
    ]
)
ROWS = [
    ("store.cut", {}, ["nft " + CUT], ["nft " + NO_CUT]),
    ("store.mend", {}, ["nft " + NO_CUT], []),
    (
        "disk.fill",
        {"path": "/data/"},
        ["sh /data/hale-lab-fill"],
        ["rm --force /data/hale-lab-fill"],
    ),
    (
        "disk.fill",
        {"path": "/data", "leave": "24"},
        ["sh /data/hale-lab-fill 24"],
        ["rm --force /data/hale-lab-fill"],
    ),
    (
        "disk.fill_files",
        {"path": "/data/cache"},
        ["sh /data/cache hale-lab-fill .tmp 2 hours"],
        ["sh /data/cache hale-lab-fill"],
    ),
    ("disk.release_files", {"path": "/data/cache"}, ["sh /data/cache hale-lab-fill"], []),
    ("disk.release", {"path": "/data"}, ["rm --force /data/hale-lab-fill"], []),
    (
        "node.log",
        {"by": "upsmon", "text": "-- on battery"},
        ["runuser -u nobody -- logger --tag=upsmon -- -- on battery"],
        [],
    ),
    (
        "node.log",
        {"by": "smartd", "text": "Device: /dev/sda", "user": "root"},
        ["runuser -u root -- logger --tag=smartd -- Device: /dev/sda"],
        [],
    ),
    ("node.power_off", {}, ["power off"], ["power on"]),
    ("node.power_on", {}, ["power on"], []),
    ("node.freeze", {}, ["freeze"], ["thaw"]),
    ("node.thaw", {}, ["thaw"], []),
    ("link.down", {}, ["link down"], ["link up"]),
    ("link.up", {}, ["link up"], []),
    (
        "node.slow_boot",
        {},
        ["wrote " + SLOW_BOOT, "systemctl daemon-reload"],
        ["rm --force " + SLOW_BOOT, "systemctl daemon-reload"],
    ),
    ("node.reboot", {}, ["reboot"], ["power on"]),
]
