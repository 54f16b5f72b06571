"""Every author mistake has its own code at its own place, and all of them are told at once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cds.definitions.check import check_content
from cds.definitions.codes import CODES
from cds.errors import Problem

BROKEN = Path(__file__).resolve().parents[1] / "data" / "broken"

#: folder, code, file, line, column, and words of the hint (None: no hint makes sense there).
MISTAKES = [
    ("action-id-duplicate", "action-id-duplicate", "plan.yaml", 12, 13, "its own id"),
    ("action-title-missing", "action-title-missing", "plan.yaml", 12, 9, "title:"),
    ("action-type", "action-type", "plan.yaml", 11, 87, "create, update, remove"),
    ("activity-kind", "activity-kind", "activity.yaml", 4, 7, "'ServiceRequest'"),
    ("bundle-type", "bundle-type", "bundle.json", 1, 1, "collection"),
    ("canonical-duplicate", "canonical-duplicate", "b.yaml", 2, 6, "another url or version"),
    ("canonical-kind", "canonical-unresolved", "plan.yaml", 11, 26, "is a Library"),
    ("canonical-member-of", "canonical-unresolved", "plan.yaml", 17, 52, "defines the ValueSet"),
    ("canonical-override-reasons", "canonical-unresolved", "plan.yaml", 13, 25, "defines the ValueSet"),
    ("canonical-unresolved", "canonical-unresolved", "plan.yaml", 6, 5, "Library/names'"),
    ("canonical-value-set", "canonical-unresolved", "names.yaml", 10, 19, "ValueSet/pain'"),
    ("canonical-version", "canonical-unresolved", "plan.yaml", 6, 5, "the version 1.0.0"),
    ("code-system-unresolved", "code-system-unresolved", "vs.yaml", 6, 15, "list the codes"),
    ("code-unknown", "code-unknown", "vs.yaml", 9, 17, "'mild'"),
    ("concept-map-code", "code-unknown", "map.yaml", 10, 19, "'pain'"),
    ("concept-map-equivalence", "concept-map-equivalence", "map.yaml", 15, 26, "equivalent, wider"),
    ("concept-map-source", "concept-map-source", "map.yaml", 8, 15, "keeps its sets"),
    ("concept-map-system-missing", "concept-map-system-missing", "map.yaml", 5, 5, "target:"),
    ("concept-map-target", "concept-map-target", "map.yaml", 10, 19, "correct the code"),
    ("concept-map-unsupported", "concept-map-unsupported", "map.yaml", 13, 15, "nothing but the code"),
    ("condition-kind", "condition-kind", "plan.yaml", 12, 15, "applicability"),
    ("cql-clash", "variable-duplicate", "logic.yaml", 12, 29, "another name"),
    ("cql-condition", "expression-semantic", "plan.yaml", 17, 23, "whether it exists"),
    ("cql-identifier", "expression-semantic", "plan.yaml", 17, 28, "'Pains'"),
    ("cql-include", "expression-semantic", "logic.cql", 3, 1, "beside this one"),
    ("cql-inline", "expression-semantic", "plan.yaml", 17, 44, "'Has pain'"),
    ("cql-semantic", "expression-semantic", "logic.cql", 6, 3, "'Has pain'"),
    ("cql-syntax", "expression-syntax", "logic.cql", 5, 1, None),
    ("cql-value-set", "canonical-unresolved", "logic.cql", 3, 1, "defines the ValueSet"),
    ("csv-duplicate", "csv-duplicate", "codes.csv", 4, 7, "remove one"),
    ("csv-header", "csv-header", "codes.csv", 1, 1, "system,code,display"),
    ("csv-row", "csv-row", "codes.csv", 3, 7, "needs a system and a code"),
    ("csv-syntax", "csv-syntax", "codes.csv", 2, 1, "quotes"),
    ("data-filter", "data-filter", "names.yaml", 9, 9, "one codeFilter"),
    ("data-type", "fhir-code-unknown", "names.yaml", 7, 11, "'Condition'"),
    ("definition-cycle", "definition-cycle", "a.yaml", 12, 30, "remove one"),
    ("duplicate-key", "duplicate-key", "plan.yaml", 11, 5, "keep one"),
    ("duplicate-key-json", "duplicate-key", "plan.json", 3, 3, "keep one"),
    ("dynamic-value-path", "dynamic-value-path", "plan.yaml", 12, 15, "dosageInstruction[0].text"),
    ("expression-for-each", "expression-semantic", "activity.yaml", 9, 20, "the names here are %action, "),
    ("expression-function", "expression-semantic", "plan.yaml", 15, 38, "exists"),
    ("expression-language", "expression-language", "plan.yaml", 14, 21, "text/fhirpath"),
    ("expression-missing", "expression-missing", "plan.yaml", 12, 9, "add expression:"),
    ("expression-syntax", "expression-syntax", "plan.yaml", 15, 45, None),
    ("expression-syntax-block", "expression-syntax", "plan.yaml", 17, 33, None),
    ("expression-syntax-folded", "expression-syntax", "plan.yaml", 17, 31, None),
    ("expression-syntax-json", "expression-syntax", "activity.json", 7, 104, None),
    ("expression-syntax-quoted", "expression-syntax", "plan.yaml", 15, 51, None),
    ("expression-variable", "expression-semantic", "plan.yaml", 16, 24, "backPain"),
    ("extension-unknown", "extension-unknown", "plan.yaml", 12, 14, "for-each'"),
    ("extension-value", "extension-value", "vs.yaml", 6, 5, "valueUrl"),
    ("fhir-cardinality", "fhir-cardinality", "plan.yaml", 12, 7, "'- '"),
    ("fhir-cardinality-single", "fhir-cardinality", "plan.yaml", 11, 21, "one value"),
    ("fhir-choice", "fhir-choice", "plan.yaml", 11, 5, "keep one"),
    ("fhir-code-unknown", "fhir-code-unknown", "plan.yaml", 11, 15, "'urgent'"),
    ("fhir-empty", "fhir-empty", "plan.yaml", 11, 5, "remove the line"),
    ("fhir-missing", "fhir-missing", "plan.yaml", 1, 1, "draft, active"),
    ("fhir-missing-nested", "fhir-missing", "plan.yaml", 12, 9, "citation"),
    ("fhir-type", "fhir-type", "plan.yaml", 11, 18, "'12'"),
    ("fhir-type-boolean", "fhir-type", "plan.yaml", 5, 15, "without quotes"),
    ("fhir-type-object", "fhir-type", "plan.yaml", 11, 12, "indented"),
    ("fhir-unknown-element", "fhir-unknown-element", "plan.yaml", 11, 5, "'priority'"),
    ("fhir-value", "fhir-value", "plan.yaml", 5, 7, "YYYY-MM-DD"),
    ("file-empty", "file-empty", "plan.yaml", 1, 1, "remove it"),
    ("file-encoding", "file-encoding", "vs.yaml", 2, 11, "UTF-8"),
    ("file-not-regular", "file-not-regular", "vs.yaml", 6, 15, "beside this file"),
    ("file-outside-root", "file-outside-root", "vs.yaml", 6, 15, "into the content folder"),
    ("hook-missing", "hook-missing", "plan.yaml", 14, 13, "patient-view"),
    ("hook-unknown", "hook-unknown", "plan.yaml", 10, 15, "'patient-view'"),
    ("json-syntax", "json-syntax", "plan.json", 4, 1, "comma"),
    ("json-syntax-string", "json-syntax", "plan.json", 2, 19, "backslash"),
    ("library-content", "library-content", "logic.yaml", 8, 18, "url:"),
    ("library-cycle", "library-cycle", "names.yaml", 7, 15, "remove one"),
    ("library-name", "library-name", "logic.yaml", 3, 7, "the same in both"),
    ("number-range", "number-range", "vs.yaml", 4, 15, "quotes"),
    ("override-reason-display", "override-reason-display", "reasons.yaml", 10, 17, "display:"),
    ("plan-description-missing", "plan-description-missing", "plan.yaml", 1, 1, "description:"),
    ("plan-without-hook", "plan-without-hook", "plan.yaml", 1, 1, "patient-view"),
    ("query-pattern", "query-pattern", "names.yaml", 10, 22, "category=laboratory"),
    ("resource-expected", "resource-expected", "plan.yaml", 1, 1, "one FHIR resource"),
    ("resource-type-missing", "resource-type-missing", "plan.yaml", 2, 1, "'resourceType'"),
    ("resource-type-missing-other", "resource-type-missing", "notes.yaml", 1, 1, "PlanDefinition"),
    ("resource-type-patient", "resource-type-other", "patient.json", 1, 18, "cases"),
    ("resource-type-unknown", "resource-type-unknown", "plan.yaml", 2, 15, "'PlanDefinition'"),
    ("service-id", "service-id", "plan.yaml", 2, 6, "letters"),
    ("service-id-taken", "service-id", "b.yaml", 2, 6, "another name"),
    ("summary-too-long", "summary-too-long", "plan.yaml", 7, 12, "description:"),
    ("target-missing", "target-missing", "plan.yaml", 11, 87, "target"),
    ("text-invalid", "text-invalid", "vs.json", 2, 12, "remove"),
    ("too-deep", "too-deep", "vs.json", 2, 71, "flatten"),
    ("trigger-type", "trigger-type", "plan.yaml", 14, 19, "named-event"),
    ("url-missing", "url-missing", "vs.yaml", 1, 1, "ValueSet/<name>"),
    ("valueset-cycle", "valueset-cycle", "b.yaml", 6, 18, "remove one"),
    ("valueset-empty", "valueset-empty", "vs.yaml", 1, 1, "CSV"),
    ("valueset-filter", "valueset-filter", "vs.yaml", 8, 9, "CSV"),
    ("valueset-system-missing", "valueset-system-missing", "vs.yaml", 6, 7, "system:"),
    ("valueset-unresolved", "canonical-unresolved", "a.yaml", 6, 18, "ValueSet/codes'"),
    ("variable-cycle", "variable-cycle", "names.yaml", 8, 13, "cut"),
    ("variable-duplicate", "variable-duplicate", "names.yaml", 6, 12, "another name"),
    ("variable-name", "variable-name", "names.yaml", 6, 9, "letters"),
    ("yaml-alias", "yaml-alias", "plan.yaml", 3, 14, "write the content out"),
    ("yaml-key", "yaml-key", "plan.yaml", 2, 3, "name: value"),
    ("yaml-syntax", "yaml-syntax", "plan.yaml", 2, 12, "quotes"),
    ("yaml-syntax-percent", "yaml-syntax", "plan.yaml", 15, 23, "begins with %"),
    ("yaml-syntax-tab", "yaml-syntax", "plan.yaml", 3, 1, "tabs"),
    ("yaml-tag", "yaml-tag", "plan.yaml", 2, 8, "remove the tag"),
]

#: Folders whose mistakes are two of a kind: the second one's line.
SECOND = {
    "cql-semantic": [7],
    "cql-syntax": [6],
    "concept-map-unsupported": [16],
    "csv-row": [4],
    "data-filter": [11],
    "variable-duplicate": [8],
    "variable-name": [9],
}

#: Codes whose tests stand in test_definitions_files.py, test_definitions_structure.py, test_definitions_overlay.py and
#: test_cql_site.py.
ELSEWHERE = {"content-missing", "file-too-big", "file-unreadable", "too-many-files", "fhir-invalid"} | {
    "overlay-kind",
    "overlay-value-set",
    "parameters-file",
    "parameters-type",
    "parameters-unknown",
}
#: Codes that the mistakes of tests/lint/test_lint_mistakes.py show.
LINTED = {path.read_text(encoding="utf-8").split(": ")[1] for path in BROKEN.parent.glob("mistakes/*/expected.txt")}


@pytest.mark.parametrize(("folder", "code", "file", "line", "column", "hint"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_mistake_is_told_with_code_place_and_remedy(
    folder: str, code: str, file: str, line: int, column: int, hint: str | None
) -> None:
    """Issue 2: each kind of broken file gives its own message at the right line and column (security D2, security
    D4)."""
    problems = check_content(BROKEN / folder)
    first = problems[0]
    assert first.code == code
    assert first.location.file.endswith(f"{folder}/{file}")
    assert (first.location.line, first.location.column) == (line, column)
    assert hint is None or hint in (first.hint or "")
    assert [problem.location.line for problem in problems[1:]] == SECOND.get(folder, [])


def test_every_code_has_a_mistake_and_every_folder_a_test() -> None:
    """No code is documented that cannot happen, and no broken folder lies unused."""
    shown = {code for _, code, *_ in MISTAKES} | ELSEWHERE | LINTED
    assert {code for code in shown if not code.startswith("case-")} == CODES.keys()
    assert {folder for folder, *_ in MISTAKES} | {"many"} == {path.name for path in BROKEN.iterdir()}


def test_summary_of_139_characters_is_fine(tmp_path: Path) -> None:
    """C6 and L1: 140 code points are refused, 139 accepted, whatever their length in bytes."""
    text = (BROKEN / "summary-too-long" / "plan.yaml").read_text(encoding="utf-8")
    (tmp_path / "plan.yaml").write_text(text.replace("é" * 140, "é" * 139), encoding="utf-8")
    assert check_content(tmp_path) == []


def test_all_problems_of_a_folder_come_at_once_in_file_order() -> None:
    """Four broken files, one with three mistakes: every problem is there, sorted by file and line (habit 19)."""
    found = [(Path(p.location.file).name, p.location.line, p.code) for p in check_content(BROKEN / "many")]
    assert found == [
        ("a.yaml", 1, "plan-description-missing"),
        ("a.yaml", 10, "fhir-unknown-element"),
        ("a.yaml", 15, "expression-syntax"),
        ("b.json", 1, "resource-type-unknown"),
        ("codes.csv", 2, "csv-row"),
        ("d.yaml", 2, "yaml-syntax"),
    ]


def test_problem_prints_its_line_with_a_caret_under_the_fault() -> None:
    """The rendering an author sees: place, code, message, line, caret, hint."""
    (problem,) = check_content(BROKEN / "fhir-unknown-element")
    place, line, caret, hint = problem.render().splitlines()
    assert place.endswith("plan.yaml:11:5: fhir-unknown-element: PlanDefinition.action has no element 'priorty'")
    assert line.index("priorty") == caret.index("^")
    assert hint == "  hint: did you mean 'priority'?"


def _check_bytes(root: Path, name: str, content: bytes) -> list[Problem]:
    shutil.rmtree(root / "fuzz", ignore_errors=True)
    (root / "fuzz").mkdir()
    (root / "fuzz" / name).write_bytes(content)
    return check_content(root / "fuzz")


FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(content=st.binary(max_size=200), name=st.sampled_from(["a.yaml", "a.json"]))
@example(content=b"\xef\xbb\xbf", name="a.json")
@example(content=b"a: !<x> b", name="a.yaml")
@example(content=b'"\\ud800"', name="a.json")
@example(content=b'{"a": "\\ud800"}', name="a.yaml")
@example(content=b"%YAML 9.9\n---\n", name="a.yaml")
@example(content=b"[" * 5000, name="a.yaml")
@example(content=b'{"a":' * 5000, name="a.json")
@example(content=b"9" * 5000, name="a.json")
def test_arbitrary_bytes_give_problems_and_no_traceback(tmp_path: Path, content: bytes, name: str) -> None:
    """security D2: no file, however broken, does more than give problems; none is taken as content."""
    assert all(problem.code in CODES for problem in _check_bytes(tmp_path, name, content))


WORDS = st.sampled_from(["", "a", "text/fhirpath", "%a", "named-event"])
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | WORDS
ELEMENTS = (
    "url status action library parameter dataRequirement extension valueExpression name language expression condition "
    "dynamicValue trigger documentation definitionCanonical compose include concept system code valueSet contained "
    "resourceType type coding filter input data codeFilter relatedArtifact resource title id kind valueUrl"
)
NAMES = st.sampled_from(ELEMENTS.split())
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=25,
)


@pytest.mark.slow
@FUZZ
@given(
    kind=st.sampled_from(["PlanDefinition", "ActivityDefinition", "Library", "ValueSet", "CodeSystem", "Bundle"]),
    body=st.dictionaries(NAMES, TREES, max_size=8),
)
def test_wrong_shapes_anywhere_give_problems_and_no_traceback(
    tmp_path: Path, kind: str, body: dict[str, object]
) -> None:
    """A resource with any element of any shape is checked to the end (security D4)."""
    content = json.dumps({**body, "resourceType": kind, "type": body.get("type", "collection")}).encode()
    assert all(problem.code in CODES for problem in _check_bytes(tmp_path, "a.json", content))
