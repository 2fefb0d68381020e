"""What befalls data and what keeps it: the calls of each fault, and of its undoing."""

from lab.faults.originals import FOLDER as KEPT

ROWS = [
    (
        "postgres.damage",
        {"folder": "/data/postgresql/main"},
        ["python3 /data/postgresql/main"],
        ["sh /data/postgresql/main main web1"],
    ),
    ("postgres.stall", {}, ["sh STOP"], ["sh CONT"]),
    ("postgres.go_on", {}, ["sh CONT"], []),
    (
        "files.delete",
        {"path": "/data/site"},
        [f"sh /data/site {KEPT}/data_site {KEPT}", "rm -r -- /data/site"],
        [f"sh /data/site {KEPT}/data_site {KEPT}"],
    ),
    (
        "files.delete",
        {"path": "/data/site", "returns": "whole"},
        [f"sh /data/site {KEPT}/data_site {KEPT}", "rm -r -- /data/site"],
        2 * [f"sh /data/site {KEPT}/data_site {KEPT}"],
    ),
    ("files.return", {"path": "/data/site"}, [f"sh /data/site {KEPT}/data_site {KEPT}"], []),
    (
        "files.rot",
        {"path": "/data/site"},
        [
            f"sh /data/site {KEPT}/data_site {KEPT}",
            "python3 /data/site",
            "sh /data/site",
            "python3 /data/site",
        ],
        [f"sh /data/site {KEPT}/data_site {KEPT}"],
    ),
    (
        "backup.empty",
        {"repository": "/srv/r"},
        [f"sh /srv/r {KEPT}/repository {KEPT}"],
        [f"sh /srv/r {KEPT}/repository {KEPT}"],
    ),
    (
        "backup.rot",
        {"repository": "/srv/r"},
        ["sh /srv/r", f"sh /srv/r/data/aa {KEPT}/packs", "python3 /srv/r/data/aa"],
        [f"sh /srv/r {KEPT}/packs"],
    ),
    (
        "backup.truncate",
        {"repository": "/srv/r"},
        ["sh /srv/r", f"sh /srv/r/data/aa {KEPT}/packs", "python3 /srv/r/data/aa"],
        [f"sh /srv/r {KEPT}/packs"],
    ),
    (
        "package.damage",
        {"package": "nginx", "path": "/usr/sbin/nginx"},
        [
            f"sh /usr/sbin/nginx {KEPT}/usr_sbin_nginx {KEPT}",
            "sh nginx /var/cache/apt/archives",
            "python3 /usr/sbin/nginx",
        ],
        [
            f"sh /usr/sbin/nginx {KEPT}/usr_sbin_nginx {KEPT}",
            "sh nginx /var/cache/apt/archives",
        ],
    ),
    (
        "restore.kill",
        {"folder": "/data"},
        ["sh /data 6000"],
        ["systemctl reset-failed hale-backup-restore@*"],
    ),
]
