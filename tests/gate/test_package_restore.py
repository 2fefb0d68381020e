"""package.restore, with real dpkg and apt-get: files come back in the installed version, or nothing is touched."""

import fcntl
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gate import packages, process
from gate.config import parse
from gate.listed import UnitRule
from gate.packages import Places, Unsaid
from gate.process import Ran
from gate.verbs import TAKING
from gate.verbs.package_restore import PackageRestore
from tests.debian import FILES, Debian, flip
from tests.gate.fakes import Programs, World
from tests.gate.test_session import ask, request

PROGRAM, MODULE, CONFIG = "usr/sbin/site", "usr/lib/site/module.so", "etc/site.conf"
OTHER = {"usr/bin/other": b"other" * 1000}
RULE = UnitRule("nginx", True, ("/bin/true",), ("site", "other"))


@dataclass
class RealPrograms(Programs):
    """Runs what it is told, and says so in the diary."""

    def __call__(
        self, argv: tuple[str, ...], seconds: float, keep: int = 0, told: bytes = b""
    ) -> Ran:
        self.diary.append(" ".join(argv))
        return process.run(argv, seconds, keep or process.READ, told)


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Debian:
    made = Debian(tmp_path / "debian")
    made.make()
    monkeypatch.setenv("PATH", f"{made.bin}:/usr/sbin:/usr/bin:/sbin:/bin")
    made.install(made.build("site"), made.build("other", "1.0", OTHER))
    return made


@pytest.fixture
def site(debian: Debian) -> Path:
    """Return the package file of what is installed."""
    return debian.home / "site_1%3a2.0-1_all.deb"


@pytest.fixture
def world(tmp_path: Path, debian: Debian, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    made.programs = RealPrograms(made.diary)
    made.config = replace(made.config, units=made.config.units | {"nginx.service": RULE})
    monkeypatch.setitem(
        TAKING, "package.restore", PackageRestore(Places(debian.archives, tmp_path / "fetched"))
    )
    return made


def restore(world: World, number: int = 1, **changes: Any) -> Any:
    world.clock.pass_seconds(120)
    told = {"verb": "package.restore", "deadline_seconds": 120} | changes
    return ask(world, request(world, number, **told))[-1]


def touched(world: World) -> list[str]:
    return [line for line in world.diary if "--install" in line or line.startswith("restart")]


@pytest.mark.parametrize("path", [PROGRAM, MODULE])
@pytest.mark.parametrize("gone", [False, True], ids=["changed", "gone"])
def test_a_file_comes_back_from_apts_source_and_the_service_is_restarted(
    world, debian, site, path, gone
):
    debian.offer(site)
    if gone:
        debian.at(path).unlink()
    else:
        flip(debian.at(path))
    debian.at(CONFIG).write_text("workers 4\n")
    said = restore(world)
    assert (said["state"], said["reason"]) == ("done", "reinstalled")
    assert said["detail"].startswith("site 1:2.0-1 is as dpkg put it; active (running)")
    assert debian.at(path).read_bytes() == FILES[path]
    assert debian.at(CONFIG).read_text() == "workers 4\n"
    installs, restart = touched(world)
    assert installs.startswith("systemd-run --wait")
    assert installs.count(".deb") == 1
    assert restart == "restart nginx.service"


def test_what_apt_has_kept_is_enough_where_no_source_has_the_version_any_more(world, debian, site):
    debian.offer(debian.build("site", "1:2.1-1"))
    (debian.archives / site.name).write_bytes(site.read_bytes())
    flip(debian.at(PROGRAM))
    assert restore(world)["reason"] == "reinstalled"
    assert debian.at(PROGRAM).read_bytes() == FILES[PROGRAM]
    assert packages.installed("site", process.run, 10.0).version == "1:2.0-1"


@pytest.mark.parametrize("source", ["none", "newer", "rebuilt"])
def test_what_cannot_be_had_in_this_very_version_is_refused_and_nothing_is_touched(
    world, debian, source
):
    if source == "newer":
        debian.offer(debian.build("site", "1:2.1-1"))
    if source == "rebuilt":  # the same version with another content
        elsewhere = Debian(debian.home / "elsewhere")
        elsewhere.make()
        debian.offer(elsewhere.build("site", files=FILES | {MODULE: b"other"}))
    flip(debian.at(PROGRAM))
    before = debian.at(PROGRAM).read_bytes()
    said = restore(world)
    assert (said["state"], said["reason"]) == ("refused", "not_obtainable")
    assert debian.at(PROGRAM).read_bytes() == before
    assert touched(world) == []


@pytest.mark.parametrize("at", [0.3, 0.9])
def test_a_kept_file_that_rots_is_not_installed_and_fetched_anew_where_that_can_be(
    world, debian, site, at
):
    data = bytearray(site.read_bytes())
    data[int(len(data) * at)] ^= 1
    kept = debian.archives / site.name
    kept.write_bytes(data)
    flip(debian.at(PROGRAM))
    assert restore(world)["reason"] == "not_obtainable"
    assert touched(world) == []
    kept.write_bytes(data)
    debian.offer(site)
    assert restore(world, 2)["reason"] == "reinstalled"
    assert debian.at(PROGRAM).read_bytes() == FILES[PROGRAM]


@pytest.mark.parametrize("path", [CONFIG, "usr/share/doc/site/copyright"])
def test_configuration_that_somebody_changed_and_documents_that_are_left_out_are_no_damage(
    world, debian, site, path
):
    debian.offer(site)
    debian.at(path).unlink()
    said = restore(world)
    assert (said["state"], said["reason"]) == ("refused", "changed")
    assert said["detail"] == "nothing of site, other is damaged"
    assert touched(world) == []


def test_of_several_packages_only_the_damaged_are_installed(world, debian, site):
    debian.offer(site)
    debian.offer(debian.home / "other_1.0_all.deb")
    flip(debian.at("usr/bin/other"))
    assert restore(world)["reason"] == "reinstalled"
    (installs, _) = touched(world)
    assert "other_1.0_all.deb" in installs
    assert "site_" not in installs


def test_while_another_dpkg_runs_nothing_is_installed(world, debian, site):
    debian.offer(site)
    flip(debian.at(PROGRAM))
    with (debian.root / "var/lib/dpkg/lock-frontend").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        said = restore(world)
    assert (said["state"], said["reason"]) == ("failed", "not_reinstalled")
    assert "restart nginx.service" not in world.diary


def test_what_is_still_damaged_after_it_is_a_failure_and_the_service_is_left(world, debian, site):
    debian.offer(site)
    flip(debian.at(PROGRAM))
    debian.wrap("systemd-run", "exit 0")
    said = restore(world)
    assert (said["state"], said["reason"]) == ("failed", "not_reinstalled")
    assert said["detail"] == "still not as dpkg put it: /usr/sbin/site"
    assert "restart nginx.service" not in world.diary


def test_a_configuration_that_the_service_would_not_start_with_is_told_and_it_is_left(
    world, debian, site
):
    debian.offer(site)
    flip(debian.at(PROGRAM))
    rule = replace(RULE, config_check=("/bin/false",))
    world.config = replace(world.config, units=world.config.units | {"nginx.service": rule})
    said = restore(world)
    assert (said["state"], said["reason"]) == ("failed", "config_check")
    assert said["detail"].startswith("site 1:2.0-1 is back, not restarted")
    assert "restart nginx.service" not in world.diary


def test_a_service_that_does_not_start_with_it_is_a_failure(world, debian, site):
    debian.offer(site)
    flip(debian.at(PROGRAM))
    world.systemd.next_restart = "fails"
    assert restore(world)["reason"] == "start_failed"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"args": {}}, "bad_argument"),
        ({"args": {"unit": "nginx.service", "package": "site"}}, "bad_argument"),
        ({"args": {"unit": "ssh.service"}}, "not_listed"),
        ({"expect": {}}, "bad_argument"),
    ],
)
def test_what_it_is_told_must_be_listed_and_whole(world, changes, reason):
    assert restore(world, **changes)["reason"] == reason
    assert touched(world) == []


