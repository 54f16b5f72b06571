"""The booklet: what it takes from definitions and cases, and that docs/booklet.md is what it says now."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cds.booklet.chapters import pathways
from cds.booklet.page import render
from cds.cases import load
from cds.config import Settings
from cds.service import Engine

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "booklet.md"
CONTENT = ROOT / "plandefinitions"

CQL = """library Logic version '1.0.0'
using FHIR version '4.0.1'
// How many days count (ours).
parameter limitDays Integer default 30
parameter selectedOrders List<FHIR.ServiceRequest>
context Patient

// --- problems ---
// Active problems
// of any kind.
define "Known problems": [Condition] C where limitDays > 0
define HasProblem: exists "Known problems"
// Nothing is known.
define IsQuiet: HasProblem is false
// The pain is severe.
define IsSevere: limitDays > 99
"""
LOGIC = """
resourceType: Library
url: https://example.org/Library/Logic
name: Logic
version: 1.0.0
status: active
type: {coding: [{system: http://terminology.hl7.org/CodeSystem/library-type, code: logic-library}]}
content: [{contentType: text/cql, url: logic.cql}]
"""
OTHER = """
resourceType: Library
url: https://example.org/Library/other
status: active
type: {coding: [{system: http://terminology.hl7.org/CodeSystem/library-type, code: logic-library}]}
parameter:
  - name: guideline
    use: in
    type: code
    documentation: Whose position counts.
    extension: [{url: https://pathway-cds.example/fhir/StructureDefinition/default-value, valueCode: both}]
extension:
  - url: http://hl7.org/fhir/StructureDefinition/variable
    valueExpression:
      name: restOrders
      description: Draft orders | for rest.
      language: text/fhirpath
      expression: "%selectedOrders.where(code.text = 'rest')"
"""
PLAN = """
resourceType: PlanDefinition
url: https://example.org/PlanDefinition/rest
title: Should this patient rest? (A question)
status: active
description: About rest.
library: [https://example.org/Library/Logic, https://example.org/Library/other]
action:
  - id: rest
    title: Rest is no help
    code: [{coding: [{system: https://pathway-cds.example/fhir/CodeSystem/decision, code: rest}]}]
    documentation: [{type: citation, label: N01, display: A page, citation: No rest | none.}]
    trigger: [{type: named-event, name: order-sign}, {type: named-event, name: order-select}]
    condition:
      - {kind: applicability, expression: {description: A draft is rest., language: text/fhirpath,
          expression: "%restOrders.exists()"}}
      - {kind: applicability, expression: {language: text/cql-identifier, expression: HasProblem}}
      - {kind: applicability, expression: {language: text/cql, expression: not IsQuiet}}
    dynamicValue:
      - path: action.priority
        expression:
          {language: text/fhirpath, expression: "iif(%guideline = 'spine' and %IsSevere.not(), 'routine', 'urgent')"}
"""
DRAFT = {"resourceType": "ServiceRequest", "code": {"text": "rest"}}
CASES = {
    "decision": "rest",
    "today": "2026-03-02",
    "cases": [
        {"name": "A *rest*", "hook": "order-sign", "data": [{"resourceType": "Condition"}], "drafts": [DRAFT]},
        {"name": "No problem", "hook": "order-sign", "drafts": [DRAFT]},
    ],
}


@pytest.fixture
def booklet(tmp_path: Path) -> str:
    (tmp_path / "cases").mkdir()
    cases = [{**case, "expect": [{}]} for case in CASES["cases"]]
    (tmp_path / "cases" / "a.yaml").write_text(json.dumps({**CASES, "cases": cases}))
    for name, text in {"logic.cql": CQL, "logic.yaml": LOGIC, "other.yaml": OTHER, "plan.yaml": PLAN}.items():
        (tmp_path / name).write_text(text)
    engine = Engine(Settings(content=tmp_path))
    return render(pathways(engine, load(engine, tmp_path)))


def test_it_says_first_that_nobody_has_reviewed_it(booklet: str) -> None:
    """Issue 5: plainly, before anything a reader could act on."""
    assert booklet.split("\n\n")[1].startswith(
        "> **No clinician has reviewed this content. It is not a medical device.**"
    )


def test_when_a_decision_speaks_is_told_in_words(booklet: str) -> None:
    """Hooks as moments in their order, conditions in their author's words, else as written."""
    assert (
        "When an order is chosen (`order-select`) or orders are about to be signed (`order-sign`), and all" in booklet
    )
    assert "\n- A draft is rest.\n- `HasProblem`\n- `not IsQuiet`\n" in booklet


def test_names_are_explained_from_fhirpath_and_cql(booklet: str) -> None:
    """By the description of a variable, and by the comment above a define, whose rulers are none."""
    assert "\n- *rest orders*: Draft orders | for rest.\n- *Known problems*: Active problems of any kind.\n" in booklet
    assert "\n- *is quiet*: Nothing is known.\n" in booklet


def test_what_sets_the_indicator_is_explained_as_well(booklet: str) -> None:
    """Findings that no condition reaches and that decide how urgent the card is; nothing is said twice."""
    assert "\nWhat sets the indicator besides:\n\n- *is severe*: The pain is severe.\n\n" in booklet


def test_settings_have_their_values_and_say_which_are_ours(booklet: str) -> None:
    """Every parameter that the decision reads, from FHIRPath or CQL."""
    assert "| `guideline` | `both` | Whose position counts. |\n" in booklet
    assert "| `limitDays` | `30` | How many days count. *ours* |\n" in booklet


def test_cards_are_shown_as_the_cases_give_them(booklet: str) -> None:
    """One for each summary and indicator, under the name of its case."""
    assert "Case: *A \\*rest\\**\n\n> **Warning: Rest is no help**\n>\n> Source: A page\n" in booklet
    assert booklet.count("> **") == 2


def test_where_the_guidelines_differ_each_is_shown(booklet: str) -> None:
    """Indicators under nhs, spine and both; a case that stays silent under all differs in nothing."""
    assert "| A \\*rest\\* | warning | info | warning |" in booklet
    assert "No problem" not in booklet


def test_sources_are_a_table_that_holds(booklet: str) -> None:
    """Rows with who says what; a bar in a text does not break the table. The contents link to the chapters."""
    assert "| N01 | A page | No rest \\| none. |" in booklet
    assert "](#should-this-patient-rest-a-question)" in booklet


def test_content_without_cases_has_no_cards(tmp_path: Path) -> None:
    """A booklet can be made before the first case is written."""
    for name, text in {"logic.cql": CQL, "logic.yaml": LOGIC, "other.yaml": OTHER, "plan.yaml": PLAN}.items():
        (tmp_path / name).write_text(text)
    text = render(pathways(Engine(Settings(content=tmp_path)), []))
    assert "### When it speaks" in text
    assert "### Cards" not in text


@pytest.mark.slow
def test_our_booklet_is_current() -> None:
    """docs/booklet.md is what `cds docs` prints: a change of content shows in a review as clinicians will see it."""
    engine = Engine(Settings(content=CONTENT))
    written = render(pathways(engine, load(engine, CONTENT)))
    remedy = "run: PYTHONPATH=. python -m cds docs --output docs/booklet.md"
    assert PAGE.read_text(encoding="utf-8") == written, remedy


def test_our_booklet_has_every_decision_with_cards_and_sources() -> None:
    """No chapter is left bare, and every line of a card stands in its quote."""
    chapters = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert len(chapters) == len(list(CONTENT.glob("back-pain/*/plandefinition.yaml")))
    for chapter in chapters:
        assert "### When it speaks" in chapter
        assert "> **" in chapter
        assert re.search(r"^\| [NS]\d\d \|", chapter, flags=re.MULTILINE)
