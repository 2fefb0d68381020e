"""The node of every test here."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

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
