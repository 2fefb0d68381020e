"""What `smartctl --json` says of one disk, as the series of smartctl_exporter.

Names, types, labels and values are that exporter's (github.com/prometheus-community/smartctl_exporter, smartctl.go);
where it asks whether a disk is of type `nvme` or `scsi`, we ask for the protocol: a disk behind a RAID controller has
the same values, and another type.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample
from exporter.smart_document import Said


def _gauge(name: str, text: str) -> Family:
    return Family(f"smartctl_{name}", Kind.GAUGE, text)


def _counter(name: str, text: str) -> Family:
    return Family(f"smartctl_{name}", Kind.COUNTER, text)


VERSION = _gauge("version", "smartctl version")
INFO = _gauge("device", "Device info")
EXIT_STATUS = _gauge("device_smartctl_exit_status", "Exit status of smartctl on device")
BLOCKS = _gauge("device_capacity_blocks", "Device capacity in blocks")
BYTES = _gauge("device_capacity_bytes", "Device capacity in bytes")
NVME_BYTES = _gauge("device_nvme_capacity_bytes", "NVMe device total capacity bytes")
BLOCK_SIZE = _gauge("device_block_size", "Device block size")
SPEED = _gauge("device_interface_speed", "Device interface speed, bits per second")
ATTRIBUTE = _gauge("device_attribute", "Device attributes")
POWER_ON = _counter("device_power_on_seconds", "Device power on seconds")
ROTATION = _gauge("device_rotation_rate", "Device rotation rate")
TEMPERATURE = _gauge("device_temperature", "Device temperature celsius")
POWER_CYCLES = _counter("device_power_cycle_count", "Device power cycle count")
STATE = _gauge(
    "device_state", "Device state (0=active, 1=standby, 2=sleep, 3=dst, 4=offline, 5=sct)"
)
STATISTICS = _gauge("device_statistics", "Device statistics")
ERROR_LOG = _gauge("device_error_log_count", "Device SMART error log count")
TESTS = _gauge("device_self_test_log_count", "Device SMART self test log count")
TEST_ERRORS = _gauge("device_self_test_log_error_count", "Device SMART self test log error count")
RECOVERY = _gauge("device_erc_seconds", "Device SMART Error Recovery Control Seconds")
STATUS = _gauge("device_smart_status", "General smart status")
READ = _counter("device_bytes_read", "Bytes read from the device over its life")
WRITTEN = _counter("device_bytes_written", "Bytes written to the device over its life")
DEFECTS = _gauge("scsi_grown_defect_list", "Device SCSI grown defect list counter")

# Where hale-smart.service leaves its answers.
FOLDER = Path("/run/hale-smart")

# Fields of nvme_smart_health_information_log, each a series of its own. Counters, as smartctl_exporter has them,
# although not all of them only grow.
NVME = {
    "percentage_used": _counter("device_percentage_used", "Device write percentage used"),
    "available_spare": _counter(
        "device_available_spare",
        "Normalized percentage (0 to 100%) of the remaining spare capacity available",
    ),
    "available_spare_threshold": _counter(
        "device_available_spare_threshold",
        "Below this percentage of spare capacity the controller warns",
    ),
    "critical_warning": _counter(
        "device_critical_warning",
        "This field indicates critical warnings for the state of the controller",
    ),
    "media_errors": _counter(
        "device_media_errors", "Data that the controller could not read, or read wrongly"
    ),
    "num_err_log_entries": _counter(
        "device_num_err_log_entries", "Entries of the error log over the life of the controller"
    ),
}
# NVM Express Base Specification 2.0, figure 208: a data unit is a thousand blocks of 512 bytes.
DATA_UNIT = 512_000

# Fields of scsi_error_counter_log, for reading and for writing.
SCSI = {
    "errors_corrected_by_rereads_rewrites": (
        "errors_corrected_by_rereads_rewrites",
        "Errors Corrected by ReReads/ReWrites",
    ),
    "errors_corrected_by_eccfast": (
        "errors_corrected_by_eccfast",
        "Errors Corrected by ECC Fast",
    ),
    "errors_corrected_by_eccdelayed": (
        "errors_corrected_by_eccdelayed",
        "Errors Corrected by ECC Delayed",
    ),
    "total_uncorrected_errors": ("total_uncorrected_errors", "Total Uncorrected Errors"),
}
SCSI_FAMILIES = {
    (way, field): _gauge(f"{way}_{name}", f"{way.capitalize()} {text}")
    for way in ("read", "write")
    for field, (name, text) in SCSI.items()
}

ATTRIBUTE_FLAGS = (
    *("prefailure", "updated_online", "performance"),
    *("error_rate", "event_count", "auto_keep"),
)
STATISTIC_FLAGS = ("valid", "normalized", "supports_dsn", "monitored_condition_met")
# Vendors give several of theirs one name, which would be the same series twice.
VENDOR_STATISTICS = "Vendor Specific Statistics"


def label(path: str, kind: str) -> str:
    """Return what smartctl_exporter calls a device: `sda`, or `bus_0_megaraid_3` behind a controller."""
    name = re.sub(r"^/dev/(?:disk/by-id/|disk/by-path/|)", "", path).replace("/", "_")
    return f"{name}_{kind.replace(',', '_')}" if "," in kind else name


def version(said: Said) -> Iterator[Sample]:
    """Yield the program's version, of any one disk."""
    form, program = (
        ".".join(one.text() for one in said.at(path).all()[:2])
        for path in ("json_format_version", "smartctl.version")
    )
    if form and program:
        yield sample(
            VERSION,
            1,
            json_format_version=form,
            smartctl_version=program,
            svn_revision=said.at("smartctl.svn_revision").text(),
            build_info=said.at("smartctl.build_info").text(),
        )


