"""What a line tells of, by every example of the catalogue, in every form that a line can have."""

import json
from collections import Counter
from pathlib import Path

import pytest

from cluster.conditions import Failure as Label
from exporter.failures.classifier import (
    NOTHING,
    REMEMBERED,
    REMEMBERED_LENGTH,
    Classifier,
)
from exporter.failures.entries import packaged
from exporter.failures.kinds import BENIGN, Failure, Witness
from exporter.failures.lines import KERNEL, Form, line_of
from exporter.failures.words import shape_of, words_of
from exporter.failures.written import catalogue, of_file

WRITTEN = catalogue()
ENTRIES = tuple(one.entry for one in WRITTEN)
CLASSIFIER = Classifier(ENTRIES)


def test_what_is_read_when_serving_is_what_is_written() -> None:
    """Where it is not, `python -m exporter.failures.written` makes it anew."""
    assert packaged() == ENTRIES


def test_the_types_are_those_of_the_label() -> None:
    assert [one.value for one in Failure] == [one.value for one in Label]


@pytest.mark.parametrize("one", WRITTEN, ids=lambda one: one.entry.name)
def test_an_entrys_examples_are_its_own_and_what_it_must_miss_is_not(one) -> None:
    own = one.entry.name, one.entry.kind
    told = [(line, CLASSIFIER.classify(line)) for line in one.match]
    missed = [(line, CLASSIFIER.classify(line)) for line in one.miss]
    assert told
    assert [(line, of.entry) for line, of in told if (of.entry, of.kind) != own] == []
    assert [line for line, of in missed if of.entry == one.entry.name] == []


def test_a_cause_and_a_device_are_told() -> None:
    line = "[  912.004711] EDAC MC1: 3 CE memory read error on DIMM_A1 (channel:1 slot:0)"
    verdict = CLASSIFIER.classify(line)
    assert (verdict.type, verdict.device) == (Failure.MEMORY_HW, "MC1")
    assert verdict.cause


