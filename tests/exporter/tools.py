"""Other people's programs that judge ours: where `make tools` unpacks them."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNPACKED = ROOT / ".tools/usr/bin"


def find(name: str) -> str:
    """Return a program's path: from the environment (PROMTOOL=...), from .tools, or from the PATH."""
    unpacked = UNPACKED / name
    variable = name.upper().replace("-", "_")
    tool = os.environ.get(variable) or (str(unpacked) if unpacked.exists() else shutil.which(name))
    assert tool, f"no {name} at {unpacked}, in ${variable} or on the PATH; run `make tools`"
    return tool


def complaints(exposition: bytes) -> set[str]:
    """What `promtool check metrics` has to say, a line each; each begins with the metric's name."""
    judged = subprocess.run(
        [find("promtool"), "check", "metrics"],
        input=exposition,
        capture_output=True,
        timeout=60,
        check=False,
    )
    # 3 is "there are complaints"; 1 would be an exposition that it cannot read at all.
    assert judged.returncode in (0, 3), judged.stderr.decode()
    return set(judged.stderr.decode().splitlines())
