"""What hale-exporter.service promises, on a real node: restarts that nobody notices, a sandbox that hides nothing.

After the drills of scenarios/first. What Prometheus could notice is tried on `hale-trial.service`, the same unit by
another name and on another port, so that no healer comes to its help.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporter.settings import DEFAULTS
from tests.exporter.hanging import SERVER, skip_without_fuse
from tests.lab.test_failures import eventually, shell, value

pytestmark = pytest.mark.lab

NODE = "web2"
UNITS = "/run/systemd/system"
CONFIG = "/etc/hale/exporter.yml"
RELOADED = 'hale_exporter_config_last_reload_successful{file="exporter.yml"}'
LIMIT = 2.8
"""docs/exporter.md: what `systemd-analyze security` counts at the most."""
ANSWER_SECONDS = 1.0
RESTART_SECONDS = 15.0
"""With a mount that hangs: four times TimeoutStopSec=, and a start on a machine that has more to do."""

# Of CRYPT's vectors (crypt_blowfish by Solar Designer, wrapper.c): password and hash.
FORMER = ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")
LATTER = ("U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK")

# Scrapes as Prometheus' first is, each on a connection of its own, until the file is there; prints what came of them.
SCRAPES = """
import collections, json, pathlib, sys, threading, time, urllib.request
url, until = sys.argv[1], pathlib.Path(sys.argv[2])
came, longest = collections.Counter(), [0.0]
def scrape():
    while not until.exists():
        began = time.monotonic()
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                whole = answer.read().endswith(b"\\n")
                came["answered" if answer.status == 200 and whole else "wrong"] += 1
        except OSError:
            came["lost"] += 1
        longest[0] = max(longest[0], time.monotonic() - began)
        time.sleep(0.01)
threads = [threading.Thread(target=scrape) for _ in range(4)]
[one.start() for one in threads]
[one.join() for one in threads]
print(json.dumps({**came, "longest": longest[0]}))
"""


def shown(lab, unit, *names):
    """Return what systemd says of a unit."""
    asked = ["systemctl", "show", unit, *(f"--property={name}" for name in names)]
    said = dict(line.split("=", 1) for line in lab.exec(NODE, asked).stdout.splitlines())
    return tuple(said[name] for name in names)


def metrics(lab, port=9100):
    return shell(lab, NODE, f"curl -sgf --max-time 5 'http://127.0.0.1:{port}/metrics'")


def command(lab):
    """Return the command line of the exporter that is installed."""
    (pid,) = shown(lab, "hale-exporter.service", "MainPID")
    return shell(lab, NODE, f"tr '\\0' ' ' < /proc/{pid}/cmdline").strip()


@pytest.fixture(scope="module")
def trial(first) -> Iterator[str]:
    """The exporter's own unit by another name, with a folder in /etc/hale that its user can read."""
    unit = shell(first, NODE, "cat /lib/systemd/system/hale-exporter.service")
    alone = unit.replace("StateDirectory=hale-exporter", "StateDirectory=hale-trial")
    first.write_file(NODE, f"{UNITS}/hale-trial.service", alone.encode())
    yield "hale-trial"
    stop = "systemctl stop hale-trial.socket hale-trial.service; systemctl reset-failed hale-trial 2>&-"
    tidy = f"rm -rf {UNITS}/hale-trial.* /etc/hale/trial; systemctl daemon-reload"
    shell(first, NODE, f"{stop}; {tidy}")


def begin(lab, flags, activated=False):
    """Start the trial with these flags, and systemd before it where it holds the port."""
    (line,) = (
        one
        for one in shell(lab, NODE, f"cat {UNITS}/hale-trial.service").splitlines()
        if one.startswith("ExecStart=")
    )
    drop = f"[Service]\nExecStart=\n{line} {flags}\n"
    lab.write_file(NODE, f"{UNITS}/hale-trial.service.d/flags.conf", drop.encode())
    # Its start limit is not what is tried here.
    stop = "systemctl stop hale-trial.socket hale-trial.service 2>&-; systemctl reset-failed hale-trial 2>&-"
    socket = "systemctl start hale-trial.socket && " if activated else ""
    shell(lab, NODE, f"{stop}; systemctl daemon-reload; {socket}systemctl start hale-trial")


