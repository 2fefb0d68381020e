"""Pages lead somewhere, and count what they say they count."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from healer.core.guards import GUARDS
from tests.test_contract import ROOT

# What people read. Golden files are checked by whoever writes them.
PAGES = sorted(
    {*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("runbooks/*.md")}
    | {*ROOT.glob("scenarios/*/README.md"), *ROOT.glob("requirements/*.md")}
)
LINK = re.compile(r"\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)", re.MULTILINE)


def links() -> Iterator[object]:
    """Yield each relative link of each page once."""
    for page in PAGES:
        targets = {one or other for one, other in LINK.findall(page.read_text())}
        for target in sorted(t for t in targets if not re.match(r"[a-z]+:", t)):
            yield pytest.param(page, target, id=f"{page.relative_to(ROOT)}-{target}")


def anchors(page: Path) -> set[str]:
    """Return the anchors that headings of a page have on a forge: lower case, hyphens, no signs."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize(("page", "target"), list(links()))
def test_a_link_leads_to_something(page: Path, target: str) -> None:
    path, _, anchor = target.partition("#")
    there = (page.parent / path).resolve() if path else page
    assert there.exists(), f"{page.name}: {target}"
    assert not anchor or anchor in anchors(there), f"{page.name}: {target}"


def test_every_scenario_and_every_page_of_docs_is_found_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    pages = {*ROOT.glob("docs/*.md"), *ROOT.glob("scenarios/*/README.md")}
    missing = {str(page.relative_to(ROOT)) for page in pages} - set(
        re.findall(r"\]\(([^)]+)\)", readme)
    )
    assert not missing


def test_the_readme_counts_the_guards() -> None:
    said = re.findall(r"(\d+) guards", (ROOT / "README.md").read_text())
    assert said == [str(len(GUARDS))]


def test_every_decision_has_a_row() -> None:
    listed = re.findall(
        r"\]\((\d{4}-[a-z0-9-]+\.md)\)", (ROOT / "docs/decisions/README.md").read_text()
    )
    assert sorted(listed) == sorted(page.name for page in ROOT.glob("docs/decisions/0*.md"))
