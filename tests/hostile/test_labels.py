"""Hostile labels, from Alertmanager to the gate: nothing acts on them, and nothing is kept from acting by them."""

import asyncio
import io

import pytest
import structlog

from healer import logs
from healer.adapters.codec import decode, encode
from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import Alert
from healer.core.states import State
from healer.metrics import Metrics
from tests.healer.core.world import NOW, alert
from tests.healer.village import Village
from tests.hostile.words import HOSTILE, ODD

pytestmark = pytest.mark.looptime(start=0)

LABELS = (
    *("node", "service", "group", "failure_domain", "mountpoint", "failure"),
    *("heal", "severity", "cluster", "alertname", "note"),
)


def forged(label: str, word: str, began: float) -> Alert:
    """An alert like a true one but for one label."""
    true = dict(alert("ServiceDown", "web1/nginx", began=began).labels)
    labels = true | {label: word}
    return Alert(f"{label}:{word}", labels["alertname"], tuple(sorted(labels.items())), began)


def words_in(village: Village) -> str:
    """All that went to gates, to Prometheus or to Alertmanager."""
    return repr((village.gates.orders, village.alertmanagers.posted, village.second_path.calls))


@pytest.mark.parametrize("label", LABELS)
async def test_a_hostile_word_in_any_label_has_nothing_done(label: str) -> None:
    village = Village()
    async with village.armed():
        at = village.clock.wall()
        village.alertmanagers.stuck = [forged(label, word, at) for word in HOSTILE]
        await asyncio.sleep(30)
    assert village.gates.orders == []
    refused = {one.alert.fingerprint for one in village.written(ev.AlertRefused)}
    for word in ODD:
        # An empty one is refused by Alertmanager itself, which drops such labels.
        assert f"{label}:{word}" in refused, word


async def test_hostile_words_keep_nothing_true_from_being_healed_and_reach_no_gate() -> None:
    village = Village()
    async with village.armed():
        at = village.clock.wall()
        village.alertmanagers.stuck = [
            forged(label, word, at) for label in LABELS for word in HOSTILE
        ]
        await asyncio.sleep(5)
        village.fail()
        await asyncio.sleep(60)
        healed = [one for one in village.written(ie.IncidentClosed) if one.outcome == "healed"]
        assert len(healed) == 1
        assert village.journal.board.incidents[healed[0].incident].state is State.CLOSED
    (order,) = village.gates.orders
    assert (order.node, order.verb, order.args) == (
        "web1",
        "service.restart",
        (("unit", "nginx.service"),),
    )
    said = words_in(village)
    assert not any(word in said for word in HOSTILE if len(word) > 6)


@pytest.mark.parametrize("word", HOSTILE)
def test_a_hostile_word_is_journalled_as_it_is_and_reads_back_the_same(word: str) -> None:
    hint = ev.AlertsReceived((forged("note", word, NOW),))
    assert decode(*encode(hint)) == hint


@pytest.mark.parametrize("word", HOSTILE)
def test_a_hostile_word_begins_no_line_of_the_log_and_moves_no_cursor(word: str) -> None:
    written = io.StringIO()
    logs.configure(written)
    try:
        log = structlog.get_logger()
        log.warning("alert.refused", alert=word, sentence=f"{word} can never", have=[word, 1.5])
    finally:
        structlog.reset_defaults()
    text = written.getvalue()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert text[:-1].isprintable()


def test_a_number_in_the_log_stays_one_and_a_traceback_is_whole() -> None:
    written = io.StringIO()
    logs.configure(written)
    try:
        try:
            raise ValueError("a\x1b[2Jb")
        except ValueError:
            structlog.get_logger().error("run.failed", seconds=1.5, exc_info=True)
    finally:
        structlog.reset_defaults()
    text = written.getvalue()
    assert "seconds=1.5" in text
    assert "ValueError" in text
    assert "test_labels.py" in text
    assert text[:-1].isprintable()


async def test_no_hostile_word_becomes_a_series() -> None:
    village = Village()
    async with village.armed():
        at = village.clock.wall()
        village.alertmanagers.stuck = [
            forged(label, word, at) for label in LABELS for word in HOSTILE
        ]
        await asyncio.sleep(30)
    before = len(Metrics("test").exposition().splitlines())
    text = village.metrics.exposition().decode()
    assert not any(word in text for word in HOSTILE if len(word) > 6)
    assert len(text.splitlines()) < before + 400
