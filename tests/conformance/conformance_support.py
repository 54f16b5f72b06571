"""The published FHIRPath suites: their cases, how one is run on our engine, and when it counts.

A case counts when every item has the value and the type that the suite names, or when the error it names is raised in
its phase: `syntax` and `semantic` when the expression is compiled, `execution` when it is evaluated and not before.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from cds import expr
from cds.errors import EvaluationError, ExpressionError, ExpressionSemanticError, ExpressionSyntaxError
from cds.expr.temporal import Date, DateTime, Temporal, Time
from cds.expr.types import Release
from cds.expr.values import is_number, text_of

SUITES = Path(__file__).resolve().parents[2].parent / "shared" / "conformance" / "fhirpath"
PHASES: dict[str, type[ExpressionError]] = {
    "syntax": ExpressionSyntaxError,
    "semantic": ExpressionSemanticError,
    "execution": EvaluationError,
}
NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Case:
    """One <test> of a suite. `outputs` are (type or None, text)."""

    release: Release
    name: str
    input: str | None
    expression: str
    invalid: str | None
    checked: bool
    strict: bool
    predicate: bool
    ordered: bool
    outputs: tuple[tuple[str | None, str], ...]


def cases(release: Release) -> Iterator[Case]:
    """Every test of a suite, in order."""
    low = release.lower()
    for element in ElementTree.parse(SUITES / low / f"tests-fhir-{low}.xml").iter():  # noqa: S314 - our own test data
        if element.tag.endswith("}test") or element.tag == "test":
            yield _case(release, element)


def _case(release: Release, element: ElementTree.Element) -> Case:
    (expression,) = element.findall("{*}expression")
    return Case(
        release=release,
        name=element.get("name", ""),
        input=element.get("inputfile"),
        expression=expression.text or "",
        invalid=expression.get("invalid"),
        checked=element.get("skipStaticCheck") != "true" and not (element.get("mode") or "").startswith("lenient"),
        strict="strict" in (element.get("mode"), expression.get("mode")),
        predicate=element.get("predicate") == "true",
        ordered=element.get("ordered") != "false",
        outputs=tuple((output.get("type"), output.text or "") for output in element.findall("{*}output")),
    )


@lru_cache
def resource(release: Release, name: str) -> dict[str, Any]:
    """The JSON form of an input file. Raises FileNotFoundError for one that has none (C-CDA)."""
    path = SUITES / release.lower() / "input" / name
    loaded: dict[str, Any] = orjson.loads(path.with_suffix(".json").read_bytes())
    return loaded


def context_of(case: Case) -> dict[str, Any] | None:
    """The resource of a case. Raises FileNotFoundError for one that has no JSON form (C-CDA)."""
    return resource(case.release, case.input) if case.input else None


def compiled(case: Case, context: dict[str, Any] | None) -> expr.Expression:
    """The expression of a case, checked as far as its mode asks for."""
    focus = context["resourceType"] if context and case.checked else None
    return expr.compile(case.expression, variables=(), focus=focus, release=case.release, strict=case.strict)


def failure(case: Case) -> str | None:
    """Why a case does not count, or None when it does."""
    try:
        context = context_of(case)
    except FileNotFoundError:
        return "the input has no JSON form"
    try:
        expression = compiled(case, context)
    except ExpressionError as error:
        return None if case.invalid != "execution" and _is_expected(error, case) else f"while compiling: {error!r}"
    try:
        found = expression.typed(expr.Evaluation(now=NOW, context=context))
    except ExpressionError as error:
        return None if case.invalid == "execution" and _is_expected(error, case) else f"while evaluating: {error!r}"
    if case.invalid:
        return f"expected an error in phase {case.invalid}, found {found}"
    if case.predicate:
        found = [("System.Boolean", bool(found))]
    return None if _matches(case, found) else f"expected {case.outputs}, found {found}"


def _is_expected(error: ExpressionError, case: Case) -> bool:
    return case.invalid is not None and isinstance(error, PHASES[case.invalid])


def _matches(case: Case, found: list[tuple[str, Any]]) -> bool:
    expected = list(case.outputs)
    if not case.ordered:
        expected.sort(key=lambda output: output[1])
        found = sorted(found, key=lambda item: str(item[1]))
    return len(found) == len(expected) and all(
        _same(text, kind, *item) for (kind, text), item in zip(expected, found, strict=True)
    )


def _reads_as(text: str, value: Any) -> bool:
    """Whether an output that names no type, read as a literal, is of the kind of the value: numbers are of one kind,
    and so are dates with and without a time."""
    literals = expr.compile(text)(expr.Evaluation(now=NOW)) if text[:1] in "@-0123456789" else [text]
    literal = text == "true" if text in ("true", "false") else literals[0]
    if is_number(literal) or isinstance(literal, (Date, DateTime)):
        return is_number(value) if is_number(literal) else isinstance(value, (Date, DateTime))
    return type(literal) is type(value)


def _lower(name: str) -> str:
    """`System.Integer` as `integer`; the suites do not tell System types from FHIR's."""
    kind = name.removeprefix("System.")
    return kind if kind == name or kind == "Quantity" else kind[0].lower() + kind[1:]


def _same(text: str, kind: str | None, found_kind: str, value: Any) -> bool:
    """Whether an item has the type and the value, decimals with their digits and quantities with their unit."""
    if not (_reads_as(text, value) if kind is None else _lower(found_kind) == kind):
        return False
    shown = text_of(value)
    temporal = isinstance(value, Temporal) or kind in ("date", "dateTime", "time")
    return text == (f"@{'T' if isinstance(value, Time) else ''}{shown}" if temporal else shown)
