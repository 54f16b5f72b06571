"""The snippets of docs/authoring.md do what the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cds.cli.check import annotation
from cds.definitions.check import inspect
from cds.definitions.read_yaml import read_yaml
from cds.editor import SCHEMAS
from cds.lint import lint

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "authoring.md").read_text(encoding="utf-8")
MISTAKES = ROOT / "tests" / "data" / "mistakes"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def test_the_schemas_that_the_guide_writes_exist() -> None:
    """`cds schema` has both, and the settings name the files that were written."""
    settings = json.loads(blocks("json")[0])
    written = dict(re.findall(r"cds schema (\w+) > (\S+)", GUIDE))
    assert written.keys() == SCHEMAS.keys()
    assert set(settings["yaml.schemas"]) == set(written.values())


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        ("cql-syntax", ("error", "neck-pain.cql", "10", "3", "expression-syntax", "expected ':', found 'exists'")),
        ("hook-misspelt", ("warning", "plan.yaml", "14", "35", "hook-unknown", "'patient-veiw' is not a known hook")),
    ],
)
def test_the_problem_matcher_reads_what_check_prints(folder: str, found: tuple[str, ...]) -> None:
    """Severity, place, code and message of a problem in CQL and of one in a definition."""
    pattern = json.loads(blocks("json")[1])["tasks"][0]["problemMatcher"]["pattern"]
    match = re.match(pattern["regexp"], annotation(lint(inspect(MISTAKES / folder))[0]))
    assert match is not None
    names = ("severity", "file", "line", "column", "code", "message")
    read = tuple(match[pattern[name]] for name in names)
    assert (read[0], Path(read[1]).name, *read[2:]) == found


def test_the_catalogue_of_the_guide_is_one(tmp_path: Path) -> None:
    """Its rows are asked for as soon as the file is there."""
    (text,) = blocks("yaml")
    assert next(read_yaml(text))
    (tmp_path / "rows.yaml").write_text(text, encoding="utf-8")
    assert [problem.code for problem in lint(inspect(tmp_path))] == ["row-not-cited", "row-not-cited"]
