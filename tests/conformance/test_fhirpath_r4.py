"""The official FHIRPath suite for R4, run unchanged from the shared test data."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from cds import expr
from cds.errors import ExpressionError, ExpressionSemanticError, ExpressionSyntaxError
from cds.expr.values import decimal, equal, is_number

SUITE = Path(__file__).resolve().parents[2].parent / "shared" / "conformance" / "fhirpath" / "r4"
#: What passes today; it only ever rises.
FLOOR = 935
PHASES: dict[str, tuple[type[ExpressionError], ...]] = {
    "syntax": (ExpressionSyntaxError,),
    "semantic": (ExpressionSemanticError,),
    "execution": (ExpressionError,),
}

pytestmark = pytest.mark.skipif(not SUITE.is_dir(), reason="the shared conformance data is not beside the checkout")


@dataclass(frozen=True)
class Case:
    """One <test> of the suite."""

    name: str
    input: str | None
    expression: str
    invalid: str | None
    strict: bool
    predicate: bool
    ordered: bool
    outputs: tuple[tuple[str | None, str], ...]


def cases() -> Iterator[Case]:
    """Every test of the suite, in order."""
    for element in ElementTree.parse(SUITE / "tests-fhir-r4.xml").iter("test"):  # noqa: S314 - our own test data
        expression = element.find("expression")
        assert expression is not None
        yield Case(
            name=element.get("name", ""),
            input=element.get("inputfile"),
            expression=expression.text or "",
            invalid=expression.get("invalid"),
            strict="strict" in (element.get("mode"), expression.get("mode")),
            predicate=element.get("predicate") == "true",
            ordered=element.get("ordered") != "false",
            outputs=tuple((output.get("type"), output.text or "") for output in element.findall("output")),
        )


@lru_cache
def resource(name: str) -> dict[str, Any]:
    """The JSON form of an input file."""
    loaded: dict[str, Any] = orjson.loads((SUITE / "input" / name).with_suffix(".json").read_bytes())
    return loaded


def evaluate(case: Case) -> list[tuple[str, Any]]:
    """The typed items of a case."""
    context = resource(case.input) if case.input else None
    focus = context["resourceType"] if context and case.strict else None
    expression = expr.compile(case.expression, focus=focus)
    return expression.typed(expr.Evaluation(now=datetime.now(UTC), context=context))


def outcome(items: Callable[[], list[tuple[str, Any]]]) -> object:
    """Items as text, or the error."""
    try:
        return repr(items())
    except ExpressionError as error:
        return type(error), error.message


def type_matches(expected: str | None, found: str) -> bool:
    """`integer` is FHIR's or System's integer; no expected type matches any."""
    name = found.removeprefix("System.")
    if name != found and name != "Quantity":
        name = name[0].lower() + name[1:]
    return expected is None or expected == name


def value_matches(expected: str, kind: str | None, found: Any) -> bool:
    """Numbers by value, everything else by its text; an output without type is read as a literal."""
    if is_number(found):
        try:
            return decimal(found) == Decimal(expected)
        except InvalidOperation:
            return False
    if type(found) is bool:
        return expected == str(found).lower()
    if kind is None and expected[:1] in "@-0123456789":
        literal = expr.compile(expected)(expr.Evaluation(now=datetime.now(UTC)))
        return len(literal) == 1 and (equal(literal[0], found) is True and str(literal[0]) == str(found))
    return str(found) == expected.removeprefix("@") or str(found) == expected


def failure(case: Case) -> str | None:
    """Why a case does not count, or None when it does."""
    try:
        items = evaluate(case)
    except ExpressionError as error:
        if case.invalid and isinstance(error, PHASES[case.invalid]):
            return None
        return f"{type(error).__name__}: {error}"
    if case.invalid:
        return f"expected an error in phase {case.invalid}, found {items}"
    if case.predicate:
        items = [("System.Boolean", bool(items))]
    expected = list(case.outputs)
    if not case.ordered:
        expected.sort(key=lambda output: output[1])
        items.sort(key=lambda item: str(item[1]))
    matches = len(items) == len(expected) and all(
        type_matches(kind, found) and value_matches(text, kind, value)
        for (kind, text), (found, value) in zip(expected, items, strict=True)
    )
    return None if matches else f"expected {expected}, found {items}"


def test_the_official_r4_suite_does_not_fall_back(capsys: pytest.CaptureFixture[str]) -> None:
    """Values, types and error phases of the published suite hold, in at least FLOOR cases."""
    problems = [(case, reason) for case in cases() if (reason := failure(case)) is not None]
    total = sum(1 for _ in cases())
    with capsys.disabled():
        print(f"\nFHIRPath R4: {total - len(problems)} of {total}")
    report = "\n".join(f"{case.name}: {case.expression} -> {reason}" for case, reason in problems)
    assert total - len(problems) >= FLOOR, report


def test_a_trace_changes_no_answer() -> None:
    """Every case gives the same items or the same error when it is traced, and tells of at least one step."""
    now = datetime.now(UTC)
    for case in cases():
        context = resource(case.input) if case.input else None
        try:
            expression = expr.compile(case.expression)
        except ExpressionError:
            continue
        steps: list[expr.Step] = []
        plain = expr.Evaluation(now=now, context=context)
        traced = expr.Evaluation(now=now, context=context, trace=expr.Trace(context, step=steps.append))
        found = outcome(lambda ev=traced, e=expression: [(item.type, item.value) for item in e.traced(ev)])  # type: ignore[misc]
        assert found == outcome(lambda ev=plain, e=expression: e.typed(ev)), case.expression  # type: ignore[misc]
        assert steps, case.expression
