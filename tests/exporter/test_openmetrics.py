"""OpenMetrics, made of the text format: read by prometheus-client's own parser, sample for sample."""

import random
import re
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics

from exporter.openmetrics import MOST_KEPT, OpenMetrics
from exporter.selfmetrics import SelfMetrics
from tests.exporter.golden import GOLDEN

OF_EVERY_KIND = b"""\
# HELP a_total Say "a".
# TYPE a_total counter
a_total{x="# TYPE \\n# "} 1
# HELP b
# TYPE b counter
b 2
# HELP c Not said.
# TYPE c untyped
c 3
# TYPE d histogram
d_bucket{le="1"} 1
d_bucket{le="2.5"} 1
d_bucket{le="+Inf"} 2
d_sum 4
d_count 2
# HELP e E.
# TYPE e summary
e{quantile="1"} 5
e_sum 5
e_count 1
# HELP f Without a type.
f 6
# HELP g Empty.
# TYPE g gauge
"""


def samples(exposition: str) -> list[str]:
    return [row for row in exposition.splitlines() if not row.startswith("#")]


@pytest.mark.parametrize("golden", sorted(GOLDEN.glob("*.prom")), ids=lambda path: path.stem)
def test_every_sample_of_every_collector_is_the_same(golden: Path) -> None:
    body = golden.read_bytes()
    made = OpenMetrics()(body).decode()
    assert list(openmetrics(made)), "prometheus-client can read it"
    assert samples(made) == samples(body.decode())


def test_our_own_process_is_told_too() -> None:
    made = OpenMetrics()(SelfMetrics()()).decode()
    assert {"process_cpu_seconds", "python_info"} <= {one.name for one in openmetrics(made)}


def test_each_type_is_called_what_openmetrics_calls_it() -> None:
    made = OpenMetrics()(OF_EVERY_KIND).decode()
    told = {one.name: (one.type, one.documentation) for one in openmetrics(made)}
    assert told == {
        "a": ("counter", 'Say "a".'),
        "b": ("unknown", ""),
        "c": ("unknown", "Not said."),
        "d": ("histogram", ""),
        "e": ("summary", "E."),
        "f": ("unknown", "Without a type."),
        "g": ("gauge", "Empty."),
    }
    assert 'd_bucket{le="1.0"} 1' in made
    assert 'e{quantile="1.0"} 5' in made
    assert 'a_total{x="# TYPE \\n# "} 1' in made


@pytest.mark.parametrize(
    ("body", "made"), [(b"", b"# EOF\n"), (b"a 1\n", b"a 1\n# EOF\n"), (b"a 1", b"a 1\n# EOF\n")]
)
def test_what_has_no_lines_above_it_is_left_as_it_is(body: bytes, made: bytes) -> None:
    assert OpenMetrics()(body) == made


def test_a_second_time_is_the_same_and_ever_new_names_fill_no_memory() -> None:
    turn = OpenMetrics()
    assert turn(OF_EVERY_KIND) == turn(OF_EVERY_KIND)
    turn(b"".join(b"# TYPE m%d gauge\nm%d 1\n" % (n, n) for n in range(MOST_KEPT + 1)))
    turn(OF_EVERY_KIND)
    assert len(turn._turned) < 10


def family(chance: random.Random, number: int) -> bytes:
    """One family as a collector may write it: with samples or none, of any type, its labels full of traps."""
    kind = chance.choice(["counter", "gauge", "untyped", "histogram"])
    name = f"m{number}" + chance.choice(["", "_total"])
    traps = ["", '{a="# TYPE "}', '{a=" counter"}', '{a="# HELP m0 Text."}']
    above = f"# HELP {name} Text.\n" * chance.choice([1, 1, 1, 0]) + f"# TYPE {name} {kind}\n"
    if kind == "histogram":
        return f'{above}{name}_bucket{{le="1"}} 1\n{name}_sum 1\n{name}_count 1\n'.encode()
    rows = "".join(f"{name}{chance.choice(traps)} {at}\n" for at in range(chance.randrange(3)))
    return (above + rows).encode()


def test_an_exposition_in_parts_is_what_it_is_as_a_whole_whatever_came_before() -> None:
    chance, turn = random.Random(7), OpenMetrics()  # noqa: S311 - the same for everyone
    parts = [b""] * 5
    for _ in range(3000):
        number = chance.randrange(5)
        if chance.random() < 0.5:  # the same families, and other numbers
            parts[number] = re.sub(
                rb" [0-9]+$", b" %d" % chance.randrange(9), parts[number], flags=re.M
            )
        else:
            families = [family(chance, one) for one in range(number * 10, number * 10 + 4)]
            parts[number] = b"".join(families[: chance.randrange(5)])
        assert b"".join(turn.of(parts)) == OpenMetrics()(b"".join(parts))


def test_no_help_of_ours_has_a_quotation_mark() -> None:
    goldens = [path.read_text() for path in GOLDEN.glob("*.prom")]
    helps = [row for text in goldens for row in text.splitlines() if row.startswith("# HELP ")]
    assert len(helps) > 500
    assert [row for row in helps if '"' in row] == []
