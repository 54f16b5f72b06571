"""The schemas for editors accept what we accept, and mark what editors can know is wrong."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from cds.definitions.read_yaml import read_yaml
from cds.editor import SCHEMAS

ROOT = Path(__file__).resolve().parents[2]
CONTENT = ROOT / "plandefinitions"
MISTAKES = ROOT / "tests" / "data" / "mistakes"
FILES = sorted(CONTENT.rglob("*.yaml"))
CASE = {"name": "A", "hook": "order-sign"}
FILE = {"decision": "bed-rest", "today": "2026-03-02", "cases": [CASE]}


@cache
def validator(name: str) -> Any:
    return jsonschema_rs.validator_for(SCHEMAS[name]())


def told(name: str, value: Any) -> list[str]:
    return [error.message for error in validator(name).iter_errors(value)]


def test_every_file_of_the_content_is_as_its_schema_says() -> None:
    """Nothing that loads is marked in an editor."""
    wrong = {
        f"{path.relative_to(ROOT)}: {message}"
        for path in FILES
        for value, _ in read_yaml(path.read_text(encoding="utf-8"))
        for message in told("cases" if "cases" in path.parts else "definitions", value)
    }
    assert len(FILES) > 200
    assert wrong == set()


@pytest.mark.parametrize("name", ["element-misspelt", "code-of-element", "list-forgotten", "resource-type-misspelt"])
def test_a_mistake_that_fhir_alone_tells_is_marked(name: str) -> None:
    """Unknown elements, codes and types, and a value where a list belongs, show while they are typed."""
    ((value, _),) = read_yaml((MISTAKES / name / "plan.yaml").read_text(encoding="utf-8"))
    assert told("definitions", value)


@pytest.mark.parametrize(
    ("change", "sound"),
    [
        ({}, True),
        ({"silent": "all"}, True),
        ({"silent": ["bed-rest"], "missing": ["Condition"]}, True),
        ({"data": ["lbp", {"like": "lbp", "code": {"snomed": 279039007}}]}, True),
        ({"expect": [{"summary": ["a", "b"], "suggestions": [{"label": "x", "actions": ["create Task"]}]}]}, True),
        ({"expect": [{"suggestions": [{"actions": [{"update": "Task/1", "with": {"status": "x"}}]}]}]}, True),
        ({"silnt": "all"}, False),
        ({"silent": "none"}, False),
        ({"missing": ["Conditon"]}, False),
        ({"data": [{"code": {"snomed": 1}}]}, False),
        ({"data": [{"resourceType": "Condition", "code": {"snowmed": 1}}]}, False),
        ({"expect": [{"indicator": "urgent"}]}, False),
        ({"expect": [{"suggestions": [{"actions": ["make Task"]}]}]}, False),
    ],
)
def test_what_a_case_can_look_like(change: dict[str, Any], sound: bool) -> None:
    """The members of cases, cards and shorthand (docs/cases.md)."""
    found = told("cases", {**FILE, "cases": [{**CASE, **change}]})
    assert (found == []) is sound


def test_members_that_our_extensions_and_languages_take() -> None:
    """An editor knows the languages of expressions, and lets extensions hold any value."""
    expression = {"language": "text/fhirpath", "expression": "true", "name": "x"}
    extension = {"url": "https://pathway-cds.example/fhir/StructureDefinition/for-each", "valueExpression": expression}
    plan = {"resourceType": "PlanDefinition", "status": "active", "action": [{"extension": [extension]}]}
    assert told("definitions", plan) == []
    expression["language"] = "text/fhirpth"
    assert told("definitions", plan)
    assert (
        told("definitions", {**plan, "extension": [{"url": "urn:x", "valueMoney": {}, "_url": {}}], "action": []}) == []
    )


def test_a_type_is_written_once() -> None:
    """The schema stays small enough for an editor: types refer to each other."""
    assert len(SCHEMAS["definitions"]()["definitions"]) < 80
