"""The operation `$fhirpath` as the FHIRPath Lab calls it: Parameters in, Parameters out (server-api.md of
brianpos/fhirpath-lab)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from cds import __version__
from cds.errors import (
    EvaluationError,
    ExpressionError,
    ExpressionSemanticError,
    Issue,
    LimitError,
    RequestError,
    Severity,
    operation_outcome,
)
from cds.expr import Expression
from cds.expr.types import RELEASES, model
from cds.fhirpath.answer import Part, Renderer
from cds.fhirpath.parameters import Call, read
from cds.fhirpath.question import QuestionError, Result, Surroundings, evaluate
from cds.fhirpath.syntax import lab_tree, type_label

#: Parameters that are sent back as they came, in this order, with the names the lab has for them.
_ECHOED = {
    "context": "context",
    "expression": "expression",
    "resource": "resource",
    "terminologyserver": "terminologyServerUrl",
    "variables": "variables",
}


def answer(body: bytes, surroundings: Surroundings, *, release: str = "R4", max_depth: int = 64) -> dict[str, Any]:
    """The Parameters resource that answers the one in `body`, on data of a FHIR release. Decimals in it are Decimals or
    orjson.Fragments.

    Raises RequestError: 400 for a body that is no such call and for expressions that do not compile, 422 for those that
    fail on the resource."""
    known = next((name for name in RELEASES if name == release), None)
    if known is None:
        raise RequestError(400, Issue("not-supported", f"This engine knows FHIR {' and '.join(RELEASES)}"))
    call = read(body, known, max_depth=max_depth)
    try:
        results = evaluate(call.question, surroundings, steps=call.debug)
    except QuestionError as error:
        raise _refused(error, call) from None
    renderer = Renderer(model(known))
    parts = renderer.results(results, call.question.context)
    expression, issues = _checked(call, results)
    if renderer.cut:
        issues.append(Issue("too-long", "The debug trace was cut: it is too long", severity="warning"))
    described = [
        {"name": "evaluator", "valueString": f"pathway-cds {__version__} ({release})"},
        *_analysis(expression),
        *({**sent, "name": shown} for name, shown in _ECHOED.items() for sent in call.sent.get(name, ())),
    ]
    if issues:
        described.append({"name": "debugOutcome", "resource": operation_outcome(issues)})
    first = {"name": "parameters", "part": described}
    return {"resourceType": "Parameters", "id": "fhirpath", "parameter": [first, *parts]}


def _refused(failed: QuestionError, call: Call) -> RequestError:
    error = failed.error
    evaluated = isinstance(error, EvaluationError)
    code = "too-costly" if isinstance(error, LimitError) else "processing" if evaluated else "invalid"
    return RequestError(422 if evaluated else 400, _issue(code, error, call.pointers[failed.part][0]))


def _issue(code: str, error: ExpressionError, pointer: str, severity: Severity = "error") -> Issue:
    place = f"{error.line}:{error.column}: " if error.line else ""
    return Issue(code, place + error.message, f"{pointer}/valueString", error.hint, severity)


def _checked(call: Call, results: list[Result]) -> tuple[Expression, list[Issue]]:
    """The expression with its types as far as the context's type tells them, and, when the call asks for validation,
    what that type alone tells to be wrong with it."""
    question = call.question
    kinds = {result.context.type if result.context else question.resource["resourceType"] for result in results}
    focus = kinds.pop() if len(kinds) == 1 else None
    issues = []
    if focus is not None and focus in model(question.release):
        try:
            return question.compiled(question.expression, focus), []
        except ExpressionSemanticError as error:
            issues = [_issue("invalid", error, call.pointers["expression"][0], "warning")]
    return question.compiled(question.expression), issues if call.validate else []


def _analysis(expression: Expression) -> Iterator[Part]:
    with suppress(RecursionError):  # a tree so deep is of no use to anyone
        yield {"name": "parseDebugTree", "valueString": json.dumps(lab_tree(expression), indent=2, ensure_ascii=False)}
    if label := type_label(expression.types):
        yield {"name": "expectedReturnType", "valueString": label}
