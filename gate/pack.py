"""Build hale-gate.pyz: the whole gate in one file for the node's own Python. Not part of that file.

The same sources and the same Python give the same bytes: entries are sorted, uncompressed and
without times. Each module is there as source and compiled, because a session is two fresh
processes and a zip has no cache; another Python than the builder's takes the source.
Run it as `python gate/pack.py dist/hale-gate.pyz`.
"""

import argparse
import importlib.util
import io
import marshal
import zipfile
from pathlib import Path

SHEBANG = b"#!/usr/bin/python3 -I\n"
"""-I: nothing from the environment or the user's own packages gets into a program that runs as root."""

MAIN = "import sys\n\nfrom gate.cli import main\n\nsys.exit(main())\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def pack(source: Path) -> bytes:
    """Return the zipapp made of the modules under `source`, the folder of the package `gate`."""
    entries = {"__main__.py": MAIN.encode()}
    for path in source.rglob("*.py"):
        if path.name != Path(__file__).name:
            name = f"gate/{path.relative_to(source).as_posix()}"
            entries[name] = path.read_bytes()
            entries[name + "c"] = _compiled(name, entries[name])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(entries.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3  # Unix, wherever it is built
            archive.writestr(entry, content)
    return SHEBANG + buffer.getvalue()


def _compiled(name: str, source: bytes) -> bytes:
    """Return a .pyc that is tied to its source by hash and never checked again, see PEP 552."""
    unchecked_hash = (1).to_bytes(4, "little")
    # Version 2 of marshal knows no references, whose number depends on what else is in memory.
    code = marshal.dumps(compile(source, name, "exec", dont_inherit=True), 2)
    return importlib.util.MAGIC_NUMBER + unchecked_hash + importlib.util.source_hash(source) + code


def main() -> None:
    """Write the zipapp to the path on the command line."""
    parser = argparse.ArgumentParser(description="Build hale-gate.pyz.")
    parser.add_argument("target", type=Path)
    target: Path = parser.parse_args().target
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(pack(Path(__file__).parent))
    target.chmod(0o755)


if __name__ == "__main__":
    main()
