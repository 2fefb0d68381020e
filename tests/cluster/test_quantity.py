import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.quantity import MAX_BYTES, duration, duration_text, size, size_text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("30s", 30.0), ("5m", 300.0), ("2h", 7200.0), ("30d", 2592000.0), ("0s", 0.0)],
)
def test_a_duration_is_seconds(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "s", "-5s", "1.5s", "5 s", "5S", "5min", "1h30m", "5s\n", "٣s", "9999999d"]
)
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="Write"):
        duration(text)


@given(st.integers(0, 10**9).map(lambda milliseconds: milliseconds / 1000))
def test_a_duration_survives_being_written(seconds: float) -> None:
    assert duration(duration_text(seconds)) == seconds


@given(st.text(max_size=20))
def test_no_text_does_worse_than_a_value_error(text: str) -> None:
    for read in (duration, size):
        try:
            read(text)
        except ValueError:
            continue


@pytest.mark.parametrize(
    ("text", "count"), [("512B", 512), ("64KiB", 65536), ("4MiB", 4194304), ("1TiB", 1024**4)]
)
def test_a_size_is_bytes(text: str, count: int) -> None:
    assert size(text) == count


@pytest.mark.parametrize("text", ["4", "4MB", "4 MiB", "-1B", "1.5GiB", "", "999999999999TiB"])
def test_a_size_without_a_binary_unit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Write"):
        size(text)


@given(st.integers(0, 10**12 - 1))
def test_a_size_survives_being_written(count: int) -> None:
    assert size(size_text(count)) == count <= MAX_BYTES


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(90.0, "90s"), (120.0, "2m"), (86400.0, "1d"), (1.5, "1500ms"), (0.0, "0s")],
)
def test_the_largest_unit_without_a_fraction_is_written(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
