"""The BMC's sensors and log: what FreeIPMI writes, and what comes of one that does not answer.

fixtures/ipmi/ipmi.txt has lines that users of ipmi_exporter posted (its issues 54, 95, 108 and 302); the others are
written by the formats that ipmi_exporter's freeipmi/freeipmi.go reads.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from exporter import ipmi
from exporter.collector import Absent, Malformed
from exporter.collectors.ipmi import Ipmi
from exporter.privileged.ipmi import round_of
from exporter.programs import Ended
from exporter.spool import OLD
from tests.exporter.fakes import still_clock
from tests.exporter.golden import same_as_golden

CAPTURED = Path(__file__).parent / "fixtures/ipmi"


class Bmc:
    """A BMC that answers with the captured texts, but for the questions that it fails."""

    def __init__(self, **failing: Ended | Exception) -> None:
        self.failing = failing
        self.asked: list[tuple[str, ...]] = []

    async def run(self, argv: Sequence[str], deadline: float, about: str = "") -> Ended:
        self.asked.append(tuple(argv))
        answer = self.failing.get(about) or self.failing.get("every")
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            return answer
        file = CAPTURED / f"{about}.txt"
        return Ended(0, file.read_bytes() if about != "version" else b"ipmimonitoring - 1.6", b"")


def shown(folder: Path, now: float = 0.0) -> str:
    return Ipmi(folder, lambda: now).collect().decode()


async def test_captured_answers(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    bmc = Bmc()
    await round_of(tmp_path, bmc.run, still_clock())
    same_as_golden(request, "ipmi", shown(tmp_path).encode())
    assert [argv[5] for argv in bmc.asked[1:]] == [
        question[0] for question in ipmi.QUESTIONS.values()
    ]


async def test_a_question_that_is_not_answered_costs_only_itself(tmp_path: Path) -> None:
    await round_of(tmp_path, Bmc(ipmi=TimeoutError("has not ended")).run, still_clock())
    body = shown(tmp_path)
    assert 'ipmi_up{collector="ipmi"} 0' in body
    assert 'ipmi_up{collector="sel"} 1' in body
    assert "ipmi_temperature_celsius" not in body
    assert "ipmi_sel_logs_count 12" in body


@pytest.mark.parametrize("output", [b"", b"x,y\n", b"1,only,three\n", b'"\n', b"\xff\x00\n"])
async def test_an_answer_that_is_none_is_not_up(tmp_path: Path, output: bytes) -> None:
    await round_of(tmp_path, Bmc(chassis=Ended(0, output, b"")).run, still_clock())
    assert 'ipmi_up{collector="chassis"} 0' in shown(tmp_path)
    for question in ("sel", "bmc", "chassis"):
        with pytest.raises(Malformed, match="ipmi"):
            ipmi.parse(question, output.decode("utf-8", "replace"))


@pytest.mark.parametrize("output", ["x,y\n", "1,only,three\n", "a,b,c,d,e,f,g\n", "1,\0\n"])
def test_sensors_that_cannot_be_right_are_malformed(output: str) -> None:
    for question in ("ipmi", "sel-events"):
        with pytest.raises(Malformed, match="ipmi"):
            ipmi.parse(question, output)


async def test_without_freeipmi_it_says_what_to_install(tmp_path: Path) -> None:
    missing = Absent("ipmimonitoring: no such program")
    await round_of(tmp_path, Bmc(every=missing).run, still_clock())
    with pytest.raises(Absent, match="install freeipmi-tools"):
        shown(tmp_path)
    with pytest.raises(Absent, match=r"hale-ipmi\.timer is not enabled"):
        shown(tmp_path / "nowhere")


async def test_old_answers_are_not_shown(tmp_path: Path) -> None:
    await round_of(tmp_path, Bmc().run, still_clock())
    with pytest.raises(Malformed, match="has not run for long"):
        shown(tmp_path, now=OLD + 1)
