"""What is squeezed is what it was, in gzip's form, whatever was squeezed before."""

import random
import zlib

import pytest

from exporter.squeezing import LARGE_BYTES, LEAST_SPLIT, Squeezer

LINE = b'node_cpu_seconds_total{cpu="%d",mode="user"} %d.25\n'
HEADER = b"# HELP m%d Text.\n# TYPE m%d counter\n"


def unpacked(made: bytes) -> bytes:
    """The text of a single gzip member; its length and its sum are looked at."""
    reading = zlib.decompressobj(16 + zlib.MAX_WBITS)
    text = reading.decompress(made)
    assert reading.eof
    assert not reading.unused_data
    return text


def lines(chance: random.Random, count: int) -> bytes:
    return b"".join(LINE % (number, chance.randrange(10**9)) for number in range(count))


@pytest.mark.parametrize("size", [0, 1, 30_000, LARGE_BYTES - 1, LARGE_BYTES, 3_000_000])
def test_it_comes_back_whole_and_much_shorter_a_second_and_a_third_time_too(size: int) -> None:
    body = b"".join(LINE % (number % 128, number * 7919) for number in range(size // 40 + 1))
    body = (body * 2)[:size]
    squeeze = Squeezer()
    for _ in range(3):
        made = squeeze([body])
        assert unpacked(made) == body
        assert size < 10_000 or len(made) < size / 4


def family(chance: random.Random, number: int) -> bytes:
    return HEADER % (number, number) + lines(chance, chance.choice([1, 1, 50, 400]))


def test_whatever_changes_from_one_time_to_the_next_it_comes_back_whole() -> None:
    chance, squeeze = random.Random(7), Squeezer()  # noqa: S311 - the same for everyone
    parts = [[family(chance, number) for number in range(4)] for _ in range(6)]
    for _ in range(300):
        part = parts[chance.randrange(6)]
        if chance.random() < 0.2:
            part.pop() if len(part) > 3 else part.append(family(chance, len(part)))
        if chance.random() < 0.5:
            number = chance.randrange(len(part))
            part[number] = family(chance, number)
        shown = [b"".join(part) for part in parts[chance.randrange(2) :]]
        assert unpacked(squeeze(shown)) == b"".join(shown)


def test_a_family_that_stands_still_in_a_part_that_does_not_is_squeezed_once() -> None:
    chance, squeeze = random.Random(7), Squeezer()  # noqa: S311 - the same for everyone
    still = HEADER % (1, 1) + lines(chance, LEAST_SPLIT // 50)
    seen = [squeeze([b"a 1\n", still + HEADER % (2, 2) + b"m2 %d\n" % at]) for at in range(9)]
    (kept,) = {one.packed for one in squeeze._pieces if one.packed is not None}
    assert [kept in made for made in seen] == [False] + 8 * [True]
