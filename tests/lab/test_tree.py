"""Files of a node are reached as the node sees them, never as the host does."""

import os

import pytest

from lab.ports import LabError
from lab.tree import Tree

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to root")


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nhale:x:990:991::/:/bin/sh\n")
    return Tree(tmp_path)


def test_an_absolute_link_stays_inside(tree):
    (tree.root / "lib").symlink_to("/usr/lib")
    assert tree.resolve("/lib/systemd") == tree.root / "usr/lib/systemd"


def test_dots_cannot_climb_out(tree):
    assert tree.resolve("/../../etc/passwd") == tree.root / "etc/passwd"


def test_a_relative_link_that_climbs_ends_at_the_nodes_own_root(tree):
    (tree.root / "etc/up").symlink_to("../../../../etc")
    assert tree.resolve("/etc/up/passwd") == tree.root / "etc/passwd"


def test_a_last_link_is_followed_when_reading(tree):
    (tree.root / "etc/alias").symlink_to("/etc/passwd")
    assert tree.read("/etc/alias").startswith(b"root:")


@pytest.mark.parametrize("path", ["/loop/x", "/loop"])
def test_a_link_to_itself_is_an_error_and_not_for_ever(tree, path):
    (tree.root / "loop").symlink_to("/loop")
    with pytest.raises(LabError, match="links"):
        tree.follow(path)


def test_a_relative_path_is_refused(tree):
    with pytest.raises(LabError, match="absolute"):
        tree.resolve("etc/passwd")


def test_a_missing_file_is_missing(tree):
    with pytest.raises(FileNotFoundError):
        tree.read("/etc/shadow")


@root_only
def test_writing_makes_directories_sets_mode_and_leaves_nothing_beside(tree):
    tree.write("/var/lib/x/key", b"secret", mode=0o600)
    file = tree.root / "var/lib/x/key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["key"]


@root_only
def test_a_file_belongs_to_the_user_that_the_node_knows(tree):
    tree.write("/etc/key", "x", owner="hale")
    status = (tree.root / "etc/key").stat()
    assert (status.st_uid, status.st_gid) == (990, 991)


def test_an_unknown_user_is_an_error_that_says_where_users_come_from(tree):
    with pytest.raises(LabError, match=r"sysusers\.d"):
        tree.owner("nobody-here")


@root_only
def test_a_link_replaces_what_was_there(tree):
    tree.write("/etc/x", "file")
    tree.link("/etc/x", "/dev/null")
    assert (tree.root / "etc/x").readlink().as_posix() == "/dev/null"
