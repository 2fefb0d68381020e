"""What of the system a unit of Hale could reach if it were taken over, in systemd's own count."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

EXPOSURE = {
    "healer/systemd/hale-healer.service": 2.0,
    "exporter/systemd/hale-exporter.service": 2.8,
    "exporter/systemd/hale-ipmi.service": 1.7,
    "exporter/systemd/hale-smart.service": 2.1,
    "gate/systemd/hale-gate@.service": 3.5,
    "gate/systemd/hale-gate-marks.service": 3.0,
    "gate/systemd/hale-reboot-lock.service": 2.8,
    "gate/systemd/hale-reboot-done.service": 2.8,
    "backup/systemd/hale-backup@.service": 3.0,
    "backup/systemd/hale-backup-check@.service": 3.0,
    "backup/systemd/hale-backup-drill@.service": 3.2,
    "backup/systemd/hale-backup-restore@.service": 3.5,
}
"""The most that `systemd-analyze security` may count, of 10. The gate is root, or it could restart nothing."""

ALLOWED_NOTHING_NEW = ("@clock", "@module", "@mount", "@raw-io", "@reboot", "@swap")
"""System calls that need a capability which the gate does not have, so that no declared check can miss them."""

LEFT_OUT = ("CAP_SYS_TIME", "CAP_SYS_MODULE", "CAP_SYS_ADMIN", "CAP_SYS_RAWIO", "CAP_SYS_BOOT")


def exposure(unit: Path, limit: float) -> tuple[int, str]:
    """Return systemd-analyze's status, 1 above the limit, and its last line."""
    argv = ["systemd-analyze", "security", "--offline=true", "--no-pager"]
    done = subprocess.run(
        [*argv, f"--threshold={round(limit * 10)}", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Overall exposure level" in done.stdout, done.stderr
    return done.returncode, done.stdout.strip().splitlines()[-1]


@pytest.fixture(autouse=True)
def _analyze() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")


def test_every_service_that_hale_brings_has_a_limit() -> None:
    parts = ("exporter", "healer", "gate", "backup")
    found = {
        str(one.relative_to(ROOT))
        for part in parts
        for one in (ROOT / part / "systemd").glob("*.service")
    }
    assert found == EXPOSURE.keys()


@pytest.mark.parametrize("unit", EXPOSURE)
def test_a_unit_is_exposed_no_more_than_it_has_to_be(unit: str) -> None:
    status, said = exposure(ROOT / unit, EXPOSURE[unit])
    assert status == 0, said


@pytest.mark.parametrize("unit", EXPOSURE)
def test_a_unit_without_its_hardening_is_found(unit: str, tmp_path: Path) -> None:
    lines = (ROOT / unit).read_text().splitlines()
    bare = [one for one in lines if not one.startswith(("SystemCall", "Restrict", "Protect"))]
    (tmp_path / Path(unit).name).write_text("\n".join(bare) + "\n")
    assert exposure(tmp_path / Path(unit).name, EXPOSURE[unit])[0] == 1


def test_the_gates_filter_takes_nothing_that_its_capabilities_allow() -> None:
    lines = (ROOT / "gate/systemd/hale-gate@.service").read_text().splitlines()
    (kept,) = [one for one in lines if one.startswith("CapabilityBoundingSet=")]
    (filtered,) = [one for one in lines if one.startswith("SystemCallFilter=")]
    assert not set(LEFT_OUT) & set(kept.partition("=")[2].split())
    assert filtered.startswith(
        "SystemCallFilter=~"
    )  # else a check may call only what we thought of
    assert set(ALLOWED_NOTHING_NEW) <= set(filtered.partition("~")[2].split())
    assert "SystemCallErrorNumber=EPERM" in lines  # as without the capability, and no death
