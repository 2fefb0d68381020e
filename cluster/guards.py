"""The guards' numbers, each under its guard's name, with the values that production should have.

Rule: every number of a guard can be set, and no guard can be switched off: not by a number either that lets it never
hold. The bounds are far on both sides of what production should have, and take the drills' short times.
"""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from cluster.fields import Block, Seconds, between

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

Settling = Annotated[Seconds, between(1.0, HOUR)]
Window = Annotated[Seconds, between(1.0, 7 * DAY)]
Counting = Annotated[Seconds, between(MINUTE, 7 * DAY)]
"""Over so long actions and incidents are counted."""

Actions = Annotated[int, Field(strict=True, ge=1, le=1000)]
Few = Annotated[int, Field(strict=True, ge=1, le=100)]


def _share(value: float) -> float:
    if not 0.01 <= value <= 0.9:
        raise ValueError(f"{value:g} is out of range. Write 0.01 to 0.9, as 0.25 for a quarter.")
    return value


class OwnerSettled(Block):
    """Seconds that a native owner has to itself since its last transition: systemd, VRRP, Patroni, and Pacemaker."""

    service: Settling = 10.0
    address: Settling = 10.0
    database: Settling = 30.0
    pacemaker: Settling = 60.0


class NoStorm(Block):
    """When so much vanishes at once that it is the network or the monitoring.

    Attributes:
        share: More than this share of all targets,
        targets: and at least so many of them,
        domains: in at least so many failure domains,
        window: within so many seconds.
        calm: Seconds without it after which the healer goes on.
    """

    share: Annotated[
        float,
        AfterValidator(_share),
        Field(json_schema_extra={"minimum": 0.01, "maximum": 0.9}),
    ] = 0.25
    targets: Annotated[int, Field(strict=True, ge=2, le=100)] = 3
    domains: Annotated[int, Field(strict=True, ge=1, le=10)] = 2
    window: Window = 600.0
    calm: Window = 120.0


class Budget(Block):
    """How many actions are allowed within `window` seconds."""

    node: Actions = 6
    group: Actions = 8
    cluster: Actions = 20
    window: Counting = 3600.0


class Attempts(Block):
    """When one target had enough.

    Attributes:
        cooldown: Seconds between the end of one action on a target and the next incident's first.
        flapping: Incidents of the same cause within `window` seconds after which a person is called.
        poor: Times in a row that an action did not help its target, after which it is not tried there again.
        record: Of so many last times that an action was done for one alert in one group,
        record_failed: so many that did not help mean that it rarely does.
    """

    cooldown: Annotated[Seconds, between(1.0, DAY)] = 300.0
    flapping: Few = 3
    window: Counting = 3600.0
    poor: Few = 3
    record: Few = 10
    record_failed: Few = 8

    @model_validator(mode="after")
    def _reachable(self) -> "Attempts":
        if self.record_failed > self.record:
            raise ValueError(
                f"of {self.record} times {self.record_failed} can never fail. "
                "Write record_failed as at most record."
            )
        return self


class SeesEnough(Block):
    """When the healer counts as blind.

    Attributes:
        watchdog: Seconds without the Watchdog alert.
        clock_jump: Seconds by which its wall clock may leave its monotonic one.
    """

    watchdog: Annotated[Seconds, between(1.0, HOUR)] = 180.0
    clock_jump: Annotated[Seconds, between(0.1, MINUTE)] = 5.0


class StillTrue(Block):
    """How old evidence may be, in seconds by Prometheus' own time."""

    max_age: Annotated[Seconds, between(1.0, 10 * MINUTE)] = 60.0


class Armed(Block):
    """Seconds of blindness after which whatever fires counts as there before."""

    blindness: Annotated[Seconds, between(1.0, DAY)] = 3600.0


class CommonCause(Block):
    """Seconds in which the same failure of two members counts as one cause."""

    window: Window = 600.0


class Approved(Block):
    """Seconds that a person's yes is good for."""

    good_for: Annotated[Seconds, between(1.0, DAY)] = 900.0


class Guards(Block):
    """The guards' numbers, each under its guard's name."""

    armed: Armed = Armed()
    still_true: StillTrue = StillTrue()
    sees_enough: SeesEnough = SeesEnough()
    no_storm: NoStorm = NoStorm()
    owner_settled: OwnerSettled = OwnerSettled()
    common_cause: CommonCause = CommonCause()
    budget: Budget = Budget()
    attempts: Attempts = Attempts()
    approved: Approved = Approved()
