"""What is left of an exposition that is too long is a valid one, and what is not is counted."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from exporter.cutting import cut

FAMILY = b"# HELP a A.\n# TYPE a gauge\na 1\n"
HISTOGRAM = b'# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n'


def test_what_is_short_enough_stays_as_it_is() -> None:
    assert cut(FAMILY + HISTOGRAM, 5) == (FAMILY + HISTOGRAM, 0)
    assert cut(b"", 1) == (b"", 0)


def test_a_family_of_which_nothing_is_left_loses_its_header() -> None:
    assert cut(FAMILY + b"# TYPE b gauge\nb 1\n", 1) == (FAMILY, 1)


def test_a_histogram_is_cut_whole_and_what_comes_behind_it_may_stay() -> None:
    assert cut(HISTOGRAM + FAMILY, 3) == (FAMILY, 4)
    assert cut(FAMILY + HISTOGRAM, 4) == (FAMILY, 4)


@given(
    st.lists(st.tuples(st.sampled_from(["gauge", "counter", "untyped"]), st.integers(1, 20))),
    st.integers(1, 60),
)
def test_whatever_is_cut_the_rest_is_valid_and_the_sums_agree(
    families: list[tuple[str, int]], most: int
) -> None:
    body = "".join(
        f"# HELP m{number} M.\n# TYPE m{number} {kind}\n"
        + "".join(f'm{number}{{n="{one}"}} 1\n' for one in range(size))
        for number, (kind, size) in enumerate(families)
    )
    left, out = cut(body.encode(), most)
    seen = list(text_string_to_metric_families(left.decode()))
    assert all(family.samples for family in seen)
    whole = sum(size for _, size in families)
    assert (sum(len(family.samples) for family in seen), out) == (
        min(most, whole),
        max(0, whole - most),
    )
    assert body.encode().startswith(left)
