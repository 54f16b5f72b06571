"""Warnings silenced in place, and silences that silence nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lint_support import CQL, EXTENSION, LIBRARY, PLAN, findings

REASON = "cds: ignore define-unused: for later"
IGNORE = f"{EXTENSION}/ignore-problem"


def test_a_sound_folder_has_nothing_to_say(tmp_path: Path) -> None:
    """What the tests below add to is free of findings."""
    assert findings(tmp_path) == []


@pytest.mark.parametrize(
    "line",
    [
        f"define Later: 1 // {REASON}\n",
        f"// {REASON}\ndefine Later: 1\n",
        f"// {REASON}\n// What comes later.\n\ndefine Later: 1\n",
        f"define Later: 1 /* {REASON} */\n",
    ],
)
def test_a_comment_silences_its_line_or_the_next(tmp_path: Path, line: str) -> None:
    """Issue 8: each check can be silenced in place with a reason, in CQL too."""
    assert findings(tmp_path, logic_cql=CQL + line) == []


def test_a_comment_silences_no_other_line_and_no_other_code(tmp_path: Path) -> None:
    """A silence is about one finding; elsewhere the same finding is told, and the comment too."""
    text = CQL + f"define One: 1\ndefine Two: 2 // {REASON}\n// cds: ignore code-never: no\ndefine Three: 3\n"
    assert findings(tmp_path, logic_cql=text) == [
        "logic.cql:5 define-unused",
        "logic.cql:7 ignore-unused",
        "logic.cql:8 define-unused",
    ]


def test_a_comment_in_yaml_and_in_an_expression(tmp_path: Path) -> None:
    """`#` in YAML; `//` where the expression stands in a block of its own."""
    plan = PLAN.replace("status: active", "status: retired  # cds: ignore definition-retired: kept for a while")
    plan = plan.replace("text/cql-identifier, expression: HasPain}", "text/fhirpath, expression: '%HasPain'}")
    plan += """\
      - kind: applicability
        expression:
          language: text/fhirpath
          expression: |
            // cds: ignore code-never: the EHR sends it so
            %patient.gender != 'w'
"""
    assert findings(tmp_path, plan_yaml=plan) == []


def test_an_extension_silences_its_element_and_all_below(tmp_path: Path) -> None:
    """JSON has no comments."""
    action = {"id": "a", "title": "A", "trigger": [{"type": "named-event", "name": "patient-view"}]}
    ignore = {"url": IGNORE, "valueString": "card-documentation-missing: a test"}
    plan = {"resourceType": "PlanDefinition", "url": "urn:plan/other", "status": "active", "description": "Advises."}
    told = {**plan, "action": [{**action, "extension": [ignore]}, {**action, "id": "b"}]}
    assert findings(tmp_path, other_json=json.dumps(told, indent=1)) == ["other.json:23 card-documentation-missing"]
    assert (
        findings(tmp_path, other_json=json.dumps({**plan, "extension": [ignore], "action": told["action"][1:]})) == []
    )


def test_an_extension_on_a_library_silences_its_cql(tmp_path: Path) -> None:
    """A library that is meant to be used elsewhere says so once."""
    said = f"extension: [{{url: {IGNORE}, valueString: 'define-unused: used by others'}}]\n"
    assert findings(tmp_path, library_yaml=LIBRARY + said, logic_cql=CQL + "define One: 1\ndefine Two: 2\n") == []


@pytest.mark.parametrize("words", ["", "define-unused", "define-unused:", "define-unusd: reason", "a reason"])
def test_a_silence_needs_a_known_code_and_a_reason(tmp_path: Path, words: str) -> None:
    """A silence that does nothing must not look like one that does."""
    text = CQL + f"define Later: 1 // cds: ignore {words}\n"
    assert findings(tmp_path, logic_cql=text) == ["logic.cql:5 define-unused", "logic.cql:5 ignore-invalid"]


def test_an_error_elsewhere_makes_no_silence_look_unused(tmp_path: Path) -> None:
    """What is unused is not asked while something does not compile."""
    text = CQL + f"define Later: 1 // {REASON}\ndefine Wrong: Painz\n"
    assert findings(tmp_path, logic_cql=text) == ["logic.cql:6 expression-semantic"]


def test_an_error_cannot_be_silenced(tmp_path: Path) -> None:
    """With an error the content does not load, whatever a comment says."""
    text = CQL + "define Later: Painz // cds: ignore expression-semantic: not now\n"
    assert findings(tmp_path, logic_cql=text) == ["logic.cql:5 expression-semantic", "logic.cql:5 ignore-unused"]
