"""Errors are told in reports of many lines: what one begins is what its telling lines say, and no more."""

import pytest

from exporter.failures.classifier import Classifier
from exporter.failures.conditions import Conditions

CLASSIFIER = Classifier()
NOW = 1_800_000_000.0
# As mce_amd.c, mce/core.c, cper.c and skx_common.c of Linux 6.1 write them.
AMD_CORRECTED = """\
mce: [Hardware Error]: Machine check events logged
[Hardware Error]: Corrected error, no action required.
[Hardware Error]: CPU:9 (19:21:2) MC1_STATUS[-|CE|MiscV|AddrV|-|-|SyndV|-|-|-]: 0x9c20400000010145
[Hardware Error]: Error Addr: 0x00000004a1100000
[Hardware Error]: IPID: 0x000000b000000000, Syndrome: 0x000000001a1a0a00
[Hardware Error]: Instruction Fetch Unit Ext. Error Code: 1
[Hardware Error]: cache level: L1, tx: INSN, mem-tx: IRD
"""
AMD_UNCORRECTED = AMD_CORRECTED.replace(
    "Corrected error, no action required.", "Uncorrected, software restartable error."
)
INTEL_MEMORY = """\
mce: [Hardware Error]: Machine check events logged
EDAC skx MC2: HANDLING MCE MEMORY ERROR
EDAC skx MC2: CPU 11: Machine Check Event: 0x0 Bank 13: 0x8c00004200800090
EDAC skx MC2: TSC 0x1a2b3c4d5e6f
EDAC skx MC2: ADDR 0x4a1100000
EDAC skx MC2: PROCESSOR 0:0x50657 TIME 1700000411 SOCKET 1 APIC 0x40
EDAC MC2: 1 CE memory read error on CPU_SrcID#1_MC#0_Chan#1_DIMM#0 (channel:1 slot:0 page:0x4a1100 offset:0x0)
"""
INTEL_RECORD = """\
mce: [Hardware Error]: Machine check events logged
mce: [Hardware Error]: CPU 2: Machine Check: 0 Bank 7: 8c20004000010134
mce: [Hardware Error]: TSC 1a2b3c4d5e6f ADDR 4a1100000 MISC 140
mce: [Hardware Error]: PROCESSOR 0:50657 TIME 1700000411 SOCKET 0 APIC 4 microcode 5003604
"""
FIRMWARE = """\
{1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 4
{1}[Hardware Error]: It has been corrected by h/w and requires no further action
{1}[Hardware Error]: event severity: corrected
{1}[Hardware Error]:  Error 0, type: corrected
{1}[Hardware Error]:   section_type: memory error
{1}[Hardware Error]:    error_status: Storage error in DRAM memory (0x0000000000000400)
{1}[Hardware Error]:   physical_address: 0x00000004a1100000
{1}[Hardware Error]:   node:0 card:1 module:0 rank:0 bank:2 row:411 column:12
{1}[Hardware Error]:   error_type: 2, single-bit ECC
{1}[Hardware Error]:   DIMM location: not present. DMI handle: 0x0000
"""


def causes(report: str) -> set[str]:
    conditions = Conditions()
    for line in report.splitlines():
        told = CLASSIFIER.classify_entry({"MESSAGE": line, "_TRANSPORT": "kernel"})
        conditions.hear(told, NOW, NOW)
    return {one.cause for one in conditions.open}


@pytest.mark.parametrize(
    "report",
    [AMD_CORRECTED, INTEL_MEMORY, INTEL_RECORD, FIRMWARE],
    ids=["amd", "intel-memory", "intel-record", "firmware"],
)
def test_a_report_of_what_was_corrected_begins_nothing_graver(report) -> None:
    found = causes(report)
    assert found
    assert {one.split()[0] for one in found} == {"corrected"}


@pytest.mark.parametrize(
    ("report", "cause"),
    [
        (AMD_UNCORRECTED, "machine check"),
        (INTEL_MEMORY.replace("1 CE memory", "1 UE memory"), "uncorrected memory error"),
        (INTEL_RECORD.replace("Bank 7: 8c", "Bank 7: be"), "machine check"),
        (FIRMWARE.replace("2, single-bit", "3, multi-bit"), "memory error told by the firmware"),
    ],
    ids=["amd", "intel-memory", "intel-record", "firmware"],
)
def test_a_report_of_what_was_not_says_so(report, cause) -> None:
    assert cause in causes(report)
