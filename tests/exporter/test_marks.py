"""Marks: what the gate has written, and what cannot have been the gate."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.collector import Absent, Malformed
from exporter.collectors.marks import MAX_BYTES, Mark, Marks, parse

FIXTURE = (Path(__file__).parent / "fixtures/marks.json").read_bytes()


def one(**changes: object) -> bytes:
    """A file with one mark, something of it changed."""
    mark = {
        "mark": "pool.drain",
        "subject": "web/web1",
        "owners": ["person:alice"],
        "since": "2026-01-02T03:04:05Z",
    }
    return json.dumps({"v": 1, "marks": [mark | changes]}).encode()


def test_captured_marks() -> None:
    assert parse(FIXTURE) == [
        Mark("pool.drain", "web/web1", ("incident", "person"), 1_700_000_000.0),
        Mark("address.decline", "vip", ("lock",), 1_700_000_000.5),
    ]


def test_a_gate_without_marks_has_none() -> None:
    assert parse(b'{"v":1,"marks":[]}') == []


def test_a_newer_gate_may_say_more_of_a_mark() -> None:
    assert len(parse(one(applied=None, reason="x"))) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        FIXTURE[:-3],
        b"[" * 100_000,
        b"\xff\xfe",
        b"[]",
        b'{"v":2,"marks":[]}',
        b'{"v":1,"marks":{}}',
        b'{"marks":[]}',
        b'{"v":1,"marks":["a"]}',
        b'{"v":' + b"9" * 5000 + b',"marks":[]}',
        one(mark="Pool Drain"),
        one(mark=1),
        one(subject=""),
        one(subject="\ud800"),
        one(subject="web\r/web1"),
        one(owners=[]),
        one(owners="person:alice"),
        one(owners=["nobody:alice"]),
        one(owners=["person:"]),
        one(owners=["person"]),
        one(owners=[None]),
        one(since=1),
        one(since="yesterday"),
        one(since="2026-01-02T03:04:05"),
        json.dumps({"v": 1, "marks": json.loads(one())["marks"] * 2}).encode(),
    ],
)
def test_marks_that_cannot_be_right_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="marks"):
        parse(data)


def test_a_gate_that_does_not_know_its_marks_is_no_gate_without_marks() -> None:
    with pytest.raises(Malformed, match="the gate cannot read its own"):
        parse(b'{"v":1,"marks":null}')


@given(data=st.binary(max_size=100), cut=st.integers(0, len(FIXTURE)))
def test_no_bytes_whatever_bring_out_another_error(data: bytes, cut: int) -> None:
    for text in (data, FIXTURE[:cut] + data, b'{"v":1,"marks":[' + data + b"]}"):
        try:
            parse(text)
        except Malformed:
            pass


def test_a_file_that_is_replaced_is_read_anew_and_one_that_is_gone_is_absent(
    tmp_path: Path,
) -> None:
    path, new = tmp_path / "marks.json", tmp_path / ".new"
    collector = Marks(path)
    with pytest.raises(Absent):
        collector.collect()
    path.write_bytes(one())
    assert b'owner_kind="person",subject="web/web1"} 1767323045.0\n' in collector.collect()
    assert collector.collect() == collector.collect()
    new.write_bytes(one(owners=["lock:upgrade"]))
    new.rename(path)
    assert b'owner_kind="lock"' in collector.collect()
    new.write_bytes(b'{"v":1,"marks":[]}')
    new.rename(path)
    assert collector.collect() == b""
    path.unlink()
    with pytest.raises(Absent):
        collector.collect()


def test_after_a_damaged_file_nothing_older_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "marks.json"
    collector = Marks(path)
    path.write_bytes(one())
    collector.collect()
    path.write_bytes(one()[:-2])
    for _ in range(2):
        with pytest.raises(Malformed):
            collector.collect()


def test_a_file_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "marks.json"
    path.write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(Malformed, match="more than"):
        Marks(path).collect()
