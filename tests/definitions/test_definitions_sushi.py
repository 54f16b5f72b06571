"""A project that SUSHI 3.21 compiled (tests/data/sushi) loads as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

from cds.cases import run
from cds.config import Settings
from cds.definitions.check import check_content, inspect
from cds.definitions.snapshot import load_snapshot
from cds.lint import lint

PROJECT = Path(__file__).resolve().parents[1] / "data" / "sushi"


def test_the_folder_of_a_project_is_content() -> None:
    """FSH-made JSON with its CQL in input/cql, which the Library names as the IG publisher wants it."""
    snapshot = load_snapshot(PROJECT)
    assert sorted(document.kind for document in snapshot.documents) == [
        "ActivityDefinition",
        "CodeSystem",
        "Library",
        "PlanDefinition",
        "ValueSet",
    ]
    assert "HasNeckPain" in snapshot.registry.logic.defines()


def test_what_is_no_definition_is_passed_over_with_a_note() -> None:
    """Profiles, the ImplementationGuide and examples are no mistake of an author."""
    found = [(problem.code, problem.severity, problem.message.split()[0]) for problem in check_content(PROJECT)]
    assert found == [
        ("resource-type-other", "information", "ImplementationGuide"),
        ("resource-type-other", "information", "Patient"),
        ("resource-type-other", "information", "StructureDefinition"),
    ]


def test_what_sushi_generated_is_content_when_the_cql_lies_beside_it(tmp_path: Path) -> None:
    """The index that SUSHI writes is passed over; without the project the CQL is looked for beside the Library."""
    shutil.copytree(PROJECT / "fsh-generated", tmp_path / "generated")
    (problem,) = [problem for problem in check_content(tmp_path / "generated") if problem.severity == "error"]
    assert problem.code == "file-not-regular"
    assert "sushi-config.yaml" in (problem.hint or "")
    shutil.copy(PROJECT / "input" / "cql" / "NeckPainLogic.cql", tmp_path / "generated" / "resources")
    assert load_snapshot(tmp_path / "generated").documents


def test_its_cases_run() -> None:
    """A decision is what an action's code says, of whatever code system."""
    results = run(PROJECT, Settings(content=PROJECT))
    assert [result.render() for result in results if not result.passed] == []
    assert len(results) == 2


def test_a_problem_says_which_fsh_it_comes_from(tmp_path: Path) -> None:
    """The JSON is not what an author of FSH would correct."""
    shutil.copytree(PROJECT, tmp_path / "project")
    plan = tmp_path / "project" / "fsh-generated" / "resources" / "PlanDefinition-keep-moving.json"
    plan.write_text(plan.read_text().replace('"patient-view"', '"patient-veiw"'), encoding="utf-8")
    (problem,) = [problem for problem in lint(inspect(tmp_path / "project")) if problem.code == "hook-unknown"]
    assert problem.hint == "did you mean 'patient-view'?; it is made from neck-pain.fsh, lines 51 to 74"


def test_many_of_one_type_are_one_note(tmp_path: Path) -> None:
    """A folder may hold hundreds of profiles."""
    for number in range(3):
        (tmp_path / f"{number}.json").write_text('{"resourceType": "StructureDefinition"}')
    (problem,) = check_content(tmp_path)
    assert problem.message == "StructureDefinition resources are not loaded: this one and 2 more"
