import json
import re
from pathlib import Path

import pytest

from cluster.cli import main
from cluster.load import loads
from cluster.schema import schema_json
from tests.cluster.examples import SHORT, SOUND

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cluster.yml"
    path.write_text(SOUND)
    return path


def test_check_ends_with_the_worst_finding(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(file)]) in (0, 1)  # 1 as long as a packaged alert lacks its runbook
    file.write_text(SOUND.replace("{address}", "10.0.0.11"))
    assert main(["check", str(file)]) == 2
    assert "HC011 error" in capsys.readouterr().out


def test_check_tells_mistakes_on_standard_error(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(SOUND.replace("mode: act", "mode: atc"))
    assert main(["check", str(file)]) == 2
    seen = capsys.readouterr()
    assert seen.out == ""
    assert f"{file}:13:3: healer.mode: unknown mode 'atc'. Did you mean 'act'?" in seen.err


def test_json_carries_the_same(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(SOUND.replace("rack-c", "rack-b"))
    main(["check", str(file), "--output", "json"])
    codes = [finding["code"] for finding in json.loads(capsys.readouterr().out)["findings"]]
    assert "HC003" in codes
    file.write_text("cluster: x\n")
    assert main(["check", str(file), "--output", "json"]) == 2
    assert json.loads(capsys.readouterr().out)["errors"][0]["path"] == "healer"


def test_render_writes_and_then_differs_in_nothing(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["render", str(file), str(out), "--diff"]) == 1
    assert not out.exists()
    assert main(["render", str(file), str(out)]) == 0
    capsys.readouterr()
    assert main(["render", str(file), str(out), "--diff"]) == 0
    assert capsys.readouterr().out == ""


def test_diff_shows_what_would_change(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    main(["render", str(file), str(out)])
    file.write_text(SOUND.replace("10.0.0.12", "10.0.0.99"))
    capsys.readouterr()
    assert main(["render", str(file), str(out), "--diff", "--node", "web1"]) == 1
    seen = capsys.readouterr().out
    assert '+    address: "10.0.0.99:9100"' in seen
    assert "b/mon1" not in seen


def test_one_node_can_be_rendered_alone_and_an_unknown_one_not(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["render", str(file), str(out), "--node", "web2", "--output", "json"]) == 0
    assert [path.name for path in out.iterdir()] == ["web2"]
    assert json.loads(capsys.readouterr().out)["left_over"] == []
    assert main(["render", str(file), str(out), "--node", "web9"]) == 2
    assert "Did you mean 'web2'?" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["render", str(file), str(file)]) == 2
    assert str(file) in capsys.readouterr().err


def test_a_file_that_cannot_be_put_in_its_place_is_named_and_leaves_nothing_behind(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "out/web1/etc/hale/gate.json"
    there.mkdir(parents=True)
    assert main(["render", str(file), str(tmp_path / "out")]) == 2
    assert f"{there}: Is a directory." in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.new"))


def test_a_folder_without_a_name_is_not_the_one_where_we_are(file: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["render", str(file), ""])


def test_nothing_is_rendered_from_a_file_with_mistakes(file: Path, tmp_path: Path) -> None:
    file.write_text("nodes: {}\n")
    assert main(["render", str(file), str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()


def test_help_has_an_example_for_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("check", "render", "schema"):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        assert f"Example: hale-cluster {command}" in capsys.readouterr().out


def test_the_schema_asks_for_what_a_short_file_has_and_no_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert loads(SHORT)
    assert schema["required"] == ["cluster", "nodes", "healer", "monitoring"]
    required = {name: block.get("required") for name, block in schema["$defs"].items()}
    assert required["Node"] == ["address"]
    assert required["Healer"] is None
    assert schema["$defs"]["Healer"]["anyOf"] == [{"required": ["node"]}, {"required": ["nodes"]}]
    assert required["Group"] == ["nodes"]
    assert required["Service"] == ["unit", "group"]


def test_the_schema_writes_defaults_as_people_do() -> None:
    defaults = re.findall(r'"default": ([0-9.]+)', schema_json())
    # Shares, a proof's wanted value and a rung's backoff are the only numbers that are no whole ones.
    assert {number for number in defaults if "." in number} == {
        "0.25",
        "0.5",
        "0.999",
        "1.0",
        "2.0",
    }
    assert '"default": "15s"' in schema_json()


def test_the_schema_knows_no_key_that_only_code_uses() -> None:
    schema = json.loads(schema_json())
    assert "name" not in schema["$defs"]["Node"]["properties"]
    assert "for" in schema["$defs"]["Monitoring"]["properties"]
