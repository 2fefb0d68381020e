"""What names an image, and where its packages come from."""

import os

import pytest

from lab import image
from lab.image import Recipe, debian_sources
from lab.names import Place

DEBIAN = """\
Types: deb
# a comment: with a colon
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
OTHERS = """\
Types: deb
URIs: https://packages.example/apt
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/others.gpg
"""
DEFAULT = [
    "deb http://deb.debian.org/debian bookworm main",
    "deb http://deb.debian.org/debian bookworm-updates main",
    "deb http://deb.debian.org/debian-security bookworm-security main",
]


def test_the_same_packages_in_any_order_are_the_same_image():
    assert Recipe(("b", "a", "a")).digest == Recipe(("a", "b")).digest


@pytest.mark.parametrize("other", [Recipe(("a",)), Recipe(("a", "b"), suite="trixie")])
def test_another_package_or_release_is_another_image(other):
    assert other.digest != Recipe(("a", "b")).digest


def test_the_digest_can_stand_in_a_file_name():
    assert set(Recipe().digest) <= set("0123456789abcdef")


def test_packages_come_from_where_the_host_gets_debian():
    assert debian_sources((DEBIAN + "\n" + OTHERS,), "bookworm").splitlines() == [
        "deb http://mirror.example/debian bookworm main",
        "deb http://mirror.example/debian bookworm-updates main",
    ]


@pytest.mark.parametrize(
    "texts", [(), ("",), (OTHERS,), ("nonsense",), (DEBIAN.replace("bookworm", "sid"),)]
)
def test_a_host_without_this_debian_uses_the_public_archive(texts):
    assert debian_sources(texts, "bookworm").splitlines() == DEFAULT


def test_an_image_that_another_lab_has_just_finished_is_used(tmp_path):
    built, final = tmp_path / "built", tmp_path / "final"
    built.mkdir()
    final.mkdir()
    (final / "theirs").touch()
    image.settle(built, final)
    assert (final / "theirs").exists()


def test_the_cache_keeps_what_was_used_last(tmp_path):
    for age, name in enumerate(("old", "older", "oldest")):
        (tmp_path / f"base-{name}").mkdir()
        os.utime(tmp_path / f"base-{name}", (1000 - age, 1000 - age))
    (tmp_path / "hale-other").mkdir()
    image.prune(Place(cache=tmp_path), "base-*", 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "base-old",
        "base-older",
        "hale-other",
    ]


def test_a_cache_with_room_loses_nothing(tmp_path):
    (tmp_path / "base-only").mkdir()
    image.prune(Place(cache=tmp_path), "base-*", 2)
    assert (tmp_path / "base-only").is_dir()
