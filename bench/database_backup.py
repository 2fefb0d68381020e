"""How long a database takes to be backed up, proved by a drill, and recovered to a moment.

    .venv/bin/python bench/database_backup.py [--rows 2000000]

A PostgreSQL 15 of its own with so many rows, a primary key and pgBackRest's encrypted repository beside it, all on one
disk. Between two backups a tenth of the rows is written anew, which the log has to carry. A drill restores, recovers,
reads all tables and indexes by amcheck, and counts. Wall-clock times; whatever else the machine does is in them.
"""

import argparse
import contextlib
import io
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.backup.database import Database, made


def main() -> None:
    """Print what each step took."""
    parser = argparse.ArgumentParser(description="Time backups and drills of a database.")
    parser.add_argument("--rows", type=int, default=2_000_000)
    rows: int = parser.parse_args().rows
    root = Path(tempfile.mkdtemp(prefix="hale-pg-"))
    try:
        with pytest.MonkeyPatch.context() as patch, made(root, patch) as database:
            measure(database, rows)
    finally:
        shutil.rmtree(root)


def measure(database: Database, rows: int) -> None:
    """Back up, write, back up again, and recover."""
    database.sql("CREATE TABLE big (n bigint PRIMARY KEY, v text)")
    numbers = f"INSERT INTO big (n) SELECT generate_series(1, {rows})"
    database.sql(numbers)
    database.sql("UPDATE big SET v = md5(n::text) || md5((-n)::text)")
    database.sql("VACUUM FULL big")
    size = int(database.sql("SELECT sum(pg_database_size(datname)) FROM pg_database"))
    print(f"{rows} rows, {size / 2**20:.0f} MiB")
    step(database, "full backup", "run")
    database.sql("UPDATE big SET v = reverse(v) WHERE n % 10 = 0")
    step(database, "differential backup", "run")
    moment = database.sql("SELECT clock_timestamp()").replace(" ", "T") + ":00"
    time.sleep(0.1)
    database.sql("UPDATE big SET v = reverse(v) WHERE n % 10 = 1")
    step(database, "all is archived", "check")
    step(database, "drill", "drill")
    print(f"  of that until it could be asked: {database.report('drill')['restore_seconds']:.1f} s")
    step(database, "drill up to a moment", "drill", "--to", moment)
    kept = sum(one.stat().st_size for one in database.repository.rglob("*") if one.is_file())
    print(f"the repository has {kept / 2**20:.0f} MiB")


def step(database: Database, what: str, *words: str) -> None:
    """Run one command and print how long it took."""
    began = time.monotonic()
    with contextlib.redirect_stdout(io.StringIO()):
        code = database.run(*words)
    if code != 0:
        raise SystemExit(f"{what}: status {code}")
    print(f"{what}: {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
