"""The node and the database of the tests here."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.backup.database import Database, made
from tests.backup.node import Node, make


@pytest.fixture(scope="session")
def fresh_repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository with nothing in it, made once: to make one costs seconds."""
    with pytest.MonkeyPatch.context() as patch:
        node = make(tmp_path_factory.mktemp("fresh"), patch)
        node.init()
        yield node.repository


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_repository: Path) -> Node:
    """A node with a repository, a filled site and no backup yet."""
    made = make(tmp_path, monkeypatch)
    shutil.copytree(fresh_repository, made.repository)
    return made


@pytest.fixture
def proven(node: Node) -> Node:
    """A node whose backup was drilled."""
    assert node.run("run") == 0
    assert node.run("drill") == 0
    return node


@contextmanager
def _running() -> Iterator[Database]:
    """Give a database with one backup. A socket's path may have 107 characters, which pytest's folders use up."""
    root = Path(tempfile.mkdtemp(prefix="hale-pg-"))
    try:
        with pytest.MonkeyPatch.context() as patch, made(root, patch) as one:
            assert one.run("run") == 0
            one.sql("INSERT INTO t (v) VALUES ('after the backup')")
            one.archived()
            yield one
    finally:
        shutil.rmtree(root)


@pytest.fixture(scope="package")
def running() -> Iterator[Database]:
    """A database that runs, for many tests."""
    with _running() as one:
        yield one


@pytest.fixture
def running_apart() -> Iterator[Database]:
    """A database for one test, which may leave it as it likes."""
    with _running() as one:
        yield one


@pytest.fixture
def database(running: Database) -> Database:
    """The same for each test, whatever an earlier one did to its Patroni's word, its key and its reports."""
    running.answers.status = 200
    running.configure()
    running.write_key("a key")
    shutil.rmtree(running.places.reports, ignore_errors=True)
    return running


@pytest.fixture
def breakable(database: Database) -> Iterator[Database]:
    """The same, whose repository is as it was afterwards: nothing may be archived meanwhile, or there is a gap."""
    kept = database.root / "kept"
    shutil.copytree(database.repository, kept, symlinks=True, copy_function=_copied)
    _owned(kept)
    yield database
    shutil.rmtree(database.repository)
    kept.rename(database.repository)


def _copied(source: str, target: str) -> None:
    shutil.copy2(source, target)
    seen = Path(source).stat()
    os.chown(target, seen.st_uid, seen.st_gid)


def _owned(folder: Path) -> None:
    owner = next(path for path in folder.rglob("*") if path.is_file()).stat()
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
