"""What an alert is about, and which word of a hold calls a person."""

from dataclasses import replace

import pytest

from healer.core.alert import DOMAIN_LOSS, Alert, Target
from healer.core.order import Sight
from healer.core.verdict import CLUSTER_WIDE, SILENCED, allow, hold
from tests.healer.core.world import NOW, alert


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Target("web1"), "web1"),
        (Target("web1", "nginx"), "web1/nginx"),
        (Target("web1", None, "/var"), "web1:/var"),
        (Target("web1", "db", "/var"), "web1/db:/var"),
    ],
)
def test_a_target_is_said_as_people_write_it(target: Target, said: str) -> None:
    assert str(target) == said


@pytest.mark.parametrize(
    ("labels", "target"),
    [
        ({"node": "web1"}, Target("web1")),
        ({"node": "web1", "service": "nginx"}, Target("web1", "nginx")),
        ({"node": "web1", "mountpoint": "/var"}, Target("web1", None, "/var")),
        ({"failure_domain": "rack-1"}, Target("", domain="rack-1")),
        ({"node": "web1", "failure_domain": "rack-1"}, Target("web1")),
    ],
)
def test_what_a_domains_loss_is_about_is_its_node_where_it_names_one(
    labels: dict[str, str], target: Target
) -> None:
    assert Alert("f", DOMAIN_LOSS, tuple(labels.items()), NOW).target == target
    if "node" not in labels:
        assert Alert("f", "Another", tuple(labels.items()), NOW).target == Target("")


def test_a_label_that_is_not_there_is_empty_and_a_new_start_is_another_episode() -> None:
    one = alert(failure="oom")
    assert (one.label("failure"), one.label("gone")) == ("oom", "")
    assert one.episode == (one.fingerprint, NOW)


def test_a_reading_picks_out_what_a_person_silenced() -> None:
    loud, silent = alert(), replace(alert("ServiceSlow"), silenced=True)
    assert Sight((loud, silent), (), (), None).silenced == (silent,)


def test_a_group_is_silenced_only_where_a_person_silenced_its_alert() -> None:
    loud = alert("GroupDown", group="web")
    silent = replace(alert("AddressLost", group="db"), silenced=True)
    assert Sight((), (), (), None, (loud, silent)).silenced_groups == {"db": "AddressLost"}


@pytest.mark.parametrize(
    ("reason", "passing", "calls"),
    [
        ("capacity", False, True),
        ("capacity", True, False),  # it ends by itself
        (SILENCED, False, False),  # they asked to hear no more
        *((word, False, False) for word in sorted(CLUSTER_WIDE)),  # once, by HealerFrozen
    ],
)
def test_a_person_is_told_of_a_hold_that_is_theirs_alone_to_end(
    reason: str, passing: bool, calls: bool
) -> None:
    said = hold("guard", reason, have=1, need=2, sentence="It is.", passing=passing)
    assert (said.calls, said.allowed) == (calls, False)
    assert (said.have, said.need, said.sentence) == ("1", "2", "It is.")
    fine = allow("guard", have=1, need=2)
    assert (fine.calls, fine.allowed, fine.passing) == (False, True, False)
