"""No content, however misshapen, makes the linter fail."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lint_support import EXTENSION

from cds.definitions.check import inspect
from cds.definitions.codes import CODES
from cds.lint import lint

pytestmark = pytest.mark.slow

WORDS = "a text/fhirpath text/cql %patient.name named-event patient-view yes retired urn:a Medication".split()
WORDS += ["", "define-unused: x", *(f"{EXTENSION}/{name}" for name in ("ignore-problem", "catalogue", "for-each"))]
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(WORDS)
NAMES = st.sampled_from(
    "url status action library dataRequirement extension valueExpression valueString valueBoolean name language "
    "parameter use max expression condition kind dynamicValue path trigger documentation label definitionCanonical "
    "selectionBehavior precheckBehavior code coding system concept type id title content contentType data item "
    "answerValueSet".split()
)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=25
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["PlanDefinition", "ActivityDefinition", "Library", "ValueSet", "CodeSystem"]),
    body=st.dictionaries(NAMES, TREES, max_size=8),
)
def test_wrong_shapes_give_findings_and_no_traceback(tmp_path: Path, kind: str, body: dict[str, object]) -> None:
    """Issue 8: no mistake of an author ends in a traceback."""
    folder = tmp_path / "content"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps({**body, "resourceType": kind}), encoding="utf-8")
    assert all(problem.code in CODES for problem in lint(inspect(folder)))
