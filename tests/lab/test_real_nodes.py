"""Two real nodes: what only systemd, a kernel and a network can show."""

import os
import signal
import sys
import time

import pytest

from lab.ports import HOST_ADDRESS, LabError, NodeDown, TimedOut

pytestmark = pytest.mark.lab

WEB = "http://10.77.0.22/"


def serves(lab) -> bool:
    curl = ["curl", "--silent", "--fail", "--output", "/dev/null", "--max-time", "1", WEB]
    return lab.host_exec(curl).code == 0


def eventually(condition, within=15.0):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def boot_count(lab, node):
    listed = lab.exec(node, ["journalctl", "--list-boots", "--quiet"]).stdout
    return len(listed.strip().splitlines())


def test_a_command_runs_on_the_node_as_a_unit_of_its_systemd(two_nodes):
    done = two_nodes.exec("one", ["cat", "/proc/self/cgroup", "/etc/hostname"])
    assert done.code == 0
    assert "one" in done.stdout
    assert "/system.slice/run-" in done.stdout


def test_input_output_and_status_pass_through(two_nodes):
    done = two_nodes.exec("one", ["sh", "-c", "cat; echo err >&2; exit 7"], input=b"in")
    assert (done.code, done.stdout, done.stderr) == (7, "in", "err\n")


def test_a_command_that_hangs_is_killed_on_the_node_too(two_nodes):
    with pytest.raises(TimedOut):
        two_nodes.exec("one", ["sleep", "4321"], timeout=0.5)
    assert two_nodes.exec("one", ["pgrep", "-x", "sleep"]).code == 1


def test_no_command_can_set_the_hosts_clock(two_nodes):
    before = time.time()
    assert two_nodes.exec("one", ["date", "-s", "2001-01-01"]).code == 1
    assert time.time() >= before


def test_a_node_has_its_own_memory_limit(two_nodes):
    limited = [
        "systemd-run",
        "--wait",
        "--collect",
        "-p",
        "MemoryMax=20M",
        "python3",
        "-c",
        "bytearray(60<<20)",
    ]
    assert two_nodes.exec("one", limited).code != 0
    if two_nodes.place.lxcfs.is_mount():
        meminfo = two_nodes.exec("one", ["grep", "MemTotal", "/proc/meminfo"]).stdout
        assert int(meminfo.split()[1]) == 256 * 1024


def test_nodes_reach_each_other_by_name_and_the_lab_host_by_address(two_nodes):
    assert two_nodes.exec("one", ["ping", "-c1", "-W2", "two"]).code == 0
    assert two_nodes.exec("one", ["ping", "-c1", "-W2", HOST_ADDRESS]).code == 0


def test_a_node_has_no_route_out(two_nodes):
    assert two_nodes.exec("one", ["ip", "route", "show", "default"]).stdout == ""


def test_only_what_the_scenario_names_is_started(two_nodes):
    assert two_nodes.exec("two", ["systemctl", "is-active", "nginx"]).stdout == "active\n"
    done = two_nodes.exec("one", ["systemctl", "is-active", "nginx", "prometheus"])
    assert done.stdout == "inactive\ninactive\n"


def test_no_unit_fails_at_boot(two_nodes):
    for node in two_nodes.nodes:
        assert two_nodes.exec(node, ["systemctl", "--failed", "--quiet", "--plain"]).stdout == ""


def test_files_can_be_read_and_written_while_a_node_runs_and_while_it_is_off(two_nodes):
    two_nodes.write_file("two", "/etc/hale/running", b"1")
    assert two_nodes.exec("two", ["cat", "/etc/hale/running"]).stdout == "1"
    two_nodes.power_off("two")
    assert two_nodes.read_file("two", "/etc/hale/running") == b"1"
    two_nodes.write_file("two", "/etc/hale/off", b"2", mode=0o600)
    two_nodes.power_on("two")
    assert two_nodes.exec("two", ["stat", "-c", "%a %U", "/etc/hale/off"]).stdout == "600 root\n"


def test_a_power_cut_ends_everything_at_once_and_the_disks_survive(two_nodes):
    two_nodes.exec("two", ["sh", "-c", "echo kept > /data/file; sync"])
    two_nodes.power_off("two")
    assert not two_nodes.is_up("two")
    assert not serves(two_nodes)
    with pytest.raises(NodeDown):
        two_nodes.exec("two", ["true"])
    two_nodes.power_off("two")
    two_nodes.power_on("two")
    two_nodes.power_on("two")
    assert two_nodes.exec("two", ["cat", "/data/file"]).stdout == "kept\n"
    assert serves(two_nodes)


