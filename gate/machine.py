"""What this machine is called by those who ask for a reboot lock, and whether it waits for a boot."""

import hmac
import re
from dataclasses import dataclass
from pathlib import Path

NAME = "machine:"
"""What `look` asks for it by; no unit, address, pool or file system is called so."""

MACHINE_ID = Path("/etc/machine-id")
REBOOT_REQUIRED = Path("/run/reboot-required")
"""Debian's packages and needrestart leave this file where only a boot ends an upgrade."""

ZINCATI = bytes.fromhex("de35106b6ec24688b63afddaa156679b")
"""The application by which Zincati derives the id that it sends, see its src/identity/mod.rs."""

_HEX = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine.

    Attributes:
        fleet_lock_id: What Zincati and the supplied hook send from here; None where there is no machine id.
        reboot_required: Whether an upgrade waits for a boot; None where that cannot be read.
    """

    fleet_lock_id: str | None
    reboot_required: bool | None


def look(machine_id: Path = MACHINE_ID, required: Path = REBOOT_REQUIRED) -> Machine:
    """Read what this machine is."""
    return Machine(_fleet_lock_id(machine_id), _exists(required))


def app_specific(machine_id: bytes, application: bytes) -> str:
    """Return what sd_id128_get_machine_app_specific(3) makes of both: HMAC-SHA256, as a UUID of version 4.

    Args:
        machine_id: 16 bytes, the key.
        application: 16 bytes.
    """
    made = bytearray(hmac.digest(machine_id, application, "sha256")[:16])
    made[6] = made[6] & 0x0F | 0x40
    made[8] = made[8] & 0x3F | 0x80
    return made.hex()


def _fleet_lock_id(path: Path) -> str | None:
    try:
        text = path.read_text("ascii").strip()
    except (OSError, ValueError):
        return None
    return app_specific(bytes.fromhex(text), ZINCATI) if _HEX.fullmatch(text) else None


def _exists(path: Path) -> bool | None:
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError:
        return None
    return True
