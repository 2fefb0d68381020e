"""healer.kill_at_begun: the healer dies while a gate does what it asked for, before any reply."""

import json
import time
from dataclasses import dataclass

from lab.faults import systemd
from lab.ports import Lab, LabError

_UNIT = "hale-healer.service"


@dataclass(frozen=True, slots=True)
class HealerKillAtBegun:
    """SIGKILL to the healer as soon as a gate's ledger holds a verb that has begun and not ended.

    Attributes:
        node: The healer's node.
        gate: The node whose gate is watched. Make the verb slow (service.slow_start), or it is over.
        verb: Which verb.
        within: Seconds to wait for it.
    """

    node: str
    gate: str
    verb: str = "service.restart"
    within: str = "60"

    def inject(self, lab: Lab) -> str:
        """Wait for the gate, then kill."""
        deadline = time.monotonic() + float(self.within)
        while (found := self._begun(lab)) is None:
            if time.monotonic() > deadline:
                raise LabError(
                    f"{self.gate}: no {self.verb} was under way within {self.within} s; "
                    "`hale-gate status` there shows what it did"
                )
            time.sleep(0.05)
        pid = systemd.kill_main(lab, self.node, _UNIT)
        return f"{self.node}: SIGKILL to the healer, process {pid}, while {self.gate} ran {found}"

    def undo(self, lab: Lab) -> None:
        """Start it, should it not run."""
        systemd.start_again(lab, self.node, _UNIT)

    def _begun(self, lab: Lab) -> str | None:
        # Its exit status says whether the gate would act now, which is not asked here.
        done = lab.exec(self.gate, ["hale-gate", "status", "--output", "json"])
        try:
            for entry in json.loads(done.stdout)["last"]:
                if entry["verb"] == self.verb and entry["state"] == "begun":
                    return f"{self.verb} {entry['id']}"
        except (ValueError, KeyError, TypeError) as exc:
            raise LabError(f"{self.gate}: hale-gate status: {exc}: {done.stdout[:200]}") from exc
        return None
