"""Stands in for journalctl: prints a journal kept as lines of JSON, from where it is told to, and follows it.

    python journalctl.py FILE --follow --output=json --output-fields=A,B ... [--after-cursor=N]

An entry's cursor is its line's number, and it has the fields that are asked for, and those that each has. DENY beside
FILE lets it say that it may see nothing; END lets it end once.
"""

import json
import sys
import time
from pathlib import Path


def main() -> int:
    file, after = Path(sys.argv[1]), 0
    if file.with_name("DENY").exists():
        print("No journal files were opened due to insufficient permissions.", file=sys.stderr)
        time.sleep(600)
    fields = set[str]()
    for word in sys.argv[2:]:
        if word.startswith("--output-fields="):
            fields = set(word.partition("=")[2].split(","))
        if word.startswith("--after-cursor="):
            said = word.partition("=")[2]
            if not said.isdecimal():
                print("Failed to seek to cursor: Invalid argument", file=sys.stderr)
                return 1
            after = int(said)
    number = 0
    with file.open() as lines:
        while True:
            line = lines.readline()
            if not line:
                sys.stdout.flush()
                if (end := file.with_name("END")).exists():
                    end.unlink()
                    return 1
                time.sleep(0.02)
                continue
            number += 1
            if number > after:
                sys.stdout.write(shown(line, fields).replace('"CURSOR"', f'"{number}"') + "\n")


def shown(line: str, fields: set[str]) -> str:
    """Return an entry with these fields only; what is none as it is."""
    try:
        entry = dict(json.loads(line))
    except ValueError:
        return line.rstrip("\n")
    asked = {k: v for k, v in entry.items() if k in fields or k.startswith("__") or k == "_BOOT_ID"}
    return json.dumps(asked, separators=(",", ":"))


if __name__ == "__main__":
    sys.exit(main())
