"""nspawn shortens a port's name when it is too long; the lab finds it all the same."""

import pytest

from lab.network import find_port

LINKS = """[
 {"ifname": "vb-halelab-7ZAr", "altnames": ["vb-halelab-main-one"]},
 {"ifname": "vb-x-two"}
]"""


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("vb-halelab-main-one", "vb-halelab-7ZAr"),
        ("vb-x-two", "vb-x-two"),
        ("vb-halelab-main-off", None),
    ],
)
def test_a_port_is_found_by_either_name(wanted, found):
    assert find_port(LINKS, wanted) == found


@pytest.mark.parametrize("links", ["", "[]", "[{}]"])
def test_a_bridge_without_ports_has_none(links):
    assert find_port(links, "vb-x") is None
