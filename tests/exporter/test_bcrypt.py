"""Passwords against bcrypt hashes, by the system's own libcrypt."""

import subprocess
import sys

import pytest

from exporter import bcrypt

VECTORS = [
    # Openwall's crypt_blowfish, wrapper.c: its own test vectors.
    ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
    ("", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
    # exporter-toolkit, web/handler.go: what it checks for names that nobody has.
    ("fakepassword", "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"),
]


@pytest.mark.parametrize(("password", "kept"), VECTORS)
def test_a_password_matches_its_own_hash_and_no_other(password: str, kept: str) -> None:
    assert bcrypt.matches(password, kept)
    assert not bcrypt.matches(password + "x", kept)


def test_a_password_does_not_end_where_c_would_end_it() -> None:
    password, kept = VECTORS[0]
    assert not bcrypt.matches(password + "\0", kept)


def test_nobodys_hash_takes_a_check_and_matches_nothing() -> None:
    kept = bcrypt.nobodys(4)
    assert bcrypt.cost(kept) == 4
    assert not bcrypt.matches("", kept)


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ("secret", "wanted a bcrypt hash"),
        ("$2x$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi", "wanted a bcrypt hash"),
        ("$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeS", "wanted a bcrypt hash"),
        ("$2y$31$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi", "saw 31"),
        ("$2y$03$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi", "saw 3"),
    ],
)
def test_what_is_no_hash_is_refused_and_not_shown(kept: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        bcrypt.cost(kept)
    assert kept not in str(caught.value)


def test_bcrypt_is_here() -> None:
    bcrypt.check_available()


def test_a_system_without_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    bcrypt._crypt_r.cache_clear()
    monkeypatch.setattr(bcrypt, "LIBRARIES", ("libnothing.so.1",))
    with pytest.raises(bcrypt.Unavailable, match="libcrypt1"):
        bcrypt.check_available()
    bcrypt._crypt_r.cache_clear()


# PR_SET_MDWE, Linux 6.3, is what MemoryDenyWriteExecute=yes comes to: memory that was writable never runs.
IN_THE_UNIT = """
import ctypes
refused = ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)
from exporter import bcrypt
bcrypt.check_available()
print("denied" if not refused else "old kernel")
"""


def test_it_works_where_memory_may_not_be_written_and_run() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_THE_UNIT], capture_output=True, text=True, check=True
    )
    if done.stdout == "old kernel\n":
        pytest.skip("needs Linux 6.3")
    assert done.stdout == "denied\n"
