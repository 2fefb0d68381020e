"""The ledger: an id runs at most once, whatever happens to the process, the disk and the ring."""

import os
import uuid
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gate.book import Book, Forgotten, Torn, Unseen, key_of
from gate.ids import ActionId, Token
from gate.ledger import RECORDS_AT, Ledger
from gate.record import HEADER_BYTES, RECORD_BYTES, Record, prefix
from gate.unwritable import LedgerUnwritable, NoLedgerYet
from gate.words import State

BOOT = uuid.UUID(int=1)


def record(number: int, state: State = State.BEGUN, target: str = "nginx.service") -> Record:
    return Record(
        id=ActionId(1, 4, number),
        sequence=0,
        content=bytes([number % 256]) * 32,
        key=key_of("service.restart", target),
        verb="service.restart",
        target=target,
        boot_id=BOOT,
        begun_wall=1,
        begun_boottime=number,
        state=state,
    )


def damage(path: Path, at: int, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY)
    os.pwrite(fd, data, at)
    os.close(fd)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(tmp_path / "ledger")
    made.create_if_missing(slots=4)
    return made


def test_what_was_written_is_found_by_the_next_process(ledger: Ledger) -> None:
    with ledger.open() as book:
        book.admit(Token(1, 4), "journal-x")
        begun = book.add(record(1))
        book.finish(replace(begun, state=State.DONE, reason="restarted", detail="ü" * 300))
    with ledger.open() as book:
        found = book.look_up(ActionId(1, 4, 1))
        assert isinstance(found, Record)
        assert (found.state, found.reason, found.detail) == (State.DONE, "restarted", "ü" * 100)
        assert (book.header.token, book.header.store) == (Token(1, 4), "journal-x")
        assert book.begun() is None


def test_a_ledger_is_made_once_and_has_its_whole_size(ledger: Ledger) -> None:
    assert not ledger.create_if_missing(slots=9)
    stat = ledger.path.stat()
    assert stat.st_size == RECORDS_AT + 4 * RECORD_BYTES
    assert stat.st_blocks * 512 >= stat.st_size
    assert stat.st_mode & 0o777 == 0o600


def test_overwritten_ids_are_forgotten_and_say_so(ledger: Ledger) -> None:
    with ledger.open() as book:
        for number in range(1, 7):
            book.add(record(number, State.DONE))
        assert book.look_up(ActionId(1, 4, 2)) == Forgotten(ActionId(1, 4, 2))
        assert isinstance(book.look_up(ActionId(1, 4, 3)), Record)
        assert book.look_up(ActionId(1, 4, 7)) == Unseen()


def test_a_running_action_is_never_overwritten(ledger: Ledger) -> None:
    with ledger.open() as book:
        book.add(record(1))
        for number in range(2, 5):
            book.add(record(number, State.VOIDED))
        with pytest.raises(LedgerUnwritable, match="still runs"):
            book.add(record(5, State.VOIDED))
        assert book.look_up(ActionId(1, 4, 5)) == Unseen()


def test_a_torn_end_leaves_an_unknown_end(ledger: Ledger) -> None:
    with ledger.open() as book:
        book.add(record(1, State.DONE))
    damage(ledger.path, RECORDS_AT + 300, b"\xff" * 32)
    with ledger.open() as book:
        found = book.look_up(ActionId(1, 4, 1))
        assert isinstance(found, Record)
        assert (found.state, found.reason) == (State.UNKNOWN, "torn_record")


def test_a_torn_record_is_no_evidence_that_nothing_ran(ledger: Ledger) -> None:
    """Whatever it was, its id is not above the highest; newer ids are certain."""
    with ledger.open() as book:
        for number in (1, 2, 3):
            book.add(record(number, State.DONE))
    damage(ledger.path, RECORDS_AT + RECORD_BYTES, b"\0" * RECORD_BYTES)
    with ledger.open() as book:
        assert book.look_up(ActionId(1, 4, 2)) == Torn()
        assert isinstance(book.look_up(ActionId(1, 4, 1)), Record)
        assert book.look_up(ActionId(1, 4, 4)) == Unseen()


def test_a_record_whose_header_was_lost_still_counts(ledger: Ledger) -> None:
    with ledger.open() as book:
        book.admit(Token(1, 4), "journal-x")
        written = book.header.generation + 1
        book.add(record(1))
    damage(ledger.path, written % 2 * HEADER_BYTES, b"torn")
    with ledger.open() as book:
        assert isinstance(book.look_up(ActionId(1, 4, 1)), Record)
        begun = book.begun()
        assert begun is not None
        assert begun.id == ActionId(1, 4, 1)
        assert book.header.next_sequence == 1


def test_a_ledger_without_any_header_is_never_made_anew_silently(ledger: Ledger) -> None:
    damage(ledger.path, 0, b"x" * 2 * HEADER_BYTES)
    before = ledger.path.read_bytes()
    assert not ledger.create_if_missing()
    with pytest.raises(LedgerUnwritable, match="move the file away"), ledger.open():
        pass
    assert ledger.path.read_bytes() == before


