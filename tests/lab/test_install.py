"""What is written to a node's disks before it boots."""

import os
import shutil
from pathlib import Path

import pytest

from lab import install, scenario
from lab.certificates import AUTHORITY
from lab.commands import run
from lab.tree import Tree

BARE = Path(__file__).parent / "scenarios/bare"
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="gives files to root"),
    pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="makes keys"),
]


@pytest.fixture
def plain(tmp_path):
    """The bare scenario, without units to enable, in a directory that a test may change."""
    home = tmp_path / "scenario"
    shutil.copytree(BARE, home)
    (home / "lab.yml").write_text("install: false\n")
    return home


@pytest.fixture
def keys(tmp_path):
    made = install.Keys(tmp_path / "keys")
    made.make(("one", "two"))
    return made


def installed(tmp_path, plain, keys, controllers=("memory", "pids")):
    tree = Tree(tmp_path / "root")
    tree.root.mkdir()
    install.install(tree, scenario.load(plain), "two", keys, controllers)
    return tree


def test_a_node_has_its_name_its_address_and_its_neighbours(tmp_path, plain, keys):
    tree = installed(tmp_path, plain, keys)
    assert tree.read("/etc/hostname") == b"two\n"
    assert b"Address=10.77.0.22/24" in tree.read("/etc/systemd/network/10-host0.network")
    assert b"10.77.0.21 one\n" in tree.read("/etc/hosts")


def test_a_node_has_no_way_out(tmp_path, plain, keys):
    tree = installed(tmp_path, plain, keys)
    assert b"Gateway" not in tree.read("/etc/systemd/network/10-host0.network")
    assert b"nameserver" not in tree.read("/etc/resolv.conf")


def test_each_node_has_its_own_host_key_that_known_hosts_pins(tmp_path, plain, keys):
    tree = installed(tmp_path, plain, keys)
    kind, key, *_ = tree.read("/etc/ssh/ssh_host_ed25519_key.pub").decode().split()
    assert f"10.77.0.22,two {kind} {key}\n" in keys.known_hosts(scenario.load(plain))
    assert keys.public("host-one") != keys.public("host-two")
    assert (tree.root / "etc/ssh/ssh_host_ed25519_key").stat().st_mode & 0o777 == 0o600


def test_its_first_program_opens_the_controllers_of_this_machine(tmp_path, plain, keys):
    tree = installed(tmp_path, plain, keys)
    assert b"for name in memory pids; do mount -o remount,rw" in tree.read(install.INIT)


def test_the_scenarios_own_files_win_over_those_for_all(tmp_path, plain, keys):
    for part in ("all", "two"):
        file = plain / "files" / part / "var/www/html/index.html"
        file.parent.mkdir(parents=True)
        file.write_text(part)
    tree = installed(tmp_path, plain, keys)
    assert tree.read("/var/www/html/index.html") == b"two"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes certificates")
def test_nodes_that_copy_their_journals_have_certificates_for_their_addresses(tmp_path):
    cluster = scenario.load(scenario.find("web-tier")).cluster
    keys = install.Keys(tmp_path)
    keys.certify(cluster)
    made = keys.certificates
    for name, node in cluster.nodes.items():
        address = ("-verify_ip", node.address, "-purpose", "sslserver")
        authority = ("-CAfile", made.certificate(AUTHORITY))
        run("openssl", "verify", *authority, *address, made.certificate(name))


def test_where_nobody_speaks_tls_no_certificate_is_made(tmp_path):
    keys = install.Keys(tmp_path)
    keys.certify(scenario.load(scenario.find("first")).cluster)
    assert not keys.certificates.directory.exists()
