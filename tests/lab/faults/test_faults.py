"""Faults against a lab that keeps a diary: what each does, and that each is taken back."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lab import faults
from lab.faults import FAULTS, KINDS
from lab.faults.fault import insist
from lab.faults.originals import FOLDER as KEPT
from lab.faults.person_close import CLOSE
from lab.ports import Completed, LabError
from tests.lab.drills.fakes import FakeLab

UNIT = {"unit": "nginx.service"}
SLOW = "/run/systemd/system/nginx.service.d/50-hale-lab-slow-start.conf"
SLOW_BOOT = "/etc/systemd/system/systemd-networkd.service.d/50-hale-lab-slow-boot.conf"
UNSTARTABLE = "/run/systemd/system/nginx.service.d/50-hale-lab-unstartable.conf"
OF_DATABASES = {"postgres.fill_wal"}
OF_THE_NETWORK = {"network.cut", "network.split", "network.mend"}
GATES_GO_ON = "systemctl kill --signal=CONT --kill-whom=all hale-gate@*.service"
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
INCIDENTS = '[{"id": "7", "node": "web1", "service": "old", "state": "held"}]'


@pytest.fixture
def lab(tmp_path: Path) -> FakeLab:
    answers = {
        "hale-healer incidents": INCIDENTS,
        "date": "T",
        "SENTINEL REPLICAS": "slave\n",
        "SENTINEL FAILOVER": "OK",
        "fill.tmp": "3 files, 0 bytes free",
        "filefrag": "4096",
        "-printf '%s": "/srv/r/data/aa",
        "echo killed": "killed",
    }
    (tmp_path / "web1-data.img").write_bytes(bytes(8192))
    begun = {"id": "1.2.3", "verb": "service.restart", "state": "begun"}
    return FakeLab(tmp_path, answers=answers, entries={"web1": [begun]})


@pytest.mark.parametrize(
    ("kind", "args", "does", "undoes"),
    [
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
            ["sh /usr/sbin/nginx -t -q 60", "systemctl kill --signal=STOP --kill-whom=all hale-healer.service"],
            [GATES_GO_ON, "systemctl kill --signal=CONT --kill-whom=all hale-healer.service", "sh hale-healer.service"],
        ),
        ("store.cut", {}, ["nft " + CUT], ["nft " + NO_CUT]),
        ("store.mend", {}, ["nft " + NO_CUT], []),
        ("disk.fill", {"path": "/data/"}, ["sh /data/hale-lab-fill"],
         ["rm --force /data/hale-lab-fill"]),
        ("disk.fill", {"path": "/data", "leave": "24"}, ["sh /data/hale-lab-fill 24"],
         ["rm --force /data/hale-lab-fill"]),
        ("postgres.damage", {"folder": "/data/postgresql/main"},
         ["python3 /data/postgresql/main"], ["sh /data/postgresql/main main web1"]),
        ("postgres.stall", {}, ["sh STOP"], ["sh CONT"]),
        ("postgres.go_on", {}, ["sh CONT"], []),
        ("person.maintain", {"target": "web2"},
         ["/opt/hale/bin/hale-healer maintenance start web2 --reason drill"],
         ["/opt/hale/bin/hale-healer maintenance end web2"]),
        ("person.maintain", {"target": "web2", "do": "end"},
         ["/opt/hale/bin/hale-healer maintenance end web2"], []),
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
            "alert.forge",
            {"labels": "alertname=A node=web9"},
            ["amtool alert add --alertmanager.url=http://127.0.0.1:9093 alertname=A node=web9"],
            [
                "date --utc +%Y-%m-%dT%H:%M:%SZ",
                "amtool alert add --alertmanager.url=http://127.0.0.1:9093 --end=T "
                "alertname=A node=web9",
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
            "node.slow_boot",
            {},
            ["wrote " + SLOW_BOOT, "systemctl daemon-reload"],
            ["rm --force " + SLOW_BOOT, "systemctl daemon-reload"],
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
        ("node.reboot", {}, ["reboot"], ["power on"]),
        ("gate.drain", {"member": "web/web1"}, ["hale-gate drain web/web1"],
         ["hale-gate return web/web1"]),
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
        ("pacemaker.kill", UNIT, ["kill -KILL 77"], []),
        ("pacemaker.move", {"resource": "archive"}, ["sh archive web1"], []),
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
    ],
)  # fmt: skip
def test_a_fault_is_done_and_taken_back(
    lab: FakeLab, kind: str, args: dict[str, str], does: list[str], undoes: list[str]
) -> None:
    """On the node that it names and nowhere else."""
    text = faults.inject(lab, "web1", kind, args)
    assert text.startswith("web1: ")
    assert "\n" not in text
    assert lab.diary == [f"web1: {one}" for one in does]
    lab.diary.clear()
    faults.undo(lab, "web1", kind, args)
    assert lab.diary == [f"web1: {one}" for one in undoes]


def test_a_restore_that_never_began_was_not_killed(lab: FakeLab) -> None:
    """A node that boots meanwhile ends the waiting command with 0, and has killed nothing."""
    del lab.answers["echo killed"]
    with pytest.raises(LabError, match="no restore wrote into /data"):
        faults.inject(lab, "web1", "restore.kill", {"folder": "/data"})


def test_a_disk_rots_where_the_file_lies_on_it(lab: FakeLab) -> None:
    faults.inject(lab, "web1", "files.rot", {"path": "/data/site"})
    disk = lab.disk("web1", "data").read_bytes()
    assert disk[:4096] == bytes(4096)
    assert b"rotten" in disk[4096:4160]
    assert disk[4160:] == bytes(4032)


def test_every_kind_is_tried_here() -> None:
    """A new fault comes with a row above."""
    marks = test_a_fault_is_done_and_taken_back.pytestmark  # type: ignore[attr-defined]
    elsewhere = OF_THE_NETWORK | OF_DATABASES | {"power.mode"}
    assert {row[0] for row in marks[0].args[1]} | elsewhere == set(KINDS)


def test_the_power_controller_behaves_as_a_drill_says_and_obeys_again(lab: FakeLab) -> None:
    """It stands outside of all nodes."""
    assert faults.inject(lab, "mon1", "power.mode", {"mode": "lies"}) == "the power controller lies"
    faults.undo(lab, "mon1", "power.mode", {"mode": "lies"})
    assert lab.diary == ["power controller: lies", "power controller: obeys"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Completed(0, "", ""), "done"),
        (Completed(3, "", "x\nserver closed the connection\n"), "server closed the connection"),
        (Completed(1, "", ""), "failed"),
    ],
)
def test_a_log_that_cannot_grow_is_what_was_asked_for(
    lab: FakeLab, answer: Completed, said: str
) -> None:
    lab.wrong["psql"] = answer
    text = faults.inject(lab, "web1", "postgres.fill_wal", {})
    assert text == f"web1: the write-ahead log switched on and on: {said}"
    faults.undo(lab, "web1", "postgres.fill_wal", {})


def test_two_sides_stop_hearing_each_other_in_one_instant(lab: FakeLab) -> None:
    said = faults.inject(lab, "web1", "network.split", {"others": "lb2 web2"})
    assert "web1 and lb2, web2: no longer hear each other" in said
    faults.undo(lab, "web1", "network.split", {"others": "lb2 web2"})
    here, there = lab.port("web1"), ", ".join(map(lab.port, ("lb2", "web2")))
    text = "\n".join(lab.diary)
    assert f"iifname {{ {here} }} oifname {{ {there} }} drop" in text
    assert f"iifname {{ {there} }} oifname {{ {here} }} drop" in text
    assert "nft delete table bridge hale_lab_switch" in text


def test_a_switch_fails_for_all_its_nodes_at_once_and_works_again(lab: FakeLab) -> None:
    """One transaction of nft, from and to their ports; mending is safe where nothing is cut."""
    mended = ["nft add table bridge hale_lab_switch", "nft delete table bridge hale_lab_switch"]
    said = faults.inject(lab, "web1", "network.cut", {"others": "lb2 web2"})
    assert said == "web1, lb2, web2: behind a switch that failed"
    rules = [line for line in lab.diary if "add rule" in line]
    assert rules == [
        "nft add rule bridge hale_lab_switch prerouting iifname { vb-web1, vb-lb2, vb-web2 } drop",
        "nft add rule bridge hale_lab_switch postrouting oifname { vb-web1, vb-lb2, vb-web2 } drop",
    ]
    lab.diary.clear()
    faults.undo(lab, "web1", "network.cut", {})
    assert lab.diary == mended
    faults.inject(lab, "web1", "network.mend", {})
    faults.undo(lab, "web1", "network.mend", {})
    assert lab.diary == mended * 2


def test_a_switch_that_nft_cannot_cut_is_said(lab: FakeLab) -> None:
    """With what nft said."""
    lab.wrong_on_host = Completed(1, "", "Operation not supported")
    with pytest.raises(LabError, match=r"nft: add table.*not supported"):
        faults.inject(lab, "web1", "network.cut", {})


def test_a_healer_is_not_killed_when_no_gate_is_at_work(lab: FakeLab) -> None:
    """Then the drill would show nothing."""
    lab.entries["web1"][0]["state"] = "done"
    with pytest.raises(LabError, match=r"no service\.restart was under way"):
        faults.inject(lab, "mon1", "healer.kill_at_begun", {"gate": "web1", "within": "0"})
    assert lab.diary == []


@pytest.mark.parametrize(
    ("kind", "args", "said"),
    [
        ("service.kil", {}, "unknown fault 'service.kil'. Known: alert.forge"),
        ("service.kill", {}, "service.kill: argument 'unit' is missing. Arguments: unit"),
        ("service.kill", UNIT | {"x": "1"}, "unknown argument 'x'"),
        ("node.freeze", {"x": "1"}, "unknown argument 'x'. Arguments: none"),
        (
            "service.break_config",
            UNIT | {"path": "/x", "then": "wait"},
            "Known: kill, stop, nothing",
        ),
        ("alert.forge", {"labels": "node=web1"}, "no alertname"),
        ("haproxy.set", {"server": "web/web1", "state": "up"}, "Known: ready, drain, maint"),
        ("service.slow_start", UNIT | {"seconds": "4s"}, "not a whole number"),
        ("node.slow_boot", {"seconds": "4s"}, "not a whole number"),
        ("person.adopt", {"target": "web2/old"}, "no open incident about web2/old"),
    ],
)
def test_a_wrong_word_touches_nothing(
    lab: FakeLab, kind: str, args: dict[str, str], said: str
) -> None:
    """The message says what is known."""
    with pytest.raises(LabError, match=r".") as caught:
        faults.inject(lab, "web1", kind, args)
    assert said in str(caught.value)
    assert not [line for line in lab.diary if "incidents" not in line]


@pytest.mark.parametrize("text", ["", "{}", "[1]", "[{}]", '{"incidents": 5}'])
def test_what_the_healer_says_may_be_nonsense(lab: FakeLab, text: str) -> None:
    """Then nothing is adopted."""
    lab.answers["hale-healer incidents"] = text
    with pytest.raises(LabError):
        faults.inject(lab, "mon1", "person.adopt", {"target": "web1/old"})
    assert not any("adopt" in line for line in lab.diary)


def test_a_command_that_fails_is_quoted(lab: FakeLab) -> None:
    """With its exit status and the end of what it said."""
    lab.wrong["systemctl stop"] = Completed(5, "", "Unit x.service not loaded.")
    with pytest.raises(
        LabError, match=r"web1: systemctl stop x: exit status 5: Unit x.service not"
    ):
        faults.inject(lab, "web1", "unit.stop", {"unit": "x"})


def test_a_person_asks_again_until_nobody_says_no_and_not_for_ever() -> None:
    said = ["lagging", "", "not to be asked for"]
    insist(lambda: said.pop(0), 60.0, "switchover")
    assert said == ["not to be asked for"]
    with pytest.raises(LabError, match="switchover: lagging"):
        insist(lambda: "lagging", 0.0, "switchover")


def test_units_of_several_nodes_are_killed_at_the_same_time(tmp_path: Path) -> None:
    """Each kill begins before another ends: one after the other would wait here for ever."""
    both = threading.Barrier(2)

    class MeetingLab(FakeLab):
        def exec(self, node: str, argv: Sequence[str], **how: Any) -> Completed:
            both.wait(timeout=10)
            return super().exec(node, argv, **how)

    lab = MeetingLab(tmp_path)
    done = faults.inject(lab, "web1", "service.kill_until_failed", {**UNIT, "also": "web2"})
    assert done == "web1, web2: nginx.service killed until systemd gave up"
    assert sorted(lab.diary) == ["web1: sh nginx.service 60", "web2: sh nginx.service 60"]


def test_units_of_several_nodes_are_each_started_again(lab: FakeLab) -> None:
    """What undoes the fault undoes all of it."""
    faults.undo(lab, "web1", "service.kill_until_failed", {**UNIT, "also": "web2"})
    assert sorted(lab.diary) == ["web1: sh nginx.service", "web2: sh nginx.service"]


def test_a_unit_that_never_stays_down_is_given_up_on(lab: FakeLab) -> None:
    """Killing is bounded; the message says what the unit lacks."""
    lab.wrong["kill -KILL"] = Completed(1, "", "")
    with pytest.raises(LabError, match="is not failed after 60 s of killing"):
        faults.inject(lab, "web1", "service.kill_until_failed", UNIT)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_it_is(kind: str) -> None:
    """Its class has a sentence of its own, not the one that dataclasses make."""
    assert not (FAULTS[kind].__doc__ or "").startswith(FAULTS[kind].__name__ + "(")


def test_what_receives_nothing_cannot_be_stalled_and_need_not_go_on(lab: FakeLab) -> None:
    lab.wrong["walreceiver"] = Completed(3, "", "")
    with pytest.raises(LabError, match="no PostgreSQL there receives anything"):
        faults.inject(lab, "web1", "postgres.stall", {})
    faults.undo(lab, "web1", "postgres.stall", {})
    said = faults.inject(lab, "web1", "postgres.go_on", {})
    assert said == "web1: PostgreSQL has nothing that was stopped"
