"""The collector of failures on real nodes: a healthy boot tells of none, and each entry of a real journal is read once.

First of all modules that ask for scenarios/first, since drills make the lines that a healthy node has not; the last is
test_kernel_log.py, which makes a node fail.
"""

import json
import re
import time

import pytest

pytestmark = pytest.mark.lab

KERNEL_LOG = "/var/log/lab/kmsg"
METRICS = "curl --silent --fail 'http://127.0.0.1:9100/metrics?collect[]=failures'"
JOURNAL = "journalctl -q --no-pager -o json --output-fields=_PID"
KEPT = "/var/lib/hale-exporter/failures.json"
TELL = "journalctl -b -o json | /opt/hale/bin/hale-exporter classify --only-failures -"
WITHIN = 20.0


def eventually(look, within=WITHIN):
    """Return what `look` says once it says nothing, or what it said last."""
    deadline = time.monotonic() + within
    while (wrong := look()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return wrong


def shell(lab, node, script):
    done = lab.exec(node, ["sh", "-c", script])
    assert done.code == 0, done.stderr
    return done.stdout


def value(text, series):
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else None


def written(lab, node):
    """Return how many entries the node's journal has."""
    return int(shell(lab, node, f"{JOURNAL} | wc -l"))


def not_in_step(lab, node, least):
    """Return how what the exporter kept differs from what there was to read up to its place; nothing when it does not.

    A journal gets lines at every moment, from sshd whose port its peers try, and from these looks themselves. What is
    compared is of one moment, since the exporter keeps its place and its counts together.

    Args:
        least: Entries of the journal that it has to be past.
    """
    kept = json.loads(shell(lab, node, f"cat {KEPT} || echo '{{}}'"))
    if not kept:
        return "nothing is kept"
    cursor, counts = kept["cursors"]["journal"], kept["counts"]
    script = f"{JOURNAL} | grep -n -F '{cursor}' | cut -d : -f 1; wc -l < {KERNEL_LOG}"
    place, _, kernels = shell(lab, node, script).partition("\n")
    if not place or not cursor:
        return f"the place {cursor!r} is nowhere in the journal"
    if int(place) < least:
        return f"{place} of {least} entries were come to"
    there = int(place) + int(kernels)
    read = counts["classified"] + counts["skipped"]
    return "" if read == there else f"{read} of {there} were read"


def chatter(lab, node, lines):
    """Write that many lines into the journal, all from one unit."""
    shell(lab, node, f"seq {lines} | logger -t chatter")


@pytest.mark.parametrize("node", ["mon1", "web1", "web2"])
def test_the_boot_of_a_healthy_node_tells_of_no_failure(first, node):
    assert shell(first, node, TELL) == ""
    there = written(first, node)
    assert eventually(lambda: not_in_step(first, node, there)) == ""
    text = shell(first, node, METRICS)
    assert value(text, 'hale_collector_state{collector="failures",state="ok"}') == 1
    assert value(text, 'hale_log_lines_total{result="classified"}') > 100
    assert "hale_failure{" not in text


@pytest.mark.parametrize(
    "what",
    [
        "journalctl --rotate",
        "systemctl kill --signal=KILL systemd-journald",
        "systemctl restart hale-exporter",
        "systemctl kill --signal=KILL hale-exporter",
        "pkill -KILL -u hale-exporter journalctl",
    ],
)
def test_nothing_is_lost_or_repeated(first, what):
    chatter(first, "web2", 200)
    shell(first, "web2", what)
    chatter(first, "web2", 200)
    there = written(first, "web2")
    assert eventually(lambda: not_in_step(first, "web2", there)) == ""


def test_of_a_flood_what_is_read_and_what_is_skipped_is_all_of_it(first):
    for _ in range(3):  # journald takes 10,000 lines from each unit (RateLimitBurst=)
        chatter(first, "web2", 9900)
    there = written(first, "web2")
    assert eventually(lambda: not_in_step(first, "web2", there)) == ""
