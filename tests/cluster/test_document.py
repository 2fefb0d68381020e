import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cluster.document import MAX_BYTES, MAX_DEPTH, Position, parse
from cluster.errors import ConfigErrors


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("22:30", "22:30"),
        ("no", "no"),
        ("off", "off"),
        ("1_000", "1_000"),
        ("2026-01-02", "2026-01-02"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1e3", 1000.0),
        ("true", True),
        ("~", None),
        ("", None),
        ("''", ""),
        ("'10'", "10"),
        ("<<", "<<"),
    ],
)
def test_a_scalar_means_what_yaml_1_2_says(written: str, meant: object) -> None:
    assert parse(f"key: {written}\n".encode(), "c.yml").value == {"key": meant}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "c.yml:1:1: the file is empty"),
        (b"# only a comment\n", "c.yml:1:1: the file is empty"),
        (b"- a\n", "c.yml:1:1: the file must be a mapping"),
        (b"a: 1\n---\nb: 2\n", "c.yml:2:1: "),
        (b"a:\n  b: c: d\n", "c.yml:2:7: mapping values are not allowed here"),
        (b"a: &x 1\n", "c.yml:1:4: anchors and aliases are not read"),
        (b"a: *x\n", "c.yml:1:4: anchors and aliases are not read"),
        (b'a: "\\uD800"\n', "c.yml:1:4: \\ud800 to \\udfff are no characters"),
        (b'"\\uDFFF": a\n', "c.yml:1:1: \\ud800 to \\udfff are no characters"),
        (b"a: 1\nb: \xff\n", "c.yml:2:1: the file is not UTF-8"),
        (b"a: 1\nb: \x07\n", "c.yml:2:4: a control character"),
        (b"[" * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        (b"a: {" * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        (b" " * (MAX_BYTES + 1), "more than"),
        (b"a: '", "c.yml:1:5: "),
    ],
)
def test_what_is_no_document_is_refused_with_its_place(data: bytes, says: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse(data, "c.yml")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\na: 2\n", "c.yml:2:1: a: this key is already on line 1. Keep one of the two."),
        ("a: {b: 1,\n  b: 2}\n", "c.yml:2:3: a.b: this key is already on line 1."),
        ("3: x\n", "c.yml:1:1: the key 3 is not text. Put it in quotes."),
        ("no: x\n~: y\n", "c.yml:2:1: the key ~ is not text."),
        ("? [a]\n: x\n", "c.yml:1:3: the key a list or mapping is not text."),
        ("a: !!python/object:os.system ls\n", "c.yml:1:4: a: the tag"),
        ("a: !x [1]\n", "c.yml:1:4: a: the tag !x is not read."),
        (f"a: {'9' * 5000}\n", "c.yml:1:4: a: 99999999999999999999 is not a number"),
    ],
)
def test_a_mistake_inside_leaves_the_rest_to_be_read(text: str, says: str) -> None:
    document = parse((text + "z: 1\n").encode(), "c.yml")
    assert document.value["z"] == 1
    assert any(str(problem).startswith(says) for problem in document.problems)


def test_the_place_of_a_key_or_item_or_of_the_nearest_thing_around_it() -> None:
    document = parse(b"a:\n  b:\n    - x\n    - {c: 1}\n", "c.yml")
    assert document.position(("a", "b")) == Position(2, 3)
    assert document.position(("a", "b", 1, "c")) == Position(4, 8)
    assert document.position(("a", "b", 1, "missing", "deeper")) == Position(4, 7)
    assert document.position(("elsewhere",)) == Position(1, 1)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(st.dictionaries(st.text(max_size=8), VALUES, min_size=1, max_size=5))
def test_quoted_text_comes_back_as_it_was(value: dict[str, object]) -> None:
    text = yaml.safe_dump(value, default_style='"', allow_unicode=True)
    document = parse(text.encode(), "c.yml")
    assert not document.problems
    assert document.value == value


def test_what_stands_at_a_path_is_found_and_what_is_shaped_otherwise_is_passed_over() -> None:
    document = parse(b"a:\n  b: [x, 3, y]\n", "c.yml")
    assert document.at("a", "b", 1) == 3
    assert document.at("a", "b", 9) is document.at("a", "b", "x") is document.at("z") is None
    assert document.mapping("a") == {"b": ["x", 3, "y"]}
    assert document.mapping("a", "b") == {}
    assert document.words("a", "b") == [(0, "x"), (2, "y")]
