"""What is rendered for a database that is backed up: hale-backup, pgBackRest and Patroni each understand it."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from backup import config
from backup.postgres.stanza import Stanza
from tests.cluster.examples import DATABASE
from tests.cluster.rendering import text_of, tree_of

ROOT = Path(__file__).parents[2]
TREE = tree_of(DATABASE)
UNITS = "db1/etc/systemd/system"
S3 = DATABASE.replace("/mnt/backup/pgbackrest", "s3:https://s3.example:9000/backups/hale").replace(
    "      mount: /mnt/backup\n", ""
)


def test_hale_backup_reads_what_render_wrote() -> None:
    one = config.parse(text_of(TREE, "db2/etc/hale/backup.json").encode()).backup("main")
    assert isinstance(one, Stanza)
    assert one.leader_url == "http://10.0.0.32:8008/leader"
    assert (one.data_dir, one.port, one.user) == ("/var/lib/postgresql/15/main", 5432, "postgres")
    assert (one.full_every, one.recovery_point, one.drill_period) == (604800, 300, 172800)
    assert not one.alone


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"port": 0}, "1 to 65535"),
        ({"data_dir": "data"}, "an absolute path"),
        ({"alone": "no"}, "true or false"),
        ({"paths": ["/srv"]}, "unknown key"),
    ],
)
def test_what_it_does_not_understand_is_refused_with_its_place(
    change: dict[str, object], said: str
) -> None:
    whole = json.loads(text_of(TREE, "db1/etc/hale/backup.json"))
    whole["backups"]["main"] |= change
    with pytest.raises(ValueError, match=f"backups.main.*{said}"):
        config.parse(json.dumps(whole).encode())


def test_only_members_are_told_and_no_key_is_rendered() -> None:
    for node in ("db1", "db2", "db3"):
        text = text_of(TREE, f"{node}/etc/pgbackrest/pgbackrest.conf")
        assert "cipher-type=aes-256-cbc" in text
        assert "cipher-pass" not in text
    assert not [file for file in TREE.of("lb1").files if "backup" in file.path]
    links = text_of(TREE, "db1/etc/tmpfiles.d/hale-pgbackrest.conf")
    assert (
        "L+ /etc/pgbackrest/conf.d/main-secrets.conf - - - - /etc/hale/backup/main.conf\n" in links
    )


def test_every_member_archives_once_it_leads_and_twice_within_what_may_be_lost() -> None:
    settings = yaml.safe_load(text_of(TREE, "db3/etc/patroni/main/10-hale.yml"))["postgresql"]
    assert settings["parameters"] == {
        "archive_mode": "on",
        "archive_command": "/usr/bin/pgbackrest --stanza=main archive-push %p",
        "archive_timeout": 150,
    }
    command = settings["recovery_conf"]["restore_command"]
    assert command == '/usr/bin/pgbackrest --stanza=main archive-get %f "%p"'


def test_a_job_may_become_postgres_and_write_to_the_repository_alone() -> None:
    drop_in = text_of(TREE, f"{UNITS}/hale-backup@main.service.d/hale.conf")
    assert "AssertPathIsMountPoint=/mnt/backup\n" in drop_in
    assert "CapabilityBoundingSet=CAP_SETUID CAP_SETGID\n" in drop_in
    writes = [line for line in drop_in.splitlines() if line.startswith("ReadWritePaths")]
    assert writes == ["ReadWritePaths=-/mnt/backup/pgbackrest", "ReadWritePaths=-/run/pgbackrest"]


def test_a_database_without_a_backup_gets_nothing_of_it() -> None:
    before, _, rest = DATABASE.partition("    backup:\n")
    tree = tree_of(before + "healer:\n" + rest.partition("\nhealer:\n")[2])
    assert not [
        file.place for file in tree.files if "backup" in file.path or "pgbackrest" in file.path
    ]
    assert "archive" not in text_of(tree, "db1/etc/patroni/main/10-hale.yml")


@pytest.mark.tools
@pytest.mark.parametrize("text", [DATABASE, S3], ids=["directory", "s3"])
def test_pgbackrest_takes_what_is_rendered(text: str, tmp_path: Path) -> None:
    pgbackrest = ROOT / ".tools/usr/bin/pgbackrest"
    if not pgbackrest.exists():
        pytest.skip("pgbackrest is not here; run make tools")
    conf = text_of(tree_of(text), "db1/etc/pgbackrest/pgbackrest.conf")
    conf = conf.replace("/mnt/backup", str(tmp_path)).replace("/run/pgbackrest", str(tmp_path))
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "pgbackrest.conf").write_text(conf)
    keys = "repo1-cipher-pass=x\n"
    if "s3" in text:
        keys += "repo1-s3-key=x\nrepo1-s3-key-secret=x\nrepo1-s3-region=x\n"
    (tmp_path / "conf.d/main-secrets.conf").write_text(f"[main]\n{keys}")
    libraries = ":".join(map(str, ROOT.glob(".tools/usr/lib/*-linux-gnu")))
    # `start` takes all options to pieces and touches nothing but its own folder.
    argv = [str(pgbackrest), f"--config-path={tmp_path}", "--stanza=main", "start"]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, env={"LD_LIBRARY_PATH": libraries}
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert [line for line in done.stderr.splitlines() if "stop file" not in line] == []
