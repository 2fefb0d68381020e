"""An array that arrives in parts is the array that was sent, wherever it was cut."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healer.adapters.json_array import ArrayReader

WORDS = st.text(max_size=8)
OBJECTS = st.lists(
    st.dictionaries(WORDS, WORDS | st.lists(st.dictionaries(WORDS, WORDS), max_size=2), max_size=3)
)


def read(*parts: bytes) -> list[dict[str, Any]]:
    reader = ArrayReader()
    found = [one for part in parts for one in reader.feed(part)]
    return [*found, *reader.close()]


@given(OBJECTS, st.sampled_from([None, 1]), st.booleans(), st.integers(1, 40))
def test_it_is_the_same_however_it_is_cut(objects, indent, escaped, size):
    body = json.dumps(objects, indent=indent, ensure_ascii=escaped).encode(errors="surrogatepass")
    assert read(*(body[at : at + size] for at in range(0, len(body), size))) == objects


def test_an_object_is_yielded_as_soon_as_it_is_whole():
    reader = ArrayReader()
    assert list(reader.feed(b'[{"a": 1}, {"b"')) == [{"a": 1}]
    assert list(reader.feed(b": 2}")) == [{"b": 2}]
    assert list(reader.feed(b"]")) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"null",
        b"{}",
        b'"["',
        b"[",
        b"[1]",
        b"[[]]",
        b"[{}",
        b"[{},",
        b"[{},]",
        b"[,{}]",
        b"[{}{}]",
        b"[{} {}]",
        b"[{}]]",
        b"[{}][",
        b"[{}]x",
        b"[{'a': 1}]",
        b'[{"a": 1]',
        b'[{"a": "\xff"}]',
        b'[{"a": "\xe2\x82',
        b"\xef\xbb\xbf[]",
        b"[" + b'{"a":' * 5000,
        b"[" + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"]",
    ],
    ids=lambda body: repr(body[:20]),
)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_what_is_no_array_of_objects_is_an_error(body, size):
    with pytest.raises(ValueError, match=r"\w"):
        read(*(body[at : at + size] for at in range(0, len(body), size)))


def test_a_large_object_is_looked_at_seldom_while_it_arrives(monkeypatch):
    looked = []
    reader = ArrayReader()
    decode = reader._object.raw_decode
    monkeypatch.setattr(
        reader._object, "raw_decode", lambda text, at: looked.append(len(text)) or decode(text, at)
    )
    body = json.dumps([{"a": "x" * 1_000_000}]).encode()
    found = [one for at in range(0, len(body), 1000) for one in reader.feed(body[at : at + 1000])]
    assert [*found, *reader.close()] == [{"a": "x" * 1_000_000}]
    assert sum(looked) <= 4 * len(body)
