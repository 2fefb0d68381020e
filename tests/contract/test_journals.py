"""A line is judged by the same fields in a node's own journal and in the copy that outlives the node."""

import json

import pytest

from exporter.failures.classifier import Classifier
from exporter.failures.journal import FIELDS
from healer.adapters import journal_copies

SAID = "EDAC MC1: 3 CE memory read error on DIMM_A1 (channel:1 slot:0)"


def test_both_ask_journalctl_for_the_same() -> None:
    assert sorted(journal_copies.FIELDS) == sorted(FIELDS)


@pytest.mark.parametrize(
    ("facility", "kind"), [("0", "memory_hw"), ("", "memory_hw"), ("1", "benign")]
)
def test_a_field_that_the_copy_does_not_have_is_empty_and_tells_nothing(
    facility: str, kind: str
) -> None:
    entry = dict.fromkeys(FIELDS, "") | {"MESSAGE": SAID, "_TRANSPORT": "kernel"}
    entry["SYSLOG_FACILITY"] = facility
    assert Classifier().classify(json.dumps(entry)).kind == kind
