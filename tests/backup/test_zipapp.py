"""What is installed on a node: one file for the node's own Python, of the standard library alone."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import backup
from backup.pack import pack

SOURCE = Path(backup.__file__).parent
NODES_PYTHON = "/usr/bin/python3"


def imports(path: Path) -> Iterator[str]:
    for step in ast.walk(ast.parse(path.read_text())):
        match step:
            case ast.Import(names=names):
                yield from (name.name.partition(".")[0] for name in names)
            case ast.ImportFrom(module=module, level=level):
                assert level == 0
                yield (module or "").partition(".")[0]


@pytest.fixture(scope="module")
def zipapp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dist") / "hale-backup.pyz"
    path.write_bytes(pack(SOURCE))
    path.chmod(0o755)
    return path


def test_it_imports_the_standard_library_and_itself() -> None:
    found = {name for path in SOURCE.rglob("*.py") for name in imports(path)}
    assert found <= sys.stdlib_module_names | {"backup"}


def test_the_same_sources_make_the_same_bytes(tmp_path: Path) -> None:
    built = tmp_path / "dist" / "hale-backup.pyz"
    subprocess.run([sys.executable, str(SOURCE / "pack.py"), str(built)], check=True)
    assert pack(SOURCE) == built.read_bytes(), "another process makes the same file"
    assert b"backup/pack.py" not in pack(SOURCE)


@pytest.mark.parametrize("word", ["", "init", "run", "check", "drill", "restore", "status"])
def test_help_has_an_example_of_each_command(zipapp: Path, word: str) -> None:
    words = [word] if word else []
    argv = [NODES_PYTHON, "-I", str(zipapp), *words, "--help"]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert f"hale-backup {word}".strip() in said.partition("example")[2]
    assert "exit codes:" in said


def test_a_configuration_that_is_not_there_is_said_in_one_line(
    zipapp: Path, tmp_path: Path
) -> None:
    argv = [str(zipapp), "status", f"--config={tmp_path / 'backup.json'}"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "hale-cluster render" in done.stderr
    assert done.stderr.count("\n") == 1
