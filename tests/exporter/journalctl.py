"""Stands in for journalctl: prints a journal kept as lines of JSON, from where it is told to, and follows it.

    python journalctl.py FILE --follow --output=json ... [--after-cursor=N]

An entry's cursor is its line's number. DENY beside FILE lets it say that it may see nothing; END lets it end once.
"""

import sys
import time
from pathlib import Path


def main() -> int:
    file, after = Path(sys.argv[1]), 0
    if file.with_name("DENY").exists():
        print("No journal files were opened due to insufficient permissions.", file=sys.stderr)
        time.sleep(600)
    for word in sys.argv[2:]:
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
                sys.stdout.write(line.rstrip("\n").replace('"CURSOR"', f'"{number}"') + "\n")


if __name__ == "__main__":
    sys.exit(main())
