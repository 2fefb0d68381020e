"""What dpkg says of the files that services run from: captured words, dpkg that is played, and a real one."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from exporter.blocking import Threads
from exporter.collector import Absent, Malformed
from exporter.collectors.packages import DEADLINE, LEAST, LOOK, SHARE, Packages, damaged
from exporter.config import Service
from exporter.programs import Ended, Programs
from tests.debian import Debian, flip
from tests.exporter.fakes import FakeBlocking, loop_clock
from tests.exporter.golden import same_as_golden

# dpkg 1.21.22 of Debian 12, as another user than root for the last.
SAID = (
    b"??5??????   /usr/sbin/nginx\n"
    b"missing     /usr/lib/nginx/modules/ngx_mail_module.so\n"
    b"??5?????? c /etc/nginx/nginx.conf\n"
    b"missing   c /etc/default/nginx\n"
    b"missing     /usr/share/doc/nginx/copyright\n"
    b"?????????   /usr/sbin/closed\n"
    b"missing     /root/closed/a (Permission denied)\n"
)
NGINX = Service("nginx", "nginx.service", "web", packages=("nginx", "nginx-common"))
SITE = Service("site", "site.service", "web", packages=("nginx",))


@dataclass
class Dpkg:
    """dpkg, which finds the same until it is told to find something else, and takes its time."""

    answers: dict[str, Ended] = field(default_factory=dict)
    seconds: float = 0.1
    asked: list[str] = field(default_factory=list)

    async def run(self, argv: Sequence[str], deadline: float, about: str = "") -> Ended:
        assert deadline == DEADLINE
        await asyncio.sleep(self.seconds)
        self.asked.append(argv[-1])
        return self.answers.get(argv[-1], Ended(0, b"", b""))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text("")
    return tmp_path


def made(root: Path, dpkg: Dpkg, *services: Service) -> tuple[Packages, list[bytes]]:
    return Packages(root, lambda: services, dpkg, FakeBlocking(), loop_clock()), []


def test_configuration_documents_and_what_may_not_be_read_are_no_damage() -> None:
    assert damaged(SAID) == ["/usr/sbin/nginx", "/usr/lib/nginx/modules/ngx_mail_module.so"]


@pytest.mark.parametrize("text", [b"dpkg: package 'x' is not installed\n", b"??5??\n", b"\xff\n"])
def test_a_line_of_another_form_is_a_failure_and_no_smaller_number(text: bytes) -> None:
    with pytest.raises(Malformed, match="wanted a file"):
        damaged(text)


@pytest.mark.looptime(start=0)
async def test_the_exposition_is_the_golden_one(root: Path, request: pytest.FixtureRequest) -> None:
    packages, shown = made(root, Dpkg({"nginx": Ended(1, SAID, b"")}), NGINX, SITE)
    await packages.collect(shown.append)
    same_as_golden(request, "packages", shown[-1])


@pytest.mark.looptime(start=0)
@pytest.mark.parametrize(("took", "between"), [(1.0, 1.0 / SHARE), (0.01, LEAST)])
async def test_files_are_read_again_as_often_as_their_share_of_the_time_allows(
    root: Path, took: float, between: float
) -> None:
    dpkg = Dpkg(seconds=took)
    packages, shown = made(root, dpkg, SITE)
    await packages.collect(shown.append)
    await asyncio.sleep(between - 1)
    await packages.collect(shown.append)
    assert dpkg.asked == ["nginx"]
    await asyncio.sleep(1)
    await packages.collect(shown.append)
    assert dpkg.asked == ["nginx"] * 2
    assert packages.interval == LOOK


@pytest.mark.looptime(start=0)
async def test_what_was_installed_anew_is_read_at_once(root: Path) -> None:
    dpkg = Dpkg({"nginx": Ended(1, SAID, b"")}, seconds=10.0)
    packages, shown = made(root, dpkg, SITE)
    await packages.collect(shown.append)
    (root / "var/lib/dpkg/status").unlink()
    (root / "var/lib/dpkg/status").write_text("anew")
    dpkg.answers.clear()
    await packages.collect(shown.append)
    assert b'package="nginx",service="site"} 2\n' in shown[0]
    assert b'package="nginx",service="site"} 0\n' in shown[1]


@pytest.mark.looptime(start=0)
async def test_a_package_of_which_dpkg_says_nothing_is_left_out_and_told(root: Path) -> None:
    gone = Ended(1, b"", b"dpkg: package 'nginx' is not installed\n")
    packages, shown = made(root, Dpkg({"nginx": gone}), NGINX)
    with pytest.raises(Malformed, match="'nginx' is not installed"):
        await packages.collect(shown.append)
    assert b'package="nginx-common",service="nginx"} 0\n' in shown[-1]
    assert b'package="nginx",' not in shown[-1]


@pytest.mark.looptime(start=0)
async def test_without_packages_or_dpkg_there_is_nothing_to_say(root: Path) -> None:
    packages, shown = made(root, Dpkg(), Service("site", "site.service", "web"))
    with pytest.raises(Absent):
        await packages.collect(shown.append)
    (root / "var/lib/dpkg/status").unlink()
    packages, shown = made(root, Dpkg(), SITE)
    with pytest.raises(Absent):
        await packages.collect(shown.append)
    assert shown == []


async def test_a_real_dpkg_finds_one_bit_and_nothing_of_what_an_owner_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    debian = Debian(tmp_path / "debian")
    debian.make()
    monkeypatch.setenv("PATH", f"{debian.bin}:/usr/sbin:/usr/bin:/sbin:/bin")
    debian.install(debian.build("site"))
    service = Service("site", "site.service", "web", packages=("site",))
    shown: list[bytes] = []

    async def found() -> bytes:
        packages = Packages(debian.root, lambda: [service], Programs(), Threads(), loop_clock())
        await packages.collect(shown.append)
        return shown[-1].splitlines()[-1].rpartition(b" ")[2]

    debian.at("etc/site.conf").write_text("workers 4\n")
    assert await found() == b"0"
    flip(debian.at("usr/sbin/site"))
    assert await found() == b"1"
    debian.at("usr/lib/site/module.so").unlink()
    assert await found() == b"2"
