"""Paths below %names are checked against what the names stand for."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds.definitions.check import check_content

LIBRARY = """\
resourceType: Library
url: urn:library/logic
name: Logic
status: active
type: {coding: [{system: http://terminology.hl7.org/CodeSystem/library-type, code: logic-library}]}
content: [{contentType: text/cql, url: logic.cql}]
parameter: [{name: limit, use: in, type: integer}]
dataRequirement: [{id: orders, type: ServiceRequest}]
extension:
  - url: http://hl7.org/fhir/StructureDefinition/variable
    valueExpression: {name: first, language: text/fhirpath, expression: "%Pains.first()"}
"""
CQL = """\
library Logic
using FHIR version '4.0.1'
context Patient
define Pains: [Condition]
define Since: First(Pains).onset as FHIR.dateTime
define Either: First(Pains union [Observation])
define Rows: Pains P return Tuple { problem: P, span: 3 }
define Has: exists Pains
"""
PLAN = """\
resourceType: PlanDefinition
url: urn:plan/plan
status: active
description: Advises.
library: [urn:library/logic]
action:
  - title: Advise
    trigger: [{type: named-event, name: patient-view}]
    extension:
      - url: https://pathway-cds.example/fhir/StructureDefinition/for-each
        valueExpression: {name: row, language: text/fhirpath, expression: "EACH"}
    condition:
      - kind: applicability
        expression: {language: text/fhirpath, expression: "TEXT"}
"""


def told(root: Path, text: str, each: str = "%Rows") -> list[str]:
    """The messages of a plan with this condition, each below its line and column."""
    for name, content in (("library.yaml", LIBRARY), ("logic.cql", CQL)):
        (root / name).write_text(content, encoding="utf-8")
    (root / "plan.yaml").write_text(PLAN.replace("TEXT", text).replace("EACH", each), encoding="utf-8")
    return [f"{problem.location.column - 59}: {problem.message}" for problem in check_content(root)]


@pytest.mark.parametrize(
    "text",
    [
        "%Pains.exists(code.exists() and onset.exists())",
        "%Pains.where($this is Condition).clinicalStatus.exists()",
        "%Either.status.exists() or %Either.code.exists()",
        "%Since.exists() and %Has",
        "%Rows.where(problem.code.exists() and span > 2).problem.recordedDate.exists()",
        "%row.span > 2 and %row.problem.code.exists()",
        "%orders.where(intent = 'order').exists() and %limit > 2",
        "%first.code.exists()",
        "name.family.exists() and %patient.contact.name.given.exists()",
        "%context.anything.exists()",
        "%draftOrders.medication.exists() or %appointments.slot.exists()",
        "%selectedOrders.ofType(Task).owner.exists()",
    ],
)
def test_paths_that_exist_are_fine(tmp_path: Path, text: str) -> None:
    """Through FHIR types, choices, Tuples of CQL, variables, and the items of a for-each."""
    assert told(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("%Pains.codee.exists()", "8: Condition has no element 'codee'"),
        ("%Pains.where(onsetDateTime.exists()).exists()", "14: unknown element 'onsetDateTime'"),
        ("%Either.subjct.exists()", "9: Condition or Observation has no element 'subjct'"),
        ("%Rows.problm.exists()", "7: the Tuple has no element 'problm'"),
        ("%Rows.where(problem.cod.exists()).exists()", "21: Condition has no element 'cod'"),
        ("%row.day > 2", "6: the Tuple has no element 'day'"),
        ("%orders.first().intnt = 'order'", "17: ServiceRequest has no element 'intnt'"),
        ("%first.codee.exists()", "8: Condition has no element 'codee'"),
        ("%patient.birthdate.exists()", "10: Patient has no element 'birthdate'"),
        ("name.famly.exists()", "6: HumanName has no element 'famly'"),
        ("%draftOrders.medicaton.exists()", None),
        ("%Pains", "1: a condition is true, false or unknown, and this is Condition"),
        ("%Pains.count()", "1: a condition is true, false or unknown, and this is System.Integer"),
    ],
)
def test_paths_that_do_not_exist_are_told(tmp_path: Path, text: str, problem: str | None) -> None:
    """Issue 8: an unknown element below a %name is never there, and the rule would be silent for ever."""
    found = told(tmp_path, text)
    assert len(found) == 1
    assert problem in (None, found[0])


@pytest.mark.parametrize("language", ["text/cql-identifier", "text/cql.identifier", "text/cql.name", "text/cql-name"])
def test_older_names_of_a_language_are_read(tmp_path: Path, language: str) -> None:
    """Published content of R4 writes them with a dot; what is none of them is told with the nearest."""
    condition = f'"}}\n      - kind: applicability\n        expression: {{language: {language}, expression: "Has'
    assert told(tmp_path, "%Has" + condition) == []
    wrong = condition.replace(language, "text/cql-identifer")
    assert [found.split(": ")[1] for found in told(tmp_path, "%Has" + wrong)] == [
        "expressions in text/cql-identifer are not supported"
    ]


def test_the_items_of_a_for_each_in_fhirpath(tmp_path: Path) -> None:
    """What a path gives is what the name stands for within the action."""
    assert told(tmp_path, "%row.code.exists()", each="%Rows.problem") == []
    assert told(tmp_path, "%row.span > 1", each="%Pains.where(code.exists())") == ["6: Condition has no element 'span'"]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("action.description", None),
        ("'%action.documentation[0].display'", None),
        ("description", None),
        ("action.descripton", "an action has no element 'descripton'"),
        ("action.documentation[0].labl", "RelatedArtifact has no element 'labl'"),
        ("reasonReference", "an action has no element 'reasonReference'"),
        ("action.timing[x]", None),
        ("action.extension('urn:x').valueCode", None),
        ("action.extension('urn:x').valueCod", "Extension has no element 'valueCod'"),
    ],
)
def test_a_dynamic_value_sets_an_element_that_exists(tmp_path: Path, path: str, problem: str | None) -> None:
    """Of the action where nothing else is made or changed; what would fail for every patient is told at once."""
    value = f"""    dynamicValue:
      - path: {path}
        expression: {{language: text/fhirpath, expression: "'x'"}}
"""
    assert [found.split(": ", 1)[1] for found in told(tmp_path, "true or %Has" + '"}\n' + value + "#")] == (
        [problem] if problem else []
    )