@contextmanager
def scraped(lab, port):
    """Scrape without a pause meanwhile; afterwards the dict has what came of it."""
    came, until, log = {}, lab.directory / "enough", lab.directory / "scrapes.log"
    until.unlink(missing_ok=True)
    log.unlink(missing_ok=True)
    url = f"http://{lab.address(NODE)}:{port}/metrics"
    process = lab.spawn_host([sys.executable, "-c", SCRAPES, url, str(until)], log)
    try:
        time.sleep(0.3)
        yield came
    finally:
        until.touch()
        deadline = time.monotonic() + 15
        while process.running() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.stop()
    came.update(json.loads(log.read_text()))


def test_no_restart_loses_a_scrape_where_systemd_holds_the_port(first, trial):
    socket = shell(first, NODE, "cat /lib/systemd/system/hale-exporter.socket")
    listening = socket.replace("ListenStream=9100", "ListenStream=9101")
    first.write_file(NODE, f"{UNITS}/{trial}.socket", listening.encode())
    begin(first, "--web.systemd-socket", activated=True)
    with scraped(first, 9101) as came:
        for _ in range(3):
            shell(first, NODE, f"systemctl restart {trial}")
    print(came)
    assert came.keys() == {"answered", "longest"}
    assert came["answered"] > 20


def test_a_restart_without_it_loses_some_and_is_over_when_the_next_one_answers(first, trial):
    begin(first, "--web.listen-address=:9101")
    with scraped(first, 9101) as came:
        shell(first, NODE, f"systemctl restart {trial} && curl -sf http://127.0.0.1:9101/-/healthy")
    assert came["lost"] > 0


def test_a_reload_takes_a_changed_exporter_yml_and_keeps_the_old_one_for_a_wrong_one(first, trial):
    begin(first, "--web.listen-address=:9101")
    good = first.read_file(NODE, CONFIG)
    named = 'hale_service_info{{service="{}"'

    def after(text, succeeded, name):
        first.write_file(NODE, CONFIG, text)
        before = shown(first, trial, "StateChangeTimestampMonotonic", "MainPID")
        # By the signal alone systemd knows of nothing, unless it is told RELOADING=1.
        shell(first, NODE, f"systemctl kill --kill-who=main --signal=HUP {trial}")

        def not_yet():
            body = metrics(first, 9101)
            there = value(body, RELOADED) == succeeded and named.format(name) in body
            return "" if there else body

        assert eventually(not_yet) == ""
        now = shown(first, trial, "StateChangeTimestampMonotonic", "MainPID", "ActiveState")
        assert now[0] != before[0]
        assert now[1:] == (before[1], "active")

    try:
        after(good.replace(b"name: nginx", b"name: renamed"), 1, "renamed")
        after(good + b"nonsense: 1\n", 0, "renamed")
        after(good, 1, "nginx")
    finally:
        first.write_file(NODE, CONFIG, good)


def certificate(lab, name):
    """Make a certificate for the node's own address."""
    folder = lab.directory / name
    folder.mkdir(exist_ok=True)
    subject = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run([*made, "-nodes", *files, *subject], check=True, capture_output=True)
    return folder


def lay(lab, certificate, hash_of_prometheus):
    """Write web-config.yml and what it names, as a person would over what is there."""
    for name in ("cert.pem", "key.pem"):
        lab.write_file(
            NODE, f"/etc/hale/trial/{name}", (certificate / name).read_bytes(), mode=0o640
        )
    text = (
        "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n"
        f"basic_auth_users: {{prometheus: '{hash_of_prometheus}'}}\n"
    )
    lab.write_file(NODE, "/etc/hale/trial/web-config.yml", text.encode(), mode=0o640)
    shell(lab, NODE, "chgrp -R hale-exporter /etc/hale/trial")


def status(lab, authority: Path, password=""):
    """Scrape over TLS, and return the status; 000 where its certificate is not the authority's."""
    lab.write_file(NODE, "/run/authority.pem", (authority / "cert.pem").read_bytes())
    user = f"-u 'prometheus:{password}'" if password else ""
    curl = f"curl -s -o /dev/null -w '%{{http_code}}' --cacert /run/authority.pem {user}"
    return shell(lab, NODE, f"{curl} https://127.0.0.1:9101/metrics || true")


