"""person.failover: not a fault but a person's word: Redis' master goes to whom Sentinel prefers."""

from dataclasses import dataclass

from lab.faults.fault import insist, run
from lab.ports import Lab

PATIENCE = 30.0
"""Seconds in which Sentinel has to take it; it refuses while a failover is under way and while nobody follows."""

ROLES = """
for host in 127.0.0.1 $(redis-cli -p 26379 SENTINEL SENTINELS "$1" | awk 'name == "ip" {print} {name = $0}'); do
    redis-cli -h "$host" -p 26379 SENTINEL REPLICAS "$1" | awk 'name == "role-reported" {print} {name = $0}'
done | sort -u
"""
"""Asks every Sentinel what each replica told of itself last, which it asks a replica for every 10 s.

A Sentinel that has not heard yet that a former master follows takes it for one that came back, and sends it back just
when the others let it take over: the failover is given up then.
"""


@dataclass(frozen=True, slots=True)
class PersonFailover:
    """`SENTINEL FAILOVER` by somebody on a node.

    Attributes:
        master: Sentinel's name of the master.
    """

    node: str
    master: str

    def inject(self, lab: Lab) -> str:
        """Ask until Sentinel takes it, once all of them know who follows."""
        command = ["redis-cli", "-p", "26379", "SENTINEL", "FAILOVER", self.master]
        roles = ["/bin/sh", "-ec", ROLES, "sh", self.master]

        def ask() -> str:
            told = run(lab, self.node, roles).stdout.split()
            if told != ["slave"]:
                return f"the Sentinels take the replicas for: {', '.join(told) or 'nothing'}"
            said = run(lab, self.node, command).stdout.strip()
            return "" if said == "OK" else said or "no answer"

        insist(ask, PATIENCE, f"{self.node}: SENTINEL FAILOVER {self.master}")
        return f"{self.node}: Sentinel was asked to move {self.master}"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
