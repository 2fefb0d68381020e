"""Asked alone or together: the same answer."""

from hypothesis import given
from hypothesis import strategies as st

from healer.adapters.readings import MOST_VALUES, Wanted, selectors, sorted_out, wanted


def test_one_that_is_asked_for_alone_is_named_exactly():
    one = wanted("hale_service_up", {"node": "web1", "service": 'we"ird'})
    assert list(selectors([one]).values()) == ['hale_service_up{node="web1",service="we\\"ird"}']


def test_several_are_named_as_alternatives_that_stand_for_themselves():
    two = [wanted("up", {"cluster": "c", "node": node}) for node in ("db.1", "a|b")]
    assert list(selectors(two).values()) == [r'up{cluster="c",node=~"db\\.1|a\\|b"}']


def test_of_many_all_are_read():
    many = [
        wanted("up", {"cluster": "c", "node": f"n{number}"}) for number in range(MOST_VALUES + 1)
    ]
    assert list(selectors(many).values()) == ['up{cluster="c"}']


def test_metrics_and_sets_of_labels_have_selectors_of_their_own():
    three = [
        wanted("up", {"node": "a"}),
        wanted("up", {"node": "a", "job": "x"}),
        wanted("down", {}),
    ]
    assert len(selectors(three)) == 3


NAMES = st.sampled_from(["a", "b", "ab", "", "a.b", "é"])
LABELS = st.dictionaries(st.sampled_from(["node", "service"]), NAMES)
ASKED = st.lists(st.builds(wanted, st.sampled_from(["up", "down"]), LABELS), min_size=1)
SERIES = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(["node", "service", "job"]), NAMES),
        st.floats(0, 1),
        st.just(1.0),
    )
)


@given(ASKED, SERIES)
def test_each_gets_what_has_exactly_its_labels(asked: list[Wanted], series):
    found = sorted_out(asked, dict.fromkeys(selectors(asked), series))
    for one in asked:
        mine = [s for s in series if all(s[0].get(name, "") == value for name, value in one.labels)]
        assert found[one] == mine