def test_a_reboot_from_inside_comes_back_as_another_boot(two_nodes):
    before = boot_count(two_nodes, "two")
    pid = two_nodes.node("two").leader()
    two_nodes.exec("two", ["systemctl", "reboot"])
    assert eventually(lambda: two_nodes.node("two").leader() not in (None, pid))
    two_nodes.node("two").wait(60)
    assert boot_count(two_nodes, "two") == before + 1


def test_a_node_that_powers_itself_off_stays_off(two_nodes):
    two_nodes.exec("two", ["systemctl", "poweroff"])
    assert eventually(lambda: not two_nodes.node("two").is_on())
    two_nodes.power_on("two")
    assert serves(two_nodes)


def test_a_frozen_node_answers_ping_but_serves_nothing_until_it_thaws(two_nodes):
    two_nodes.freeze("two")
    try:
        assert two_nodes.exec("one", ["ping", "-c1", "-W2", "two"]).code == 0
        assert not serves(two_nodes)
    finally:
        two_nodes.thaw("two")
    assert eventually(lambda: serves(two_nodes))


def test_a_frozen_node_can_lose_its_power(two_nodes):
    two_nodes.freeze("two")
    two_nodes.power_off("two")
    two_nodes.power_on("two")
    assert serves(two_nodes)


def test_what_is_frozen_when_the_power_is_cut_never_runs_again(two_nodes):
    ticking = "while :; do date +%N; sleep 0.001; done > /var/lib/ticks"
    two_nodes.exec("two", ["systemd-run", "--unit=ticks", "sh", "-c", ticking])
    assert eventually(lambda: two_nodes.read_file("two", "/var/lib/ticks"))
    two_nodes.freeze("two")
    time.sleep(0.1)
    before = two_nodes.read_file("two", "/var/lib/ticks")
    two_nodes.power_off("two")
    assert two_nodes.read_file("two", "/var/lib/ticks") == before
    two_nodes.power_on("two")


def test_a_pulled_cable_takes_the_carrier_and_a_plugged_one_gives_it_back(two_nodes):
    two_nodes.link_down("two")
    assert not serves(two_nodes)
    assert eventually(
        lambda: "NO-CARRIER" in two_nodes.exec("two", ["ip", "link", "show", "host0"]).stdout
    )
    two_nodes.link_up("two")
    assert eventually(lambda: serves(two_nodes))


def test_frames_can_be_dropped_at_a_nodes_port(two_nodes):
    rule = f"add rule bridge lab hub oifname {two_nodes.port('two')} drop"
    assert two_nodes.host_exec(["nft", rule]).code == 0
    try:
        assert two_nodes.exec("one", ["ping", "-c1", "-W1", "two"]).code == 1
    finally:
        two_nodes.host_exec(["nft", "flush chain bridge lab hub"])
    assert two_nodes.exec("one", ["ping", "-c1", "-W2", "two"]).code == 0


def test_a_process_on_the_lab_host_can_be_reached_from_the_nodes(two_nodes):
    serve = [sys.executable, "-m", "http.server", "--bind", HOST_ADDRESS, "9599"]
    server = two_nodes.spawn_host(serve, two_nodes.directory / "server.log")
    try:
        fetch = ["curl", "--silent", "--fail", f"http://{HOST_ADDRESS}:9599/"]
        assert eventually(lambda: two_nodes.exec("one", fetch).code == 0)
        assert server.running()
    finally:
        assert server.stop() == -signal.SIGTERM


@pytest.mark.parametrize(
    "ask", ["address", "is_up", "power_off", "power_on", "freeze", "link_down"]
)
def test_a_node_that_is_not_there_is_named_with_those_that_are(two_nodes, ask):
    with pytest.raises(LabError, match=r"no node 'three' in this lab\. Known: one, two"):
        getattr(two_nodes, ask)("three")


def test_a_node_that_is_off_has_no_port_and_cannot_be_frozen(two_nodes):
    two_nodes.power_off("two")
    try:
        with pytest.raises(LabError, match="powered on"):
            two_nodes.port("two")
        with pytest.raises(NodeDown):
            two_nodes.freeze("two")
    finally:
        two_nodes.power_on("two")


def test_we_are_in_the_labs_control_group_while_we_use_it(two_nodes):
    groups = two_nodes.layout.groups(two_nodes.place.name)
    assert str(os.getpid()) in (groups[0] / "host/cgroup.procs").read_text().split()
