"""Properties over random expressions and data: only our own errors, no input changed, and one answer however asked."""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from expr_grammar_support import JSON, RESOURCES, WILD, calls, expressions
from expr_support import NOW, Codes, Values
from hypothesis import given, settings
from hypothesis import strategies as st

from cds import expr
from cds.errors import ExpressionError, LimitError
from cds.expr.types import model

pytestmark = pytest.mark.slow

VALUES = st.lists(JSON.filter(lambda value: value is not None), max_size=2)


def surroundings(resource: dict[str, Any], values: list[Any], **options: Any) -> expr.Evaluation:
    """An evaluation with little to spend, %x from data that is not all there, and a terminology."""
    variables = Values({"x": values}, {"x"})
    return expr.Evaluation(now=NOW, context=resource, variables=variables, terminology=Codes(), steps=20_000, **options)


def outcome(ask: Callable[[], list[Any]]) -> str:
    """The answer, or the error without its place, as text that tells 1 from 1.0 and from true."""
    try:
        return repr([(type(item).__name__, expr.to_json(item)) for item in ask()])
    except LimitError as error:
        return f"limit: {error.message}"
    except ExpressionError as error:
        return f"error: {error.message}"


def surprises(text: str, resource: dict[str, Any], values: list[Any]) -> list[str]:
    """What went wrong in any other way than an error of ours: wrapped errors, and inputs that were changed."""
    before = copy.deepcopy((resource, values))
    found: list[str] = []
    ways: list[Callable[[expr.Expression], Any]] = [
        lambda e: [expr.to_json(item) for item in e(surroundings(resource, values))],
        lambda e: e(surroundings(resource, values), values),
        lambda e: e.typed(surroundings(resource, values)),
        lambda e: e(surroundings(resource, values, trace=expr.Trace(resource, step=lambda step: None))),
    ]
    for way in ways:
        try:
            way(expr.compile(text))
        except ExpressionError as error:
            if not isinstance(error.__cause__, ExpressionError | None):
                found.append(f"{text}: {error.__cause__!r}")
    if (resource, values) != before:
        found.append(f"{text}: changed its input")
    return found


@given(expressions(), WILD, VALUES)
def test_random_expressions_raise_only_our_errors(text: str, resource: dict[str, Any], values: list[Any]) -> None:
    """Whatever an author writes and a client sends, the outcome is a list or an ExpressionError; nothing is a wrapped
    surprise, and no input is changed."""
    assert not surprises(text, resource, values)


@settings(max_examples=4)
@given(calls(), WILD, RESOURCES)
def test_every_function_raises_only_our_errors(
    texts: list[str], wild: dict[str, Any], resource: dict[str, Any]
) -> None:
    """The same for each function of the table, on data of any form and on what FHIR has."""
    assert not [surprise for text in texts for surprise in surprises(text, wild, [resource])]


@given(expressions(), RESOURCES, st.lists(RESOURCES, max_size=1))
def test_one_answer_however_it_is_asked(text: str, resource: dict[str, Any], values: list[Any]) -> None:
    """The plain form, the form for a list, the typed form and a traced evaluation agree, in answers and in errors; only
    how much work they may do differs."""
    try:
        expression = expr.compile(text)
    except ExpressionError:
        return
    trace = expr.Trace(resource, step=lambda step: None)
    plain = outcome(lambda: expression(surroundings(resource, values)))
    others = {
        "list": outcome(lambda: expression(surroundings(resource, values), [resource])),
        "typed": outcome(lambda: [value for _, value in expression.typed(surroundings(resource, values))]),
        "traced": outcome(lambda: expression(surroundings(resource, values, trace=trace))),
    }
    limited = [answer for answer in (plain, *others.values()) if answer.startswith("limit")]
    assert limited or others == dict.fromkeys(others, plain), text


@given(expressions(), RESOURCES)
def test_what_is_known_of_the_types_of_a_result_holds(text: str, resource: dict[str, Any]) -> None:
    """Every item is of one of the types that an expression says it gives, and a boolean one gives one boolean."""
    try:
        expression = expr.compile(text)
        kinds = {kind for kind, _ in expression.typed(surroundings(resource, []))}
    except ExpressionError:
        return
    known = expression.types or kinds
    found = {kind for kind in kinds if not any(model("R4").is_subtype(kind, wanted) for wanted in known)}
    assert found <= ({"System.Quantity"} if "Quantity" in known else set()), text
    assert not expression.boolean or kinds <= {"System.Boolean", "boolean"}, text


def test_threads_share_compiled_expressions() -> None:
    """Eight threads that run one expression at once each get the answer of a run alone."""
    pool = ThreadPoolExecutor(8)

    @given(expressions(), st.lists(RESOURCES, min_size=2, max_size=2))
    def check(text: str, resources: list[dict[str, Any]]) -> None:
        try:
            expression = expr.compile(text)
        except ExpressionError:
            return
        ask = lambda resource: outcome(lambda: expression(surroundings(resource, [resource])))  # noqa: E731
        wanted = [ask(resource) for resource in resources]
        assert list(pool.map(ask, resources * 4)) == wanted * 4, text

    with pool:
        check()


@given(st.text(max_size=40))
def test_random_text_compiles_or_says_why(text: str) -> None:
    """The parser has no other way out than its errors, each with a place (security E4)."""
    place = (1, 1)
    try:
        expr.compile(text)
    except ExpressionError as error:
        place = (error.line, error.column)
    assert min(place) >= 1


@given(st.text(max_size=60))
def test_escaping_json_is_the_inverse_of_unescaping(text: str) -> None:
    """escape('json') makes a JSON string of any text, and unescape('json') reads it back."""
    text = text.encode("utf-8", "ignore").decode()
    escaped = expr.compile("$this.escape('json')")(expr.Evaluation(now=NOW), [text])
    assert orjson.loads(f'"{escaped[0]}"') == text
    assert expr.compile("$this.unescape('json')")(expr.Evaluation(now=NOW), escaped) == [text]
