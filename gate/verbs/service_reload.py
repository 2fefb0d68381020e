"""service.reload: let one listed unit read its configuration anew, after its own check has agreed."""

from gate import unit_verbs
from gate.process import NotStarted
from gate.units import Unreadable
from gate.verb import Job
from gate.words import Outcome, Reason, done, failed, unknown


class ServiceReload(unit_verbs.UnitVerb):
    """`systemctl reload UNIT`, then proof that the unit is still active and was not started anew."""

    def run(self, job: Job) -> Outcome:
        """Reload. A unit that cannot reload, or does not run, is `reload_failed` and left as it is."""
        try:
            ran = job.node.systemd.reload(job.target, job.deadline.left())
        except NotStarted as error:
            return failed(Reason.RELOAD_FAILED, f"not reloaded: {error}")
        if ran.code is None:
            return unknown(Reason.DEADLINE, "systemctl took too long; PID 1 may still reload it")
        if ran.code < 0:
            return unknown(Reason.INTERRUPTED, f"systemctl was ended by signal {-ran.code}")
        try:
            (unit,) = job.node.systemd.show((job.target,))
        except Unreadable as error:
            return unknown(Reason.UNREADABLE, f"systemctl ended with {ran.code}, then: {error}")
        said = f"{unit.active_state} ({unit.sub_state}), result {unit.result}"
        same = unit.invocation_id == unit_verbs.before(job).invocation_id
        if ran.code != 0 or unit.active_state != "active" or not same:
            anew = "" if same else ", started anew"
            return failed(Reason.RELOAD_FAILED, f"{said}{anew}; systemctl said: {ran.last_line}")
        return done(Reason.RELOADED, said)