def samples(said: Said, device: str) -> Iterator[Sample]:
    """Yield all series of one disk.

    Args:
        said: What smartctl says of it.
        device: What it is called.
    """
    yield sample(EXIT_STATUS, said.at("smartctl.exit_status").number(), device=device)
    yield _info(said, device)
    yield from _size(said, device)
    yield from _attributes(said, device)
    yield from _life(said, device)
    yield from _statistics(said, device)
    yield from _logs(said, device)
    if status := said.at("smart_status"):
        yield sample(STATUS, status.at("passed").number(), device=device)
    match said.at("device.protocol").text():
        case "NVMe":
            yield from _nvme(said.at("nvme_smart_health_information_log"), device)
        case "SCSI":
            yield from _scsi(said, device)


def _info(said: Said, device: str) -> Sample:
    def text(path: str, default: str = "") -> str:
        return said.at(path).text(default)

    return sample(
        INFO,
        1,
        device=device,
        interface=text("device.type"),
        protocol=text("device.protocol"),
        model_family=text("model_family", "unknown"),
        model_name=text("model_name") or text("scsi_model_name") or "unknown",
        serial_number=text("serial_number"),
        ata_additional_product_id=text("ata_additional_product_id", "unknown"),
        firmware_version=text("firmware_version"),
        ata_version=text("ata_version.string"),
        sata_version=text("sata_version.string"),
        form_factor=text("form_factor.name"),
        scsi_vendor=text("scsi_vendor"),
        scsi_product=text("scsi_product"),
        scsi_revision=text("scsi_revision"),
        scsi_version=text("scsi_version"),
    )


def _size(said: Said, device: str) -> Iterator[Sample]:
    yield sample(BLOCKS, said.at("user_capacity.blocks").number(), device=device)
    yield sample(BYTES, said.at("user_capacity.bytes").number(), device=device)
    if total := said.at("nvme_total_capacity"):
        yield sample(NVME_BYTES, total.number(), device=device)
    for kind in ("logical", "physical"):
        size = said.at(f"{kind}_block_size").number()
        yield sample(BLOCK_SIZE, size, device=device, blocks_type=kind)
    for kind in ("max", "current"):
        if speed := said.at(f"interface_speed.{kind}"):
            bits = speed.at("units_per_second").number() * speed.at("bits_per_unit").number()
            yield sample(SPEED, bits, device=device, speed_type=kind)


