"""systemd's drop-ins: the native restart that comes before the healer's (systemd.service(5))."""

from cluster.model import NativeRestart
from cluster.quantity import duration_text
from cluster.writing import HEADER


def restart_conf(native: NativeRestart) -> str:
    """Write the drop-in that lets systemd try first, and give up in time for the healer."""
    # StartLimit* belongs to [Unit] since systemd 230; in [Service] newer ones only warn.
    return (
        f"{HEADER}"
        "[Unit]\n"
        f"StartLimitIntervalSec={duration_text(native.within)}\n"
        f"StartLimitBurst={native.limit}\n"
        "\n"
        "[Service]\n"
        "Restart=on-failure\n"
        f"RestartSec={duration_text(native.wait)}\n"
    )
