"""What apt-get says of updates, from captured output and a Debian that is played; apt-get itself where there is one."""

import asyncio
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from exporter.collector import Absent, Malformed
from exporter.collectors.apt import (
    AUTO,
    HOLDS,
    LEAST,
    MOST,
    UPGRADE,
    Apt,
    Update,
    counted,
    known_origins,
    parse,
    release,
)
from exporter.programs import Ended, Programs
from tests.exporter.fakes import FakeBlocking, loop_clock
from tests.exporter.golden import same_as_golden

FIXTURES = Path(__file__).parent / "fixtures/upkeep"
SAID = (FIXTURES / "dist-upgrade.txt").read_bytes()
RELEASES = {
    "debian_InRelease": "Origin: Debian\nLabel: Debian\nSuite: oldstable\nVersion: 12.15\nCodename: bookworm\n",
    "security_InRelease": "Origin: Debian\nLabel: Debian-Security\nSuite: oldstable-security\nVersion: 12\n"
    "Codename: bookworm-security\n",
}


@dataclass
class Asked:
    """apt-get, which says the same until it is told to say something else."""

    answers: dict[tuple[str, ...], Ended] = field(
        default_factory=lambda: {
            UPGRADE: Ended(0, SAID, b""),
            AUTO: Ended(0, b"Remv oldlib [1.0]\n", b""),
            HOLDS: Ended(0, b"curl\n", b""),
        }
    )
    asked: int = 0

    async def run(self, argv: Sequence[str], deadline: float, about: str = "") -> Ended:
        self.asked += tuple(argv) == UPGRADE
        return self.answers[tuple(argv)]


@pytest.fixture
def debian(tmp_path: Path) -> Path:
    lists = tmp_path / "var/lib/apt/lists"
    lists.mkdir(parents=True)
    (lists / "partial").mkdir()
    for name, text in RELEASES.items():
        (lists / name).write_text(text)
    (tmp_path / "var/lib/dpkg").mkdir()
    (tmp_path / "var/lib/dpkg/status").write_text("")
    (tmp_path / "run").mkdir()
    for path, at in (
        ("var/lib/dpkg/status", 1_790_000_000),
        ("var/lib/apt/lists/partial", 1_795_000_000),
    ):
        os.utime(tmp_path / path, (at, at))
    return tmp_path


def made(root: Path, asked: Asked) -> tuple[Apt, list[bytes]]:
    return Apt(root, asked, FakeBlocking(), loop_clock()), []


def test_only_what_is_there_already_and_can_be_newer_is_an_update() -> None:
    text = b"Inst new (1.0 Debian:12/stable [amd64])\nInst old [1.0] (1.1 Local:1/x [all]) []\nConf old (1)\n"
    assert parse(text) == [Update("old", ("Local:1/x",), "all")]


def test_a_package_of_two_origins_has_both_and_one_of_none_has_none() -> None:
    found = {one.name: one for one in parse(SAID + b"Inst mine [1] (2 [amd64])\n")}
    assert found["libgcrypt20"].origins == (
        "Debian:12.15/oldstable",
        "Debian-Security:12/oldstable-security",
    )
    assert found["mine"].origins == ()


def test_a_line_of_another_form_is_a_failure_and_no_smaller_number() -> None:
    with pytest.raises(Malformed, match="wanted `Inst NAME"):
        parse(b"Inst half [1.0] (2.0 Debian")


@pytest.mark.parametrize("text", [b"", b"\xff\xfe\0", b"E: The package lists are missing\n"])
def test_no_line_of_an_update_is_no_update(text: bytes) -> None:
    assert parse(text) == []


def test_origins_are_named_as_apt_info_py_names_them(debian: Path) -> None:
    count = counted(parse(SAID), known_origins(debian))
    both = "Debian:bookworm-security/oldstable-security,Debian:bookworm/oldstable"
    assert count[both, "amd64"] == 1
    assert count["Debian:bookworm-security/oldstable-security", "amd64"] == 1


def test_a_release_file_without_suite_names_nothing() -> None:
    assert release("Origin: Debian\nCodename: x\n") is None
    assert release("\0\0\xff") is None


@pytest.mark.looptime(start=0)
async def test_the_exposition_is_the_golden_one(
    debian: Path, request: pytest.FixtureRequest
) -> None:
    apt, shown = made(debian, Asked())
    (debian / "run/reboot-required").touch()
    await apt.collect(shown.append)
    same_as_golden(request, "apt", shown[-1])


@pytest.mark.looptime(start=0)
async def test_nothing_is_asked_again_until_something_changed_and_then_not_at_once(
    debian: Path,
) -> None:
    asked = Asked()
    apt, shown = made(debian, asked)
    await apt.collect(shown.append)
    await asyncio.sleep(LEAST + 1)
    await apt.collect(shown.append)
    assert asked.asked == 1
    (debian / "var/lib/dpkg/status").write_text("changed")
    await apt.collect(shown.append)
    assert asked.asked == 2
    (debian / "var/lib/dpkg/status").unlink()
    (debian / "var/lib/dpkg/status").write_text("again")
    await apt.collect(shown.append)
    assert asked.asked == 2
    await asyncio.sleep(MOST)
    await apt.collect(shown.append)
    assert asked.asked == 3


@pytest.mark.looptime(start=0)
async def test_what_apt_get_refuses_to_say_is_absent_and_not_0_and_asked_again_later(
    debian: Path,
) -> None:
    asked = Asked()
    asked.answers[UPGRADE] = Ended(100, b"", b"E: dpkg was interrupted\nmore\n")
    apt, shown = made(debian, asked)
    for _ in range(3):
        with pytest.raises(Malformed, match=r"exit status 100: E: dpkg was interrupted$"):
            await apt.collect(shown.append)
    assert asked.asked == 1
    assert b"apt_upgrades_pending" not in shown[-1]
    assert b"\nnode_reboot_required 0\n" in shown[-1]
    asked.answers[UPGRADE] = Ended(0, b"", b"")
    await asyncio.sleep(LEAST + 1)
    await apt.collect(shown.append)
    assert b'\napt_upgrades_pending{origin="",arch=""} 0\n' in shown[-1]


async def test_a_system_without_dpkg_has_nothing_of_the_kind(tmp_path: Path) -> None:
    apt, shown = made(tmp_path, Asked())
    with pytest.raises(Absent):
        await apt.collect(shown.append)
    assert shown == []


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="no apt-get here")
async def test_the_apt_get_of_this_machine_is_understood() -> None:
    updates = parse((await Programs().run(UPGRADE, 60.0)).output)
    assert all(one.arch and one.name for one in updates)
