"""The copies of the journals on real nodes: what a node logs is on the receiver, and nobody fails for it."""

import time

import pytest

from cluster.forwarding import COPIES

pytestmark = pytest.mark.lab

SENDERS = ("lb1", "lb2", "web1", "web2", "web3")
RECEIVER = "mon1"
WITHIN = 20.0  # seconds; a sender that lost its receiver tries anew every five


def copied(lab, node, text):
    """Tell whether the receiver has a line of a node that holds a text."""
    argv = ["journalctl", f"--directory={COPIES}", f"_HOSTNAME={node}", f"--grep={text}", "--quiet"]
    return lab.exec(RECEIVER, argv).code == 0


@pytest.mark.parametrize("node", SENDERS)
def test_what_a_node_logs_is_on_the_receiver(web_tier, node):
    text = f"a line of {node} at {time.time():.3f}"
    assert not copied(web_tier, node, text)
    assert web_tier.exec(node, ["logger", "--", text]).code == 0
    until = time.monotonic() + WITHIN
    while not copied(web_tier, node, text):
        assert time.monotonic() < until, f"not copied within {WITHIN:.0f} s"
        time.sleep(0.2)


def test_the_healer_may_read_the_copies(web_tier):
    journalctl = ["journalctl", f"--directory={COPIES}", "--lines=1", "--output=cat"]
    found = web_tier.exec(RECEIVER, ["runuser", "-u", "hale-healer", "--", *journalctl])
    assert (found.code, bool(found.stdout)) == (0, True), found.stderr


@pytest.mark.parametrize("node", [*SENDERS, RECEIVER])
def test_no_unit_fails_for_it(web_tier, node):
    failed = web_tier.exec(node, ["systemctl", "--failed", "--plain", "--no-legend"])
    assert (failed.code, failed.stdout) == (0, "")