@pytest.mark.parametrize(
    ("written", "form", "writer", "text"),
    [
        ("[    1.5] a b", Form.DMESG, KERNEL, "a b"),
        ("<3>[ 1234.567890][  T123] a b", Form.DMESG, KERNEL, "a b"),
        ("[  +0.000003] a b", Form.DMESG, KERNEL, "a b"),
        ("<12>[ 1234.567890] a b", Form.DMESG, "", "a b"),
        ("kern  :err   : [ 1234.567890] a b", Form.DMESG, KERNEL, "a b"),
        ("kern  :notice: [Mon Jul 19 10:37:35 2021] a b", Form.DMESG, KERNEL, "a b"),
        ("user  :warn  : [ 1234.567890] a b", Form.DMESG, "", "a b"),
        ("4,1234,1234567890,-;a b", Form.DMESG, KERNEL, "a b"),
        ("12,1234,1234567890,-,caller=T1;a b", Form.DMESG, "", "a b"),
        ("[Mon Jul 19 10:37:35 2021] a b", Form.BARE, None, "a b"),
        ("[Apr19 18:52] a b", Form.BARE, None, "a b"),
        ("Jan  2 03:04:05 web1 kernel: [ 12.5] a b", Form.SYSLOG, KERNEL, "a b"),
        ("Jan  2 03:04:05 web1 kernel: a b", Form.SYSLOG, KERNEL, "a b"),
        ("Jan  2 03:04:05  kernel: a b", Form.SYSLOG, KERNEL, "a b"),
        ("kernel: a b", Form.SYSLOG, KERNEL, "a b"),
        ("<4>Jan  2 03:04:05 web1 kernel: a b", Form.SYSLOG, KERNEL, "a b"),
        ("<12>Jan  2 03:04:05 web1 kernel: a b", Form.SYSLOG, "", "a b"),
        ("2026-01-02T03:04:05.123456+01:00 web1 sshd[12]: a b", Form.SYSLOG, "sshd", "a b"),
        ("Jan  2 03:04:05 web1 sshd[12]: a b", Form.SYSLOG, "sshd", "a b"),
        ("<4>1 2026-01-02T03:04:05Z web1 kernel - - - [ 12.5] a b", Form.SYSLOG, KERNEL, "a b"),
        ("<13>1 2026-01-02T03:04:05Z web1 kernel - - - a b", Form.SYSLOG, "", "a b"),
        ('<86>1 - web1 sshd 12 ID [o@1 k="v\\]"][p] \ufeffa b', Form.SYSLOG, "sshd", "a b"),
        ("Jan  2 03:04:05 web1 kern.warn kernel: a b", Form.SYSLOG, KERNEL, "a b"),
        ("Jan  2 03:04:05 web1 user.notice kernel: a b", Form.SYSLOG, "", "a b"),
        ("nov 20 12:16:10 web1 systemd[1]: a b", Form.SYSLOG, "systemd", "a b"),
        ("Jan  2 03:04:05 web1 sshd(pam_unix)[12]: a b", Form.SYSLOG, "sshd", "a b"),
        ("2025 Jul  2 06:56:57.749644 web1 ERR kernel: [ 12.5] a b", Form.SYSLOG, KERNEL, "a b"),
        ("Dec 21 06:54:14 web1 daemon.alert apcupsd[10]: a b", Form.SYSLOG, "apcupsd", "a b"),
        ("2026-01-02 03:04:05 INFO exited a", Form.BARE, None, "2026-01-02 03:04:05 INFO exited a"),
        ("a b", Form.BARE, None, "a b"),
        ("", Form.BARE, None, ""),
        ("{not json", Form.BARE, None, "{not json"),
        ('{"MESSAGE": "a b", "_TRANSPORT": "kernel"}', Form.JOURNAL, KERNEL, "a b"),
        ('{"MESSAGE": [97, 32, 98], "_TRANSPORT": "kernel"}', Form.JOURNAL, KERNEL, "a b"),
        ('{"MESSAGE": null, "_TRANSPORT": "kernel"}', Form.JOURNAL, KERNEL, ""),
        (
            '{"MESSAGE": "a b", "_TRANSPORT": "kernel", "SYSLOG_FACILITY": "0"}',
            Form.JOURNAL,
            KERNEL,
            "a b",
        ),
        (
            '{"MESSAGE": "a b", "_TRANSPORT": "kernel", "SYSLOG_FACILITY": "3", "SYSLOG_IDENTIFIER": "systemd"}',
            Form.JOURNAL,
            "systemd",
            "a b",
        ),
        ('{"MESSAGE": "a b", "SYSLOG_IDENTIFIER": "sshd"}', Form.JOURNAL, "sshd", "a b"),
        ('{"MESSAGE": "a b", "SYSLOG_IDENTIFIER": "kernel"}', Form.JOURNAL, "", "a b"),
    ],
)
def test_the_form_of_a_line_is_seen_from_itself(written, form, writer, text) -> None:
    line = line_of(written)
    assert (line.form, line.writer, line.text) == (form, writer, text)


LOGS = Path(__file__).parent / "fixtures/logs"
HARMLESS = [one for file in LOGS.glob("*.log") for one in file.read_text("utf-8").splitlines()]


def test_what_only_looks_frightening_is_benign() -> None:
    assert len(HARMLESS) > 350
    assert [one for one in HARMLESS if CLASSIFIER.classify(one).type is not None] == []


COREDUMP = "fc2e22bc6ee647b6b90729ab34a250b1"
PENDING = "Device: /dev/sdh [SAT], 24 Currently unreadable (pending) sectors (changed +16)"
SAID = "EDAC MC1: 3 CE memory read error on DIMM_A1 (channel:1 slot:0)"


@pytest.mark.parametrize(
    "written",
    [
        f"Jan  2 03:04:05 web1 myapp[12]: {SAID}",
        f"<12>Jan  2 03:04:05 web1 kernel: {SAID}",
        f"<13>1 2026-01-02T03:04:05Z web1 kernel - - - {SAID}",
        f"Jan  2 03:04:05 web1 user.notice kernel: {SAID}",
        f"Jan  2 03:04:05 web1 kernel[812]: {SAID}",
        f"<12>[ 1234.567890] {SAID}",
        f"user  :warn  : [ 1234.567890] {SAID}",
        f"12,1234,1234567890,-;{SAID}",
        json.dumps({"MESSAGE": SAID, "_TRANSPORT": "stdout", "SYSLOG_IDENTIFIER": "kernel"}),
        json.dumps({"MESSAGE": SAID, "_TRANSPORT": "syslog", "_COMM": "kernel"}),
        json.dumps({"MESSAGE": SAID, "_TRANSPORT": "kernel", "SYSLOG_FACILITY": "1"}),
        json.dumps({"MESSAGE": SAID}),
    ],
)
def test_what_a_user_writes_is_never_the_kernels(written) -> None:
    assert CLASSIFIER.classify(SAID).type is Failure.MEMORY_HW
    assert CLASSIFIER.classify(written) == NOTHING


