"""What the firmware says of the machine, from /sys/class/dmi/id, as node_exporter's `dmi`."""

from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent, OnScrape
from exporter.exposition import Family, Kind
from exporter.gathered import sample, written

INFO = Family(
    "node_dmi_info",
    Kind.GAUGE,
    "A metric with a constant '1' value labeled by what the firmware says of the machine, where it says so.",
)
# Files, and the labels that are called otherwise. Serial numbers and the UUID are root's to read.
FILES = (
    *("bios_date", "bios_release", "bios_vendor", "bios_version"),
    *("board_asset_tag", "board_name", "board_serial", "board_vendor", "board_version"),
    *("chassis_asset_tag", "chassis_serial", "chassis_vendor", "chassis_version"),
    *("product_family", "product_name", "product_serial", "product_sku", "product_uuid"),
    *("product_version", "sys_vendor"),
)
RENAMED = {"sys_vendor": "system_vendor"}


class Dmi(OnScrape):
    """Serves node_dmi_info, read once: it does not change before the next boot."""

    name = "dmi"

    def __init__(self, sysfs: Path) -> None:
        """Read nothing yet.

        Args:
            sysfs: Where /sys is.
        """
        self._folder = sysfs / "class/dmi/id"
        self._body: bytes | None = None

    def collect(self) -> bytes:
        """Read the files, the first time."""
        if self._body is None:
            found = {name: sysfiles.text(self._folder / name) for name in FILES}
            labels = {
                RENAMED.get(name, name): text for name, text in found.items() if text is not None
            }
            self._body = written([sample(INFO, 1, **labels)]) if labels else b""
        if not self._body:
            raise Absent("dmi: this platform has none")
        return self._body
