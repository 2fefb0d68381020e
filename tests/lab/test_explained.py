"""An explanation on a page is held to what Hale says: all that does not differ each time has to be the same."""

from cluster.load import read
from lab.drills import install
from tests.lab import explained
from tests.lab.conftest import ROOT

PAGE = """\
# A page

    $ hale-healer explain web1/nginx
    target  web1/nginx

    RUNG  ACTION
    1     service.restart
    ...

    $ hale-healer explain lb1 --ladder move-away
    target  lb1

Something else:

    $ hale-healer incidents
    none
"""


def test_a_page_shows_commands_with_their_answers(tmp_path):
    page = tmp_path / "README.md"
    page.write_text(PAGE)
    one, other = explained.shown(page)
    assert one.command == "hale-healer explain web1/nginx"
    assert (other.command, len(other.answer)) == ("hale-healer explain lb1 --ladder move-away", 1)
    assert [line.strip() for line in one.answer] == [
        *("target  web1/nginx", "", "RUNG  ACTION", "1     service.restart", "..."),
    ]


def test_figures_boot_ids_and_widths_may_differ_and_nothing_else():
    assert explained.alike("GUARD  boot 22becfc7 12.6 s") == explained.alike(
        "GUARD boot 0f1e2d3c 8 s"
    )
    assert explained.alike("web1 holds") != explained.alike("web1 allows")
    assert explained.alike("web1 holds") != explained.alike("web2 holds")


def test_what_the_page_leaves_out_may_be_anything_and_what_it_shows_may_not():
    one = explained.Explained("hale-healer explain x", ("    a 1", "    ..."))
    want, said = explained.as_shown(one, "a 2\nsomething\n")
    assert want == said
    want, said = explained.as_shown(one, "b 2\nsomething\n")
    assert want != said


def test_who_leads_on_the_page_may_be_another_node_here():
    one = explained.Explained(
        "hale-healer explain db1:/data --ladder x", ("    db1, not db2 or db3",)
    )
    assert explained.played_by(one, {"db1": "db2", "db2": "db1"}) == explained.Explained(
        "hale-healer explain db2:/data --ladder x", ("    db2, not db1 or db3",)
    )


def test_an_answer_that_the_page_shows_whole_may_say_no_more():
    one = explained.Explained("hale-healer explain x", ("    a 1",))
    want, said = explained.as_shown(one, "a 2\nmore\n")
    assert want != said


def test_nothing_of_a_cluster_may_do_more_than_explain():
    base = read(ROOT / "scenarios/web-tier/cluster.yml")
    cluster = install.overridden(base, explained.all_explained(base)).cluster
    for ladder in cluster.ladders:
        assert cluster.effective_mode(ladder, ["web"]).value == "explain"