def test_a_short_file_is_refused(ledger: Ledger) -> None:
    os.truncate(ledger.path, RECORDS_AT + RECORD_BYTES)
    with pytest.raises(LedgerUnwritable, match="too short"), ledger.open():
        pass


def test_a_link_in_place_of_the_ledger_is_refused(tmp_path: Path, ledger: Ledger) -> None:
    link = tmp_path / "link"
    link.symlink_to(ledger.path)
    with pytest.raises(LedgerUnwritable), Ledger(link).open():
        pass


def test_an_id_inside_another_records_text_is_not_found(ledger: Ledger) -> None:
    with ledger.open() as book:
        hidden = prefix(ActionId(1, 4, 1)).decode("latin-1")
        book.add(record(5, State.DONE, target="x" + hidden))
        assert book.look_up(ActionId(1, 4, 1)) == Unseen()


def test_the_last_run_is_the_newest_of_that_target_around_the_ring(ledger: Ledger) -> None:
    with ledger.open() as book:
        for number in range(1, 6):
            book.add(record(number, State.DONE, target="a" if number % 2 else "b"))
        book.add(record(6, State.VOIDED, target="b"))
        newest = {name: book.last_run("service.restart", name) for name in ("a", "b", "c")}
    assert {name: found and found.id.number for name, found in newest.items()} == {
        "a": 5,
        "b": 4,
        "c": None,
    }


def test_a_disk_that_cannot_even_say_whether_there_is_a_ledger_is_an_unusable_one(
    tmp_path: Path,
) -> None:
    """A name that is too long stands for a disk that answers EIO: stat() fails, and not with ENOENT."""
    with pytest.raises(LedgerUnwritable, match="none can be made"):
        Ledger(tmp_path / ("x" * 300)).create_if_missing()


def test_a_ledger_that_is_not_there_yet_is_told_from_one_that_cannot_be_used(
    tmp_path: Path,
) -> None:
    with pytest.raises(NoLedgerYet), Ledger(tmp_path / "ledger").open():
        pass
    with pytest.raises(LedgerUnwritable) as caught, Ledger(tmp_path).open():
        pass
    assert not isinstance(caught.value, NoLedgerYet)


class AnyOrder(RuleBasedStateMachine):
    """Begin, end, void, crash and tear in any order, over a ring of four.

    `acted` counts effects: what a session would have done after `begun` was durable.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.ledger = Ledger(Path(self.folder.name) / "ledger")
        self.ledger.create_if_missing(slots=4)
        self.acted: dict[int, int] = {}
        self.voided: set[int] = set()
        self.running: Record | None = None

    def teardown(self) -> None:
        self.folder.cleanup()

    def sweep(self, book: Book) -> None:
        if self.running is None:
            book.interrupt(BOOT)

    @rule(number=st.integers(1, 12))
    def request(self, number: int) -> None:
        with self.ledger.open() as book:
            if self.running is not None:
                return
            self.sweep(book)
            if isinstance(book.look_up(ActionId(1, 4, number)), Unseen):
                assert number not in self.voided
                self.running = book.add(record(number))
                self.acted[number] = self.acted.get(number, 0) + 1

    @precondition(lambda self: self.running is not None)
    @rule(state=st.sampled_from((State.DONE, State.FAILED, State.UNKNOWN)))
    def finish(self, state: State) -> None:
        assert self.running is not None
        with self.ledger.open() as book:
            book.finish(replace(self.running, state=state))
        self.running = None

    @rule(number=st.integers(1, 12))
    def settle(self, number: int) -> None:
        with self.ledger.open() as book:
            self.sweep(book)
            match book.look_up(ActionId(1, 4, number)):
                case Unseen():
                    assert number not in self.acted
                    try:
                        book.add(record(number, State.VOIDED))
                    except LedgerUnwritable:
                        return  # it would have overwritten the running one
                    self.voided.add(number)

    @rule()
    def crash(self) -> None:
        self.running = None

    @precondition(lambda self: self.running is None)
    @rule(
        slot=st.integers(0, 3),
        at=st.sampled_from((0, 12, 20, 100, 245, 300)),
        data=st.binary(min_size=8, max_size=64),
    )
    def tear_a_record(self, slot: int, at: int, data: bytes) -> None:
        damage(self.ledger.path, RECORDS_AT + slot * RECORD_BYTES + at, data)

    @precondition(lambda self: self.running is None)
    @rule()
    def tear_the_newest_header(self) -> None:
        with self.ledger.open() as book:
            generation = book.header.generation
            newest = book.newest(1)
        # A torn header and a torn newest record at once would need two faults in one instant.
        if newest and newest[0].sequence + 1 == book.header.next_sequence:
            damage(self.ledger.path, generation % 2 * HEADER_BYTES, b"torn")
            with self.ledger.open() as book:
                book.admit(Token(1, 4), "journal-x")

    @invariant()
    def nothing_ran_twice(self) -> None:
        assert all(times == 1 for times in self.acted.values())
        assert not self.voided & self.acted.keys()


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