def test_a_unit_without_packages_is_not_listed_for_it(world):
    rule = replace(RULE, packages=())
    world.config = replace(world.config, units=world.config.units | {"nginx.service": rule})
    assert restore(world)["reason"] == "not_listed"


def test_a_package_that_is_not_installed_is_unknown_and_nothing_is_touched(world):
    rule = replace(RULE, packages=("site", "never-there"))
    world.config = replace(world.config, units=world.config.units | {"nginx.service": rule})
    said = restore(world)
    assert (said["state"], said["reason"]) == ("refused", "changed")
    assert "never-there" in said["detail"]


def test_what_could_not_be_asked_is_no_damage_and_what_is_no_answer_is_unknown():
    said = "??.??????   /usr/sbin/a\n?????????   /usr/sbin/b\n??5?????? c /etc/c\nmissing     /usr/d e\n"
    assert packages.parse(said) == ("/usr/d e",)
    with pytest.raises(Unsaid):
        packages.parse("dpkg: package 'x' is not installed\n")


@pytest.mark.parametrize("bad", ["site", ["-x"], ["Site"], ["site; reboot"], [""], [1]])
def test_gate_json_is_read_strictly(bad):
    rule = {"service": "nginx", "restart": True, "packages": ["nginx", "libc6:amd64"]}
    whole: dict[str, Any] = {"v": 1, "cluster": "c", "node": "n", "units": {"n.service": rule}}
    assert parse(json.dumps(whole).encode()).units["n.service"].packages[1] == "libc6:amd64"
    whole["units"] = {"n.service": rule | {"packages": bad}}
    with pytest.raises(ValueError, match="packages"):
        parse(json.dumps(whole).encode())