def of_journal(message: str, **fields: str) -> str:
    return json.dumps({"MESSAGE": message, "_TRANSPORT": "syslog"} | fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"_SYSTEMD_UNIT": "hale-exporter.service", "SYSLOG_IDENTIFIER": "systemd"},
        {"_SYSTEMD_UNIT": "hale-gate@3.service", "SYSLOG_IDENTIFIER": "systemd"},
    ],
)
def test_what_hale_itself_logs_makes_no_failure(fields) -> None:
    said = "web.service: Failed with result 'exit-code'."
    assert CLASSIFIER.classify(of_journal(said, SYSLOG_IDENTIFIER="systemd")).type
    assert CLASSIFIER.classify(of_journal(said, **fields)) == NOTHING
    ours = {"_SYSTEMD_UNIT": "init.scope", "_PID": "1", "UNIT": "hale-exporter.service"}
    assert CLASSIFIER.classify(of_journal(said, **ours)).device == "hale-exporter.service"


@pytest.mark.parametrize(
    ("line", "witness"),
    [
        (of_journal(SAID, _TRANSPORT="kernel"), Witness.KERNEL),
        (of_journal("x", MESSAGE_ID=COREDUMP, _UID="0"), Witness.OTHER),
        (of_journal(PENDING, SYSLOG_IDENTIFIER="smartd", _UID="0"), Witness.DAEMON),
        (of_journal(PENDING, SYSLOG_IDENTIFIER="smartd", _UID="1000"), Witness.OTHER),
        (of_journal(PENDING, SYSLOG_IDENTIFIER="sshd", _UID="0"), Witness.OTHER),
        (f"Jan  2 03:04:05 web1 smartd[700]: {PENDING}", Witness.OTHER),
    ],
)
def test_who_told_it_is_known(line, witness) -> None:
    verdict = CLASSIFIER.classify(line)
    assert verdict.type is not None
    assert verdict.witness is witness


def test_a_users_message_id_is_not_believed() -> None:
    assert CLASSIFIER.classify(of_journal("x", MESSAGE_ID=COREDUMP, _UID="990")).type
    assert CLASSIFIER.classify(of_journal("x", MESSAGE_ID=COREDUMP, _UID="1000")) == NOTHING


def test_the_kernels_device_is_named_where_its_sentence_names_none() -> None:
    fields = {"_TRANSPORT": "kernel", "_UDEV_SYSNAME": "wwan0"}
    said = "nf_conntrack: nf_conntrack: table full, dropping packet"
    assert CLASSIFIER.classify(of_journal(said, _TRANSPORT="kernel")).device == ""
    assert CLASSIFIER.classify(of_journal(said, **fields)).device == "wwan0"


def test_the_unit_that_systemd_names_is_the_device_of_what_it_says() -> None:
    fields = {"_PID": "1", "SYSLOG_IDENTIFIER": "systemd", "UNIT": "rollup.service"}
    failed = CLASSIFIER.classify(of_journal("Failed to start Nightly rollup.", **fields))
    assert (failed.type, failed.device) == (Failure.SERVICE_FAILED, "rollup.service")
    fields["MESSAGE_ID"] = "39f53479d3a045ac8e11786248231fbf"
    started = CLASSIFIER.classify(of_journal("Started Nightly rollup.", **fields))
    assert Failure.SERVICE_FAILED in started.clears
    assert (started.device, started.everywhere) == ("rollup.service", False)


@pytest.mark.parametrize(
    "written", ["", " ", "\0", "x" * 1_000_000, "é" * 9000, "{" * 5000, "\ud800"]
)
def test_any_text_has_a_verdict(written) -> None:
    assert CLASSIFIER.classify(written).kind == BENIGN


def test_words_are_letters_digits_and_underscores_in_lower_case() -> None:
    assert words_of("EDAC MC0: 1 CE é page_fault") == {b"edac", b"mc0", b"1", b"ce", b"page_fault"}
    assert shape_of("EDAC MC0: 1 CE é page_fault").split() == [b"edac", b"mc", b"ce", b"page_fault"]


BROKEN = {
    "- {name: a}": "either words and pattern or message_id",
    "- {name: A b}": "needs a name",
    "- {name: a, word: [b]}": "unknown key .*word",
    "- {name: a, words: [b], pattern: c}": "cause, match and miss",
    "- {name: a, words: [B], pattern: c}": "is a word of small letters",
    "- {name: a, message_id: 12}": "32 hex digits",
    "- {name: a, words: [b], pattern: c, cause: d, match: [e], miss: [f], clears: [disk]}": "only a benign",
}
PART_OF_NOTHING = "- {name: a, words: [b], pattern: c, cause: d, match: [e], miss: [f], part: true}"


