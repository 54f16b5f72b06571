"""Which %names an expression sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds import fhir
from cds.definitions.check import check_content
from cds.definitions.load import load
from cds.definitions.registry import Registry
from cds.definitions.scope import CALL_NAMES, libraries_of, library_names, scope_of

BASE = "https://pathway-cds.example/fhir"
CONTENT = f"""\
resourceType: Library
url: {BASE}/Library/drugs
status: active
type: {{text: logic-library}}
dataRequirement:
  - id: medicines
    type: MedicationRequest
---
resourceType: Library
url: {BASE}/Library/pain
status: active
type: {{text: logic-library}}
relatedArtifact:
  - {{type: depends-on, resource: "{BASE}/Library/drugs"}}
  - {{type: documentation, label: N05}}
parameter:
  - {{name: guideline, use: in, type: string}}
extension:
  - url: {fhir.VARIABLE}
    valueExpression: {{name: taken, language: text/fhirpath, expression: "%medicines.exists()"}}
---
resourceType: PlanDefinition
url: {BASE}/PlanDefinition/plan
status: active
description: Advises.
library: ["{BASE}/Library/pain"]
extension:
  - url: {fhir.VARIABLE}
    valueExpression: {{name: own, language: text/fhirpath, expression: "%taken and %guideline = 'nhs'"}}
action:
  - id: a
    title: Each
    trigger: [{{type: named-event, name: order-sign}}]
    extension:
      - url: {fhir.FOR_EACH}
        valueExpression: {{name: order, language: text/fhirpath, expression: "FOREACH"}}
    condition:
      - kind: applicability
        expression: {{language: text/fhirpath, expression: "%own and %order.id.exists()"}}
    action:
      - id: b
        title: Inner
        dynamicValue:
          - path: action.title
            expression: {{language: text/fhirpath, expression: "%action.title & %order.id & %resource.id"}}
  - id: c
    title: Beside
    condition:
      - kind: applicability
        expression: {{language: text/fhirpath, expression: "BESIDE"}}
"""


def _content(root: Path, for_each: str = "%draftOrders", beside: str = "true") -> Path:
    text = CONTENT.replace("FOREACH", for_each).replace("BESIDE", beside)
    (root / "content.yaml").write_text(text, encoding="utf-8")
    return root


def test_names_of_a_library_come_with_their_places(tmp_path: Path) -> None:
    """Parameters, data requirements and variables, each at its element."""
    documents, _ = load(_content(tmp_path))
    assert library_names(documents[0].resource) == {"medicines": ("dataRequirement", 0)}
    assert library_names(documents[1].resource) == {"guideline": ("parameter", 0), "taken": ("extension", 0)}


def test_scope_of_a_plan_holds_its_libraries_all_the_way_down(tmp_path: Path) -> None:
    """A plan sees its own variables, its libraries' names, those of libraries they depend on, and the call's."""
    documents, _ = load(_content(tmp_path))
    registry = Registry(documents)
    drugs, pain, plan = (document.resource for document in documents)
    assert [library["url"][-5:] for library in libraries_of(plan, registry)] == ["/pain", "drugs"]
    assert scope_of(plan, registry) == CALL_NAMES | {"own", "guideline", "taken", "medicines"}
    assert scope_of(drugs, registry) == CALL_NAMES | {"medicines"}
    assert scope_of(pain, registry) == CALL_NAMES | {"guideline", "taken", "medicines"}


def test_every_name_is_usable_where_it_is_in_scope(tmp_path: Path) -> None:
    """For-each names in the action and below it, %action and %resource in dynamic values."""
    assert check_content(_content(tmp_path)) == []


@pytest.mark.parametrize(
    ("part", "expression"), [("beside", "%order.exists()"), ("for_each", "%order"), ("beside", "%action.title = 'a'")]
)
def test_bound_names_are_unknown_outside_their_action(tmp_path: Path, part: str, expression: str) -> None:
    """A for-each name is neither seen by its own items nor by a sibling; %action only by dynamic values."""
    problems = check_content(_content(tmp_path, **{part: expression}))
    assert [problem.code for problem in problems] == ["expression-semantic"]


def test_for_each_name_must_not_hide_another_name(tmp_path: Path) -> None:
    """A name has one meaning wherever it is seen."""
    text = _content(tmp_path).joinpath("content.yaml").read_text(encoding="utf-8")
    (tmp_path / "content.yaml").write_text(text.replace("name: order,", "name: own,").replace("%order", "%own"))
    assert [problem.code for problem in check_content(tmp_path)] == ["variable-duplicate"]


def test_the_names_of_the_standard_are_there() -> None:
    """Published definitions say %subject, %practitioner, %encounter and %organization (FHIR, Using Expressions)."""
    assert {"subject", "practitioner", "encounter", "organization"} <= CALL_NAMES
