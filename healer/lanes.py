"""Whose turn it is to have their evidence read, where more claim something than can be looked at once. Pure.

Rule: anyone can post alerts, so neither what an alert says nor how many there are lets it pass another one.
"""

from collections.abc import Sequence
from itertools import islice, zip_longest

from healer.core.alert import Alert, Target


class Lanes:
    """Alerts that wait, in a lane for each target; cluster.yml bounds how many lanes there are.

    Whoever was asked for goes to the end of its lane, and the lane behind all others. So an alert is asked for once
    those of its target have been that were there before it, whatever is claimed of other targets or comes later.
    """

    def __init__(self) -> None:
        self._lanes: dict[Target, dict[str, None]] = {}

    def next(self, alerts: Sequence[Alert], most: int) -> list[Alert]:
        """Return those whose turn it is: one of each target before a second one of any.

        Args:
            alerts: All that claim something now, in the order in which newcomers queue up; who is not among them any
                more leaves.
            most: How many are asked for at once.
        """
        here = {alert.fingerprint: alert for alert in alerts}
        waiting = (key for lane in self._lanes.values() for key in lane if key in here)
        lanes: dict[Target, dict[str, None]] = {}
        for key in dict.fromkeys((*waiting, *here)):
            lanes.setdefault(here[key].target, {})[key] = None
        rounds = zip_longest(*lanes.values())
        turn = list(islice((key for one in rounds for key in one if key is not None), most))
        for key in turn:
            target = here[key].target
            lane = lanes.pop(target)
            del lane[key]
            lanes[target] = lane | {key: None}
        self._lanes = lanes
        return [here[key] for key in turn]
