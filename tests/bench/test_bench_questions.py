"""The questions of the FHIRPath bench: their answers by hand are ours, so that a run compares like with like."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from fhirpath_data import BUNDLE, PATIENT, Question, Resource, bundle, small_patient

from cds import expr

CASES = [("Patient", small_patient(), q) for q in PATIENT] + [("Bundle", bundle(100), q) for q in BUNDLE]


@pytest.mark.parametrize(("_name", "resource", "question"), CASES, ids=[f"{name} {q.name}" for name, _, q in CASES])
def test_the_answer_by_hand_is_ours(_name: str, resource: Resource, question: Question) -> None:
    """Each question finds something, and both ways give it."""
    evaluation = expr.Evaluation(now=datetime.now(UTC), context=resource)
    wanted = question.by_hand(resource)
    assert wanted
    assert [expr.to_json(item) for item in expr.compile(question.text)(evaluation)] == wanted