def _attributes(said: Said, device: str) -> Iterator[Sample]:
    for one in said.at("ata_smart_attributes.table").all():
        flags = one.at("flags")
        for kind, path in (
            ("value", "value"),
            ("worst", "worst"),
            ("thresh", "thresh"),
            ("raw", "raw.value"),
        ):
            yield sample(
                ATTRIBUTE,
                one.at(path).number(),
                device=device,
                attribute_name=one.at("name").text(),
                attribute_flags_short=flags.at("string").text(),
                attribute_flags_long=_flags(flags, ATTRIBUTE_FLAGS),
                attribute_value_type=kind,
                attribute_id=one.at("id").text(),
            )


def _flags(flags: Said, known: tuple[str, ...]) -> str:
    return ",".join(name for name in known if flags.at(name).number())


def _life(said: Said, device: str) -> Iterator[Sample]:
    if on := said.at("power_on_time"):
        seconds = on.at("hours").number() * 3600 + on.at("minutes").number() * 60
        yield sample(POWER_ON, seconds, device=device)
    if (rate := said.at("rotation_rate").number()) > 0:
        yield sample(ROTATION, rate, device=device)
    for kind, degrees in said.at("temperature").items():
        yield sample(TEMPERATURE, degrees.number(), device=device, temperature_type=kind)
    cycles = said.at("power_cycle_count")
    cycles = cycles or said.at("scsi_start_stop_cycle_counter.accumulated_start_stop_cycles")
    if cycles:
        yield sample(POWER_CYCLES, cycles.number(), device=device)
    # A mapping in every smartctl that writes JSON; smartctl_exporter takes it for a number, and so shows 0.
    if state := said.at("ata_sct_status.device_state.value"):
        yield sample(STATE, state.number(), device=device)


def _statistics(said: Said, device: str) -> Iterator[Sample]:
    for page in said.at("ata_device_statistics.pages").all():
        table = page.at("name").text()
        if table == VENDOR_STATISTICS:
            continue
        for one in page.at("table").all():
            flags = one.at("flags")
            long = _flags(flags, STATISTIC_FLAGS)
            yield _statistic(one, device, table, flags.at("string").text(), long)
    for one in said.at("sata_phy_event_counters.table").all():
        yield _statistic(one, device, "SATA PHY Event Counters", "V---", "valid")


def _statistic(one: Said, device: str, table: str, short: str, long: str) -> Sample:
    return sample(
        STATISTICS,
        one.at("value").number(),
        device=device,
        statistic_table=table,
        statistic_name=one.at("name").text(),
        statistic_flags_short=short,
        statistic_flags_long=long,
    )


def _logs(said: Said, device: str) -> Iterator[Sample]:
    for kind, log in said.at("ata_smart_error_log").items():
        yield sample(ERROR_LOG, log.at("count").number(), device=device, error_log_type=kind)
    for kind, log in said.at("ata_smart_self_test_log").items():
        errors = log.at("error_count_total").number()
        yield sample(TESTS, log.at("count").number(), device=device, self_test_log_type=kind)
        yield sample(TEST_ERRORS, errors, device=device, self_test_log_type=kind)
    for kind, erc in said.at("ata_sct_erc").items():
        seconds = erc.at("deciseconds").number() / 10
        yield sample(RECOVERY, seconds, device=device, op_type=kind)


def _nvme(health: Said, device: str) -> Iterator[Sample]:
    for field, family in NVME.items():
        yield sample(family, health.at(field).number(), device=device)
    for field, family in (("data_units_read", READ), ("data_units_written", WRITTEN)):
        if units := health.at(field).number():  # 0 is "not reported"
            yield sample(family, units * DATA_UNIT, device=device)


def _scsi(said: Said, device: str) -> Iterator[Sample]:
    if defects := said.at("scsi_grown_defect_list"):
        yield sample(DEFECTS, defects.number(), device=device)
    log = said.at("scsi_error_counter_log")
    if not log:
        return
    for way, family in (("read", READ), ("write", WRITTEN)):
        gigabytes = log.at(f"{way}.gigabytes_processed").number()
        yield sample(family, gigabytes * 1e9, device=device)
    for (way, field), one in SCSI_FAMILIES.items():
        yield sample(one, log.at(f"{way}.{field}").number(), device=device)