@pytest.mark.parametrize(("text", "said"), BROKEN.items())
def test_an_entry_that_is_not_as_it_should_be_is_told_by_its_name(text, said) -> None:
    with pytest.raises(ValueError, match=said):
        list(of_file("disk.yml", text))
    with pytest.raises(ValueError, match="no type of failure"):
        list(of_file("disc.yml", text))


def test_what_is_benign_is_no_part_of_a_report() -> None:
    assert next(of_file("disk.yml", PART_OF_NOTHING)).entry.part
    with pytest.raises(ValueError, match="no part"):
        list(of_file("benign.yml", PART_OF_NOTHING))


def test_what_is_said_again_is_remembered_and_no_flood_fills_the_memory() -> None:
    classifier = Classifier()
    oom = "Oct  1 10:00:00 web1 kernel: Out of memory: Killed process 42 (java) total-vm:1kB"
    first = classifier.classify(oom)
    assert first.type is Failure.OOM
    assert classifier.classify(oom) is first
    assert classifier.judge(line_of(oom)) == first
    assert classifier.judge(line_of(oom.replace("kernel", "java"))) == NOTHING
    for number in range(2 * REMEMBERED):
        classifier.classify(f"{number}")
    again = classifier.classify(oom)
    assert (again, again is first) == (first, False)
    long = oom + "." * REMEMBERED_LENGTH
    assert classifier.classify(long) is not classifier.classify(long)


def test_a_line_of_the_same_shape_has_a_verdict_of_its_own() -> None:
    lines = [line for one in WRITTEN for line in (*one.match, *one.miss)]
    others = [line.translate(str.maketrans("0123456789", "1234567890")) for line in lines]
    assert list(map(shape_of, lines)) == list(map(shape_of, others))
    fresh = Classifier(ENTRIES)
    first = list(map(fresh.classify, others))  # before the lines whose shapes they have
    told = list(map(fresh.classify, lines))
    assert told == list(map(CLASSIFIER.classify, lines))
    again = Classifier(ENTRIES)
    assert list(map(again.classify, lines)) == told
    assert list(map(again.classify, others)) == first


@pytest.mark.parametrize(
    "asked", ["words: [md5, gone]", "words: [gone], one_of: [r8169, md5]", 'words: ["401", "5"]']
)
def test_the_digits_of_a_word_count_though_a_shape_has_none(asked) -> None:
    text = f"- {{name: a, {asked}, pattern: gone, cause: d, match: [e], miss: [f]}}"
    told = Classifier([next(of_file("disk.yml", text)).entry])
    lines = ("md5 gone, 401 of 5", "md6 gone, 402 of 5", "md gone, 1401 of 5", "MD5 gone: 5, 401")
    assert [told.classify(line).entry for line in lines] == ["a", "", "", "a"]


def test_every_entry_is_tried_on_few_lines() -> None:
    """A word that many lines have would cost an expression for each of them."""
    usual = {b"error", b"failed", b"the", b"kernel", b"device", b"to", b"of", b"on", b"for"}
    for entry in ENTRIES:
        assert not entry.words or entry.one_of or entry.words - usual, entry.name
        assert not entry.one_of & usual, entry.name


def test_an_entry_of_many_drivers_is_tried_on_the_lines_of_each_and_of_no_other() -> None:
    text = "- {name: a, words: [gone], one_of: [igb, igc], pattern: gone, cause: d, match: [e], miss: [f]}"
    told = Classifier([next(of_file("disk.yml", text)).entry])
    lines = ("igb is gone", "igc and igb are gone", "tg3 is gone", "igb is back")
    assert [told.classify(line).entry for line in lines] == ["a", "a", "", ""]


def test_every_recovery_names_a_device_or_is_one_of_everywhere() -> None:
    """One that does neither would end nothing."""
    for entry in ENTRIES:
        if entry.clears and not entry.everywhere and entry.pattern:
            assert "(?P<device>" in entry.pattern or entry.name == "quorum-acquired", entry.name


def test_every_type_has_entries() -> None:
    counts = Counter(entry.kind for entry in ENTRIES)
    assert set(counts) <= {*(one.value for one in Failure), BENIGN}
