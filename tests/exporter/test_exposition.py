"""The text format, byte for byte."""

import pytest

from exporter.exposition import Family, Kind, block, line, number


def test_what_would_break_a_label_is_escaped() -> None:
    family = Family("x", Kind.GAUGE, "A \\ and\na line.")
    assert family.series(a='"\\\n', b="%s") == b'x{a="\\"\\\\\\n",b="%s"} '
    assert family.header() == b"# HELP x A \\\\ and\\na line.\n# TYPE x gauge\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**64 - 1, b"18446744073709551615"),
        (True, b"1"),
        (0.04, b"0.04"),
        (float("nan"), b"NaN"),
        (float("inf"), b"+Inf"),
        (float("-inf"), b"-Inf"),
    ],
)
def test_numbers_keep_every_digit(value: float, text: bytes) -> None:
    assert number(value) == text


def test_a_family_without_samples_is_not_mentioned() -> None:
    family = Family("x", Kind.COUNTER, "X.")
    assert block(family, []) == b""
    assert block(family, [line(family.series(), 1)]).endswith(b"# TYPE x counter\nx 1\n")
