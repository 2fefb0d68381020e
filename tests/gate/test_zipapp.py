"""What is installed on a node: one file for the node's own Python, of the standard library alone."""

import ast
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import gate
from gate import pipe
from gate.pack import pack
from tests.gate.real import PATIENCE, RealNode

SOURCE = Path(gate.__file__).parent
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
    path = tmp_path_factory.mktemp("dist") / "hale-gate.pyz"
    path.write_bytes(pack(SOURCE))
    path.chmod(0o755)
    return path


def test_the_gate_imports_the_standard_library_and_itself() -> None:
    found = {name for path in SOURCE.rglob("*.py") for name in imports(path)}
    assert found <= sys.stdlib_module_names | {"gate"}


def test_the_same_sources_make_the_same_bytes(tmp_path: Path) -> None:
    first = pack(SOURCE)
    built = tmp_path / "dist" / "hale-gate.pyz"
    subprocess.run([sys.executable, str(SOURCE / "pack.py"), str(built)], check=True)
    assert first == built.read_bytes(), "another process makes the same file"
    assert first.startswith(b"#!/usr/bin/python3 -I\n")
    assert b"gate/pack.py" not in first


def test_the_built_file_runs_alone_under_the_nodes_python(zipapp: Path, tmp_path: Path) -> None:
    node = RealNode(tmp_path)
    with node.serve(NODES_PYTHON, "-I", str(zipapp)) as client:
        client.restart("1.4.1")
        assert client.receive()["state"] == "begun"
        assert client.receive()["state"] == "done"


def test_a_python_of_another_version_takes_the_source(tmp_path: Path) -> None:
    path = tmp_path / "hale-gate.pyz"
    path.write_bytes(pack(SOURCE))
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(tmp_path / "other.pyz", "w") as other:
        for name in archive.namelist():
            content = archive.read(name)
            other.writestr(name, b"\0\0\0\0" + content[4:] if name.endswith("pyc") else content)
    argv = [NODES_PYTHON, "-I", str(tmp_path / "other.pyz"), "--help"]
    assert b"exit codes" in subprocess.run(argv, capture_output=True, check=True).stdout


def test_help_has_every_exit_code_and_an_example_each(zipapp: Path) -> None:
    for words in ((), ("pipe",), ("serve",), ("hold",), ("release",), ("status",)):
        said = subprocess.run(
            [NODES_PYTHON, "-I", zipapp, *words, "--help"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "exit codes:" in said
        assert f"hale-gate {' '.join(words)}".strip() in said


def test_the_pipe_carries_a_session_and_passes_on_the_end(zipapp: Path, tmp_path: Path) -> None:
    """The gate answers after the request's side has ended, as with `echo ... | ssh`."""
    path = tmp_path / "gate.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def gate_side() -> None:
        peer, _ = listener.accept()
        with peer:
            heard = b"".join(iter(lambda: peer.recv(4096), b""))
            peer.sendall(b"heard " + heard)

    thread = threading.Thread(target=gate_side)
    thread.start()
    done = subprocess.run(
        [zipapp, "pipe", "--socket", path],
        input=b"hello\n",
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    thread.join(PATIENCE)
    listener.close()
    assert done.stdout == b"heard hello\n"


def test_the_pipe_ends_with_the_gate_though_its_input_stays_open(
    zipapp: Path, tmp_path: Path
) -> None:
    path = tmp_path / "gate.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        process = subprocess.Popen([zipapp, "pipe", "--socket", path], stdin=subprocess.PIPE)
        listener.accept()[0].close()
        with process:
            assert process.wait(PATIENCE) == 0


def test_a_closed_door_is_said_in_one_line(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert pipe.carry(tmp_path / "gate.sock", theirs.fileno(), theirs.fileno()) == 1
        said = ours.recv(4096)
    assert said.count(b"\n") == 1
    assert b'"reason":"unreachable"' in said
    assert b"hale-gate.socket" in said
