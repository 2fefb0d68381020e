"""What is rendered is written as it is, and into nothing but its own files."""

from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from cluster.writing import yaml_text
from tests.cluster.examples import SOUND
from tests.cluster.rendering import tree_of


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30))
def test_any_text_survives_being_written(text: str) -> None:
    assert yaml.safe_load(yaml_text({"key": [text]})) == {"key": [text]}


def test_writing_leaves_other_files_alone_and_names_those_left_over(tmp_path: Path) -> None:
    tree = tree_of(SOUND)
    tree.write(tmp_path)
    foreign = tmp_path / "web1/etc/hale/old.yml"
    foreign.write_text("kept")
    tree.write(tmp_path)
    assert foreign.read_text() == "kept"
    assert tree.left_over(tmp_path) == ("web1/etc/hale/old.yml",)


def test_a_link_in_the_folder_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    target = tmp_path / "out/web1/etc/hale/gate.json"
    target.parent.mkdir(parents=True)
    target.symlink_to(victim)
    tree_of(SOUND).write(tmp_path / "out")
    assert victim.read_text() == "precious"
    assert not target.is_symlink()