def test_web_config_is_kept_by_the_unit_and_a_changed_one_is_taken_without_a_restart(first, trial):
    old, new = certificate(first, "old"), certificate(first, "new")
    shell(first, NODE, "mkdir -p /etc/hale/trial")
    lay(first, old, FORMER[1])
    begin(first, "--web.listen-address=:9101 --web.config.file=/etc/hale/trial/web-config.yml")
    pid = shown(first, trial, "MainPID")
    assert status(first, old) == "401"
    assert status(first, old, LATTER[0]) == "401"
    assert status(first, old, FORMER[0]) == "200"
    lay(first, new, LATTER[1])
    assert eventually(lambda: status(first, new, LATTER[0]).replace("200", "")) == ""
    assert status(first, new, FORMER[0]) == "401"
    assert status(first, old, LATTER[0]) == "000"
    assert shown(first, trial, "MainPID") == pid


def test_the_unit_is_exposed_no_more_than_its_page_says(first):
    asked = f"systemd-analyze security --no-pager --threshold={LIMIT * 10:g} hale-exporter.service"
    last = shell(first, NODE, asked).strip().splitlines()[-1]
    print(last)
    exposure = re.search(r": ([0-9.]+) (OK)\b", last)
    assert exposure, last
    assert float(exposure[1]) <= LIMIT


def test_the_exporters_processes_have_no_rights_at_all(first):
    pids = shell(first, NODE, "pgrep -u hale-exporter").split()
    assert len(pids) >= 2  # the exporter, and the journalctl that it follows
    for pid in pids:
        said = dict(
            line.split(":\t", 1)
            for line in shell(first, NODE, f"cat /proc/{pid}/status").splitlines()
            if ":\t" in line
        )
        assert {said[f"Cap{one}"] for one in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
        assert (said["NoNewPrivs"], said["Seccomp"]) == ("1", "2")
        assert "0" not in said["Uid"].split()


def states(body):
    found = re.findall(r'^hale_collector_state\{collector="(\w+)",state="(\w+)"\} 1$', body, re.M)
    return dict(found)


def families(body):
    return set(re.findall(r"^# TYPE (\S+)", body, re.M))


@pytest.fixture
def free(first) -> Iterator[int]:
    """The port of the same exporter as root and without any sandbox."""
    bare = f"{command(first)} --web.listen-address=127.0.0.1:9102"
    shell(first, NODE, f"systemd-run --quiet --unit=hale-free -p Type=notify {bare}")
    yield 9102
    shell(first, NODE, "systemctl stop hale-free")


def test_every_collector_sees_in_the_sandbox_what_root_sees_outside(first, free):
    assert states(metrics(first)).keys() == DEFAULTS

    def differs():
        inside, outside = metrics(first), metrics(first, free)
        unlike = {
            name: (state, states(outside)[name])
            for name, state in states(inside).items()
            if state not in ("ok", "absent") or state != states(outside)[name]
        }
        missing = families(outside) - families(inside)
        return (unlike, missing) if unlike or missing else ""

    assert eventually(differs, 8) == ""


@contextmanager
def hung(lab, path):
    """Mount there, on the node, a file system that answers nothing."""
    shell(lab, NODE, f"mkdir -p {path}")
    argv = [sys.executable, str(SERVER), "--of", str(lab.node(NODE).leader()), path]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "hang\n"
            yield
        finally:
            server.kill()
            shell(lab, NODE, f"umount -l {path}; rmdir {path}")


def test_while_a_mount_hangs_it_answers_and_is_restarted_in_time(first):
    skip_without_fuse()
    unserved = re.compile(r'^node_filesystem_device_error\{.*mountpoint="/mnt/hung"\} 1$', re.M)

    def unseen():
        body = metrics(first)
        return "" if unserved.search(body) else re.findall(r".*mountpoint.*", body)

    answer = "curl -sf -o /dev/null -w '%{time_total}' http://127.0.0.1:9100/metrics"
    with hung(first, "/mnt/hung"):
        for restart in ("", "systemctl restart hale-exporter && "):
            began = time.monotonic()
            took = float(shell(first, NODE, f"{restart}{answer}"))
            whole = time.monotonic() - began
            print(f"{restart}answered in {took:.3f} s, {whole:.1f} s in all")
            assert took < ANSWER_SECONDS
            assert whole < RESTART_SECONDS
            assert eventually(unseen) == ""

    def gone():
        return "hung" if "/mnt/hung" in metrics(first) else ""

    assert eventually(gone) == ""
