"""Values of defines against what a case expects of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from cds.cases.model import Case, Difference
from cds.errors import ExpressionError
from cds.expr.cql_expression import CqlExpression
from cds.expr.elm.values import Tuple
from cds.expr.evaluation import Evaluation


def compare_defines(case: Case, defines: Mapping[str, CqlExpression], evaluation: Evaluation) -> Iterator[Difference]:
    """Every define that did not come to what the case expects of it."""
    for expected in case.defines:
        try:
            value = defines[expected.name].value(evaluation)
        except ExpressionError as error:
            yield Difference(f"define {expected.name}", _shown(expected.value), str(error))
        else:
            if not _fits(expected.value, value):
                yield Difference(f"define {expected.name}", _shown(expected.value), _shown(value))


def _fits(expected: Any, value: Any) -> bool:
    """True when `value` is what is expected, or holds at least that."""
    if isinstance(expected, list):
        items = value if isinstance(value, list) else None
        return items is not None and len(items) == len(expected) and all(map(_fits, expected, items))
    if isinstance(value, Tuple):
        value = value.elements
    if isinstance(expected, dict):
        return isinstance(value, dict) and all(_fits(part, value.get(name)) for name, part in expected.items())
    if isinstance(value, dict):
        return expected is not None and bool(value.get("id") == expected)
    if isinstance(expected, bool) or isinstance(value, bool) or expected is None or value is None:
        return expected is value
    if isinstance(expected, (int, float)):
        return isinstance(value, (int, Decimal)) and Decimal(str(expected)) == value
    return bool(str(value) == expected)


def _shown(value: Any) -> str:
    """A value the way a case writes it; of a resource its id."""
    if isinstance(value, Tuple):
        value = value.elements
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    if isinstance(value, dict):
        if "resourceType" in value:
            return str(value.get("id"))
        return "{" + ", ".join(f"{name}: {_shown(part)}" for name, part in value.items()) + "}"
    return _WORDS[value] if value is None or isinstance(value, bool) else str(value)


_WORDS = {True: "true", False: "false", None: "null"}
