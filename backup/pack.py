"""Build hale-backup.pyz: all of it in one file for the node's own Python. Not part of that file.

The same sources and the same Python give the same bytes: entries are sorted, uncompressed and without times. Run it as
`python backup/pack.py dist/hale-backup.pyz`.
"""

import argparse
import io
import zipfile
from pathlib import Path

SHEBANG = b"#!/usr/bin/python3 -I\n"
"""-I: nothing from the environment or the user's own packages gets into a program that runs as root."""

MAIN = "import sys\n\nfrom backup.cli import main\n\nsys.exit(main())\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def pack(source: Path) -> bytes:
    """Return the zipapp made of the modules under `source`, the folder of the package `backup`."""
    entries = {"__main__.py": MAIN.encode()}
    for path in source.rglob("*.py"):
        if path.name != Path(__file__).name:
            entries[f"backup/{path.relative_to(source).as_posix()}"] = path.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(entries.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3  # Unix, wherever it is built
            archive.writestr(entry, content)
    return SHEBANG + buffer.getvalue()


def main() -> None:
    """Write the zipapp to the path on the command line."""
    parser = argparse.ArgumentParser(description="Build hale-backup.pyz.")
    parser.add_argument("target", type=Path)
    target: Path = parser.parse_args().target
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(pack(Path(__file__).parent))
    target.chmod(0o755)


if __name__ == "__main__":
    main()
