"""Properties over random expressions and data: only our own errors, and the input is never changed."""

from __future__ import annotations

import copy
from typing import Any

import orjson
from expr_support import NOW, Codes, Values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds import expr
from cds.errors import ExpressionError
from cds.expr.functions import FUNCTIONS

ATOMS = st.sampled_from(
    [
        "1",
        "-2.50",
        "true",
        "{}",
        "'a'",
        "'2020-05'",
        "@2020-05",
        "@2020-02-29T10:00:00+02:00",
        "@T10:30",
        "$this",
        "name",
        "name.given",
        "birthDate",
        "onset",
        "value",
        "Patient",
        "%x",
        "%context",
        "code",
        "extension",
        "contained",
        "today()",
        "descendants()",
        "value.ofType(Quantity)",
        "'(a+)+'",
        "10",
        "'day'",
        "1'mg'",
        "(4days)",
        "$this.id",
    ]
)
OPERATORS = st.sampled_from(
    [
        "+",
        "-",
        "*",
        "/",
        "div",
        "mod",
        "&",
        "|",
        "=",
        "!=",
        "~",
        "!~",
        "<",
        ">",
        "<=",
        ">=",
        "in",
        "contains",
        "and",
        "or",
        "xor",
        "implies",
    ]
)
CALLS = st.sampled_from(sorted(set(FUNCTIONS) - {"is", "as", "ofType", "defineVariable"}))
KINDS = st.sampled_from(["Quantity", "string", "code", "System.String", "dateTime", "Patient", "Element", "boolean"])


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Expressions made of smaller ones."""
    return st.one_of(
        st.builds("({} {} {})".format, inner, OPERATORS, inner),
        st.builds("{}.{}({})".format, inner, CALLS, st.lists(inner, max_size=2).map(", ".join)),
        st.builds("({} {} {})".format, inner, st.sampled_from(["is", "as"]), KINDS),
        st.builds("{}.ofType({})".format, inner, KINDS),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("{}.{}".format, inner, st.sampled_from(["given", "value", "code", "id", "extension", "start"])),
    )


EXPRESSIONS = st.recursive(ATOMS, grown, max_leaves=6)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), FLOATS, st.text(max_size=8), st.dates().map(str))
NAMES = st.sampled_from(
    [
        "name",
        "_name",
        "given",
        "_given",
        "birthDate",
        "_birthDate",
        "onsetDateTime",
        "valueQuantity",
        "value",
        "code",
        "extension",
        "resourceType",
        "contained",
        "url",
        "start",
        "coding",
        "system",
        "id",
        "reference",
    ]
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
RESOURCES = st.dictionaries(NAMES, JSON, max_size=5).map(lambda extra: {**extra, "resourceType": "Patient"})
QUICK = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(EXPRESSIONS, RESOURCES, st.lists(JSON.filter(lambda value: value is not None), max_size=3))
def test_random_expressions_raise_only_our_errors(text: str, resource: dict[str, Any], values: list[Any]) -> None:
    """Whatever an author writes and a client sends, the outcome is a list or an ExpressionError; nothing is wrapped
    surprise, no input is changed, and typed results agree with plain ones."""
    before = copy.deepcopy(resource), copy.deepcopy(values)

    def evaluation() -> expr.Evaluation:
        return expr.Evaluation(
            now=NOW, context=resource, variables=Values({"x": values}, {"x"}), terminology=Codes(), steps=20_000
        )

    try:
        expression = expr.compile(text)
        result = expression(evaluation())
        expression.typed(evaluation())
        [expr.to_json(item) for item in result]
    except ExpressionError as error:
        wrapped = error.__cause__
    else:
        wrapped = None
    assert wrapped is None or isinstance(wrapped, ExpressionError), text
    assert (resource, values) == before


@QUICK
@given(st.text(max_size=40))
def test_random_text_compiles_or_says_why(text: str) -> None:
    """The parser has no other way out than its errors, each with a place (E4)."""
    place = (1, 1)
    try:
        expr.compile(text)
    except ExpressionError as error:
        place = (error.line, error.column)
    assert min(place) >= 1


@QUICK
@given(st.text(max_size=60))
def test_escaping_json_is_the_inverse_of_unescaping(text: str) -> None:
    """escape('json') makes a JSON string of any text, and unescape('json') reads it back."""
    text = text.encode("utf-8", "ignore").decode()
    escaped = expr.compile("$this.escape('json')")(expr.Evaluation(now=NOW), [text])
    assert orjson.loads(f'"{escaped[0]}"') == text
    assert expr.compile("$this.unescape('json')")(expr.Evaluation(now=NOW), escaped) == [text]
