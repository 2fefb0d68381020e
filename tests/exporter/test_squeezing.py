"""What is squeezed is what it was, in gzip's form, and always the same bytes."""

import gzip

import pytest

from exporter.squeezing import LARGE_BYTES, squeezed

LINE = b'node_cpu_seconds_total{cpu="%d",mode="user"} %d.25\n'


@pytest.mark.parametrize("size", [0, 1, 30_000, LARGE_BYTES - 1, LARGE_BYTES, 3_000_000])
def test_it_comes_back_whole_and_much_shorter(size: int) -> None:
    body = b"".join(LINE % (number % 128, number * 7919) for number in range(size // 40 + 1))
    body = (body * 2)[:size]
    made = squeezed(body)
    assert gzip.decompress(made) == body
    assert made == squeezed(body)
    assert size < 10_000 or len(made) < size / 4
