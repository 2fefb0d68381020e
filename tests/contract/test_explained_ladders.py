"""Every ladder that a scenario writes for itself is explained on its page, and a test on the nodes holds that true."""

import re
from pathlib import Path

import pytest

from cluster.load import read

ROOT = Path(__file__).parents[2]
PAGES = {
    page.parent.name: page.read_text()
    for page in sorted(ROOT.glob("scenarios/*/README.md"))
    if "$ hale-healer explain" in page.read_text()
}

# The same ladder with the same rungs wherever it stands, explained where it is the main one.
ELSEWHERE = {"restart-service": "web-tier"}
# Its target is the exporter by whose samples it would be judged: restart-service of another unit.
ALIKE = {"restart-exporter": "restart-service"}


def explained(scenario: str) -> set[str]:
    return set(re.findall(r"^    ladder  (\S+)$", PAGES[scenario], re.MULTILINE))


def written(scenario: str) -> set[str]:
    document = read(ROOT / "scenarios" / scenario / "cluster.yml").document
    return set(document.mapping("ladders"))


def test_there_are_pages_that_explain():
    assert len(PAGES) >= 5


@pytest.mark.parametrize("scenario", PAGES)
def test_a_ladder_of_a_scenario_is_explained_on_its_page(scenario):
    missing = {
        ladder
        for ladder in {ALIKE.get(one, one) for one in written(scenario)}
        if ladder not in explained(scenario) | explained(ELSEWHERE.get(ladder, scenario))
    }
    assert missing == set(), "ask `hale-healer explain TARGET --ladder LADDER` and show the answer"
