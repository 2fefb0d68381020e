"""A release reads what the one before it wrote, and refuses in words what it cannot read."""

import dataclasses
import shutil
import sqlite3
import types
import typing
from enum import Enum
from pathlib import Path

import pytest

from healer.adapters import codec
from healer.adapters.journal import SqliteStore
from healer.adapters.journal_file import StoreSettings
from healer.adapters.upcasts import UPCASTS, VERSIONS
from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core import upkeep
from healer.core import upkeep_events as ue
from healer.core.attempt import Outcome
from healer.core.board import Board
from healer.core.states import State
from healer.core.steady import Now
from healer.errors import ConfigError
from tests.healer.adapters.clocks import HandClock

HERE = Path(__file__).parent
FIELDS = HERE / "events.txt"
OLD = HERE / "journals" / "format-1.db"
"""Written by the release before events had versions of their own: every kind is version 1."""


# --- Fields by kind and version --------------------------------------------------------------


def shape(what: object) -> str:
    """Say what JSON of a type looks like, in one line, with everything that stands in it."""
    if isinstance(what, type) and dataclasses.is_dataclass(what):
        hints = typing.get_type_hints(what)
        fields = (f"{one.name}: {shape(hints[one.name])}" for one in dataclasses.fields(what))
        return "{" + ", ".join(fields) + "}"
    if isinstance(what, type) and issubclass(what, Enum):
        return "|".join(repr(one.value) for one in what)
    inner = typing.get_args(what)
    if isinstance(what, types.UnionType) or typing.get_origin(what) is typing.Union:
        return " | ".join(shape(one) for one in inner)
    if typing.get_origin(what) is tuple:
        return "[" + ", ".join("..." if one is Ellipsis else shape(one) for one in inner) + "]"
    return "null" if what is type(None) else getattr(what, "__name__", repr(what))


def fields_of(kind: str) -> str:
    return shape(codec.KINDS[kind])


def accepted() -> dict[tuple[str, int], str]:
    found = {}
    for line in FIELDS.read_text().splitlines():
        if line and not line.startswith("#"):
            kind, version, fields = line.split(" ", 2)
            found[kind, int(version)] = fields
    return found


def test_no_event_changes_its_fields_without_a_new_version(request):
    """What fails here changes what is on the disk of every healer: see healer/adapters/upcasts.py."""
    known = accepted()
    if request.config.getoption("--rewrite"):
        for kind in codec.KINDS:
            known.setdefault((kind, codec.version_of(kind)), fields_of(kind))
        heading = "# The fields of every event by kind and version. A line that stands is never changed.\n"
        lines = (
            f"{kind} {version} {fields}\n" for (kind, version), fields in sorted(known.items())
        )
        FIELDS.write_text(heading + "".join(lines))
    for kind in codec.KINDS:
        version = codec.version_of(kind)
        assert known.get((kind, version)) == fields_of(kind), (
            f"{kind}: its fields are not those of version {version}. Give it version {version + 1} and a step "
            "in healer/adapters/upcasts.py; `--rewrite` then adds the new line and never changes an old one"
        )


def test_every_version_that_was_ever_accepted_can_still_be_read():
    codec.require(accepted())
    codec.require(
        (kind, version) for kind in codec.KINDS for version in range(1, codec.version_of(kind) + 1)
    )


def test_versions_and_steps_are_of_kinds_that_exist():
    assert VERSIONS.keys() <= codec.KINDS.keys()
    for kind, step in UPCASTS:
        assert 1 <= step < codec.version_of(kind)


# --- The neighbour's journal -----------------------------------------------------------------


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "journal.db"
    shutil.copy(OLD, path)
    return StoreSettings(path, 64 * 1024, 10.0)


def test_the_older_journal_holds_each_of_the_26_kinds_of_then():
    db = sqlite3.connect(f"{OLD.as_uri()}?immutable=1", uri=True)
    written = {kind for (kind,) in db.execute("SELECT DISTINCT kind FROM events")}
    db.close()
    assert (len(written), written - codec.KINDS.keys()) == (26, set())


async def test_a_journal_of_the_release_before_is_read_and_gone_on_with(old):
    store = await SqliteStore.open(old, HandClock())
    board = Board()
    for record in await store.read():
        board.apply(record)
    healed, theirs, mitigated = (board.incidents[one] for one in ("1", "2", "3"))
    assert (healed.state, healed.outcome) == (State.CLOSED, "healed")
    assert [one.outcome for one in healed.attempts] == [Outcome.NOT_VERIFIED, Outcome.VERIFIED]
    assert (theirs.state, theirs.escalation) == (State.ESCALATED, "denied")
    assert mitigated.state is State.MITIGATED
    assert (board.armed_at is not None, board.freezes, board.holds) == (True, {}, {})
    assert store.token.era == 3

    before = await store.read()
    ended = [one.event for one in before if isinstance(one.event, ie.VerificationEnded)]
    assert [one.served_at for one in ended] == [None, None]
    written = await store.append([ev.Frozen("a", "ann")])
    await store.release()
    again = await SqliteStore.open(old, HandClock())
    assert await again.read() == before + written
    await again.release()


def test_an_upkeep_of_the_release_before_keeps_the_name_of_its_marks():
    body = '{"upkeep":"7","kind":"lock","node":"web1","reason":"","by":"id","until":9.0,"roll":""}'
    event = codec.decode("upkeep_began", 1, body)
    assert isinstance(event, ue.UpkeepBegan)
    assert upkeep.begun(event, Now(1.0)).owner == "lock:upkeep-7"


def forged(path, kind, version, body="{}"):
    """Append a record that this release never writes, with its hash in order."""
    from healer.adapters.chain import Row, link

    db = sqlite3.connect(path)
    seq, sha = db.execute("SELECT head_seq, head_sha256 FROM store").fetchone()
    row = Row(seq + 1, 1.0, "boot-1", 1.0, None, kind, version, body, sha)
    with db:
        db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        head = link(row)
        db.execute("UPDATE store SET head_seq = ?, head_sha256 = ?", (head.seq, head.sha256))
    db.close()


@pytest.mark.parametrize(
    ("kind", "version", "said"),
    [
        ("gate_opened", 1, "kind 'gate_opened' is not known"),
        ("unfrozen", 2, "kind 'unfrozen' version 2 was written by a newer hale-healer"),
        # Hints are left out of a replay, and would be met only when somebody asks for them.
        ("alerts_received", 2, "kind 'alerts_received' version 2 was written by a newer"),
        ("unfrozen", 0, "kind 'unfrozen' version 0 is too old"),
    ],
)
async def test_what_this_release_cannot_read_keeps_it_from_starting(old, kind, version, said):
    forged(old.path, kind, version)
    before = old.path.read_bytes()
    with pytest.raises(ConfigError, match=said) as refused:
        await SqliteStore.open(old, HandClock())
    assert str(old.path) in str(refused.value)
    assert "hale-healer 0.2.0 started last" in str(refused.value)
    assert "tart " in str(refused.value)
    assert old.path.read_bytes() == before


async def test_tables_of_a_newer_release_are_refused_in_words(old):
    db = sqlite3.connect(old.path)
    with db:
        db.execute("UPDATE store SET format = 99")
    db.close()
    with pytest.raises(ConfigError, match="format 99, and this hale-healer knows up to"):
        await SqliteStore.open(old, HandClock())
