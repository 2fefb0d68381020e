"""Replay scenarios/*.txt: a line is said, the indented lines under it are what the healer answers.

To accept new answers: pytest --rewrite, then read the diff.

    cluster web=3 floor=2 mode=act cooldown=300   a fresh cluster; its group votes where it says `votes=yes`,
                                                  and the app needs a database where it says `db=2`
    replicated [mode=explain] [owner=sentinel]    a fresh cluster: of the database `main` db1 leads db2 and db3
    leader db2 | member db3 state=stopped         how Patroni has it
    database paused=yes                           the same of all of it
    down web1/nginx | up web1/nginx               what is true
    slow web1/nginx | quick web1/nginx            it runs and does not serve
    dark web1 web2 | light web1 web2              nobody hears of these nodes any more
    set gate=silent sample_age=90 unit_state=...  any field of World
    alert ServiceDown web1/nginx                  fires from now on; `clear NAME TARGET` ends it
    wait 5                                        time passes
    tick                                          the healer looks at every incident once
    ended done | refused config_check | unknown   how the gate says the running action ended
    adopt 1 | freeze REASON | unfreeze            a person speaks
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import Alert, Target
from healer.core.attempt import Outcome
from healer.core.correlate import correlate
from healer.core.decide import decide
from healer.core.decision import Act, Close, Decision, Hold, Mitigate
from healer.core.facts import Reading
from healer.core.incident import Incident
from healer.core.ladder import Mode
from healer.core.plan import Escalate
from healer.core.states import State
from healer.core.verification import NotVerified, Proof, Verified, verify
from tests.healer.core.replicated import lead, member, replicated
from tests.healer.core.world import VERIFY, World, alert, topology, with_databases

SCENARIOS = Path(__file__).parent / "scenarios"


def target(text: str) -> Target:
    node, _, service = text.partition("/")
    return Target(node, service or None)


@dataclass
class Play:
    """One scenario under way."""

    world: World = field(default_factory=World)
    firing: dict[tuple[str, str], Alert] = field(default_factory=dict)
    well_since: dict[str, float] = field(default_factory=dict)
    clear_since: dict[str, float] = field(default_factory=dict)

    def say(self, line: str) -> list[str]:
        word, *rest = line.split()
        return getattr(self, f"do_{word}")(*rest) or []

    def do_cluster(self, *pairs: str) -> None:
        given = dict(pair.split("=") for pair in pairs)
        mode, floor, web = (
            Mode(given.pop("mode", "act")),
            int(given.pop("floor", 1)),
            int(given.pop("web", 3)),
        )
        votes = given.pop("votes", "no") == "yes"
        databases = int(given.pop("db", 0))
        numbers = {key: float(value) for key, value in given.items()}
        made = topology(floor=floor, mode=mode, web=web, **numbers)
        groups = {**made.groups, "web": replace(made.groups["web"], votes=votes)}
        made = replace(made, groups=groups)
        self.world = World(topology=with_databases(made, databases) if databases else made)

    def do_replicated(self, *pairs: str) -> None:
        given = dict(pair.split("=") for pair in pairs)
        sentinel = given.get("owner") == "sentinel"
        self.world = replicated(Mode(given.get("mode", "act")), sentinel=sentinel)
        self.firing, self.clear_since, self.well_since = {}, {}, {}

    def do_leader(self, node: str) -> None:
        lead(self.world, None if node == "nobody" else node)

    def do_member(self, node: str, *pairs: str) -> None:
        given = dict(pair.split("=") for pair in pairs)
        if "state" in given:
            given["state"] = given["state"].replace("_", " ")
        member(self.world, node, **{key: _value(text) for key, text in given.items()})

    def do_database(self, *pairs: str) -> None:
        given = dict(pair.split("=") for pair in pairs)
        changes = {key: _value(text) for key, text in given.items()}
        self.world.databases["main"] = replace(self.world.databases["main"], **changes)

    def do_down(self, *targets: str) -> None:
        self.world.down |= {target(one) for one in targets}

    def do_up(self, *targets: str) -> None:
        self.world.down -= {target(one) for one in targets}

    def do_slow(self, *targets: str) -> None:
        self.world.slow |= {target(one) for one in targets}
        self.do_down(*targets)

    def do_quick(self, *targets: str) -> None:
        self.world.slow -= {target(one) for one in targets}
        self.do_up(*targets)

    def do_dark(self, *nodes: str) -> None:
        self.world.dark |= set(nodes)

    def do_light(self, *nodes: str) -> None:
        self.world.dark -= set(nodes)

    def do_set(self, *pairs: str) -> None:
        for pair in pairs:
            name, _, value = pair.partition("=")
            old = getattr(self.world, name)
            new: object = float(value) if isinstance(old, float) else value
            setattr(self.world, name, value == "yes" if isinstance(old, bool) else new)

    def do_alert(self, name: str, at: str, *pairs: str) -> list[str]:
        given = dict(pair.split("=") for pair in pairs)
        self.firing[name, at] = alert(name, at, began=self.world.now, **given)
        return self._correlate()

    def do_clear(self, name: str, at: str) -> None:
        del self.firing[name, at]

    def do_wait(self, seconds: str) -> None:
        self.world.now += float(seconds)

    def do_ended(self, outcome: str, reason: str = "") -> list[str]:
        acting = [one for one in self.world.board.open if one.state is State.ACTING]
        for one in acting:
            last = one.attempts[-1].action_id
            self.world.journal(
                ie.ActionEnded(one.id, last, Outcome(outcome), reason, "", self.world.now)
            )
        return [self._state(one.id) for one in acting]

    def do_adopt(self, number: str) -> list[str]:
        self.world.journal(ie.IncidentAdopted(number, "ann"))
        return [self._state(number)]

    def do_freeze(self, reason: str) -> None:
        self.world.standing = replace(self.world.standing, frozen=(f"{reason} (by ann)",))

    def do_unfreeze(self) -> None:
        self.world.standing = replace(self.world.standing, frozen=(), armed_at=self.world.now)

    def do_tick(self) -> list[str]:
        self.world.look()
        return self._correlate() + [
            answer for one in self.world.board.open for answer in self._step(one)
        ]

    def _correlate(self) -> list[str]:
        said = []
        board, cluster = self.world.board, self.world.topology
        true = frozenset(one.fingerprint for one in self.firing.values() if self._is_true(one))
        seen = self.world.picture()
        for changes in correlate(board, self.firing.values(), cluster, true, seen):
            self.world.journal(*changes)
            said += [self._told(change) for change in changes]
        return said

    def _is_true(self, one: Alert) -> bool:
        """Whether evidence would find it so; a node is dead when nothing on it is up."""
        return one.target in self.world.down

    def _told(self, change: ev.Event) -> str:
        match change:
            case ie.IncidentOpened(number, cause, ladder):
                return f"incident {number} opened: {cause.name} {cause.target}, ladder {ladder}"
            case ie.AlertJoined(number, one):
                return f"incident {number} joined: {one.name} {one.target}"
            case ie.AlertLeft(number, one):
                return f"incident {number} left: {one.name} {one.target}"
            case ie.CauseReplaced(number, cause, ladder):
                return (
                    f"incident {number} cause is now {cause.name} {cause.target}, ladder {ladder}"
                )
            case ie.IncidentClosed(number, outcome, detail):
                return f"incident {number} closed: {outcome} {detail}"
            case _:
                return type(change).__name__

    def _step(self, incident: Incident) -> list[str]:
        if incident.state is State.ACTING:
            return []
        if incident.state is State.VERIFYING:
            return self._prove(incident)
        facts = self.world.facts(incident)
        clear_for = None
        if facts.evidence is not None and facts.evidence.firing is False:
            since = self.clear_since.setdefault(incident.id, self.world.now)
            clear_for = self.world.now - since
        else:
            self.clear_since.pop(incident.id, None)
        return self._decided(incident, decide(incident, facts, clear_for))

    def _decided(self, incident: Incident, decision: Decision) -> list[str]:
        number = incident.id
        match decision:
            case Act(proposal, expect, ledger_id, verdicts):
                self.world.journal(
                    ie.ActionIntended(
                        incident=number,
                        action_id=f"1.1.{self.world.board.actions + 1}",
                        ladder=proposal.ladder.name,
                        rung=proposal.rung_index,
                        action=proposal.rung.action,
                        target=proposal.target,
                        about=incident.target,
                        gate=proposal.gate,
                        args=proposal.args,
                        footprint=proposal.footprint,
                        ledger_id=ledger_id,
                        expect=expect,
                        deadline_at=self.world.now + 30,
                        verdicts=verdicts,
                    )
                )
                said = f"act {proposal.rung.action} {proposal.target}"
                chosen = dict(proposal.args).get("candidate")
                said += f", {chosen} is to lead" if chosen is not None else ""
            case Hold(_, hold, verdicts):
                self.world.journal(ie.IncidentHeld(number, hold, verdicts))
                said = f"hold {hold.reason} have='{hold.have}' need='{hold.need}'"
            case Mitigate(detail):
                self.world.journal(ie.IncidentMitigated(number, detail))
                said = f"mitigate: {detail}"
            case Escalate(reason, detail):
                self.world.journal(ie.IncidentEscalated(number, reason, detail))
                said = f"escalate {reason}: {detail}"
            case Close(outcome, detail):
                self.world.journal(ie.IncidentClosed(number, outcome, detail))
                said = f"close {outcome}: {detail}"
            case _:
                said = "stay"
        return [f"{number} {said} -> {self.world.board.incidents[number].state.name}"]

    def _prove(self, incident: Incident) -> list[str]:
        attempt, now = incident.attempts[-1], self.world.now
        up = incident.target not in self.world.down
        reading = Reading(float(up), now - self.world.sample_age, now)
        proof = Proof(reading if self.world.prometheus else None, self.world.outside)
        since, ended = self.well_since.get(attempt.action_id), attempt.ended_at or now
        soaked = None if since is None else now - since
        judged = verify(VERIFY, attempt, proof, soaked, now - ended)
        match judged:
            case Verified(detail):
                self.world.journal(
                    ie.VerificationEnded(
                        incident.id, attempt.action_id, True, True, "proved", detail
                    ),
                    ie.IncidentClosed(incident.id, "healed", detail),
                )
                return [f"{incident.id} verified: {detail} -> CLOSED"]
            case NotVerified(reason, detail):
                self.world.journal(
                    ie.VerificationEnded(
                        incident.id, attempt.action_id, False, False, reason, detail
                    )
                )
                return [f"{incident.id} not verified: {detail} -> {self._name(incident.id)}"]
            case waiting:
                if waiting.well:
                    self.well_since.setdefault(attempt.action_id, now)
                else:
                    self.well_since.pop(attempt.action_id, None)
                return [f"{incident.id} waits for proof: {waiting.missing}"]

    def _name(self, number: str) -> str:
        return self.world.board.incidents[number].state.name

    def _state(self, number: str) -> str:
        return f"{number} -> {self._name(number)}"


def _value(text: str) -> Any:
    words = {"yes": True, "no": False, "unknown": None}
    return words[text] if text in words else int(text) if text.isdigit() else text


def replay(text: str) -> str:
    play, out = Play(), []
    for line in text.splitlines():
        if line.startswith("  "):
            continue
        out.append(line)
        if line and not line.startswith("#"):
            out += [f"  {answer}" for answer in play.say(line)]
    return "\n".join(out) + "\n"


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.txt")), ids=lambda path: path.stem)
def test_scenario(path, request):
    got = replay(path.read_text())
    if request.config.getoption("--rewrite"):
        path.write_text(got)
    assert got == path.read_text()
