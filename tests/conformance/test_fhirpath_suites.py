"""The official FHIRPath suites for R4 and R5, run unchanged from the shared test data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from conformance_support import NOW, SUITES, cases, compiled, context_of, failure

from cds import expr
from cds.errors import ExpressionError
from cds.expr.types import Release

pytestmark = pytest.mark.skipif(not SUITES.is_dir(), reason="the shared conformance data is not beside the checkout")

#: suite -> number of its cases
SIZES: dict[Release, int] = {"R4": 935, "R5": 1051}
#: Cases that are not passed, and why.
DIFFERENCES: dict[Release, dict[str, str]] = {
    "R4": {},
    "R5": {
        **dict.fromkeys(("testHasTemplateId1", "testHasTemplateId2", "testHasTemplateId3"), "C-CDA, which is no FHIR"),
        **dict.fromkeys(("txTest01", "txTest02", "txTest03"), "%terminologies: the engine calls no terminology server"),
        **dict.fromkeys(
            ("LowBoundaryDateMonth", "HighBoundaryDateMonth"),
            "a boundary has the type of its input, and @2014 is a Date, as testLiteralDateYear says; not a DateTime",
        ),
    },
}


@pytest.mark.parametrize("release", SIZES)
def test_official_suite(release: Release) -> None:
    """Values, types and error phases of a published suite hold, but for the differences listed with a reason."""
    problems = {case.name: f"{case.expression} -> {reason}" for case in cases(release) if (reason := failure(case))}
    unexpected = [f"{name}: {reason}" for name, reason in problems.items() if name not in DIFFERENCES[release]]
    assert not unexpected, "\n".join(unexpected)
    assert not DIFFERENCES[release].keys() - problems.keys(), "these pass now"


@pytest.mark.parametrize("release", SIZES)
def test_suite_is_complete(release: Release) -> None:
    """No case of a suite is lost while it is read."""
    assert len(list(cases(release))) == SIZES[release]


@pytest.mark.slow
@pytest.mark.parametrize("release", SIZES)
def test_a_trace_changes_no_answer(release: Release) -> None:
    """Every case gives the same items or the same error when it is traced, and an answer tells of at least one step."""
    for case in cases(release):
        if case.name in DIFFERENCES[release]:
            continue
        context = context_of(case)
        try:
            expression = compiled(case, context)
        except ExpressionError:
            continue
        steps: list[expr.Step] = []
        plain = expr.Evaluation(now=NOW, context=context)
        traced = expr.Evaluation(
            now=NOW, context=context, trace=expr.Trace(context, step=steps.append, release=release)
        )
        found = outcome(lambda ev=traced, e=expression: [(item.type, item.value) for item in e.traced(ev)])  # type: ignore[misc]
        assert found == outcome(lambda ev=plain, e=expression: e.typed(ev)), case.expression  # type: ignore[misc]
        assert steps or not isinstance(found, str), case.expression


def outcome(items: Callable[[], list[tuple[str, Any]]]) -> object:
    """Items as text, or the error."""
    try:
        return repr(items())
    except ExpressionError as error:
        return type(error), error.message
