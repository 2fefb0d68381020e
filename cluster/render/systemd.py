"""systemd's drop-ins: the native restart that comes before the healer's (systemd.service(5))."""

from collections.abc import Mapping

from cluster.model import NativeRestart
from cluster.quantity import duration_text
from cluster.writing import HEADER


def restart_conf(native: NativeRestart) -> str:
    """Write the drop-in that lets systemd try first, with what was asked for and nothing else."""
    # StartLimit* belongs to [Unit] since systemd 230; in [Service] newer ones only warn.
    unit = {
        "StartLimitIntervalSec": native.within and duration_text(native.within),
        "StartLimitBurst": native.limit,
    }
    service = {
        "Restart": native.restart,
        "RestartSec": native.wait and duration_text(native.wait),
        "TimeoutStopSec": native.stop and duration_text(native.stop),
    }
    sections = [_section("Unit", unit), _section("Service", service)]
    return HEADER + "\n".join(section for section in sections if section)


def _section(name: str, settings: Mapping[str, str | float | None]) -> str:
    lines = [f"{key}={value}\n" for key, value in settings.items() if value is not None]
    return f"[{name}]\n{''.join(lines)}" if lines else ""
