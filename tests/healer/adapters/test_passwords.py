"""Passwords as one line of text: what is right matches, and nothing weak or ruinous is taken from a file."""

import time

import pytest

from healer.adapters import passwords

LINE = str(passwords.make("correct horse battery"))


def test_a_password_matches_its_own_line_and_no_other_does() -> None:
    kept = passwords.parse(LINE)
    assert kept.matches("correct horse battery")
    assert not kept.matches("correct horse batterz")
    assert not kept.matches("")


def test_two_lines_of_one_password_differ() -> None:
    assert str(passwords.make("correct horse battery")) != LINE


def test_no_password_matches_nobody() -> None:
    assert not passwords.nobodys().matches("")


def test_a_line_keeps_nothing_of_the_password_and_reads_back_as_it_was() -> None:
    assert "horse" not in LINE
    assert str(passwords.parse(LINE)) == LINE


def test_a_letter_counts_the_same_however_the_keyboard_sends_it() -> None:
    assert passwords.make("caf\u00e9 caf\u00e9 caf\u00e9").matches(
        "cafe\u0301 cafe\u0301 cafe\u0301"
    )


@pytest.mark.parametrize(
    "password", ["short", "x" * 257, "twelve\nletters", "tab\tin the middle", ""]
)
def test_a_password_that_is_too_short_too_long_or_cannot_be_typed_is_not_made(
    password: str,
) -> None:
    with pytest.raises(ValueError, match="a password has"):
        passwords.make(password)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "hunter2 hunter2",
        LINE + "\n",
        LINE.replace("scrypt$15", "scrypt$10"),  # too weak
        LINE.replace("scrypt$15", "scrypt$20"),  # one look would take 1 GiB
        LINE.replace("$8$3$", "$8$99$"),  # one look would take half a minute
        LINE.replace("$8$3$", "$1$3$"),
        LINE[:-8],
        "$2y$05$abcdefghijklmnopqrstuu",  # htpasswd's
    ],
    ids=("empty", "plain", "newline", "weak", "memory", "time", "blocks", "cut", "htpasswd"),
)
def test_a_line_that_is_none_or_weak_or_ruinous_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="hale-healer passwd"):
        passwords.parse(line)


def test_checking_a_password_is_dear_enough_to_slow_down_guessing() -> None:
    started = time.process_time()
    passwords.parse(LINE).matches("wrong password")
    assert time.process_time() - started > 0.03
