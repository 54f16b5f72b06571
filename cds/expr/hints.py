"""What authors write who come from other languages, and what FHIRPath has instead: the remedies of error messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cds.errors import did_you_mean, nearest
from cds.expr import ucum
from cds.expr.quantity import CALENDAR, Quantity

if TYPE_CHECKING:
    from cds.expr.lexer import Token

#: Functions of other languages -> ours.
FUNCTIONS = {
    "any": "exists(criteria)",
    "average": "avg()",
    "concat": "combine(other), or & between strings",
    "defined": "exists()",
    "filter": "where(criteria)",
    "find": "where(criteria).first()",
    "flatMap": "select(projection)",
    "flatten": "select(projection)",
    "get": "where(criteria)",
    "if": "iif(criterion, true-result, otherwise-result)",
    "includes": "contains(substring), or the operator contains",
    "isEmpty": "empty()",
    "isNull": "empty()",
    "len": "length() of a string, count() of a collection",
    "map": "select(projection)",
    "mean": "avg()",
    "notEmpty": "exists()",
    "reduce": "aggregate(aggregator, init)",
    "reverse": "sort(-key)",
    "size": "count()",
    "slice": "skip(num).take(num)",
    "substr": "substring(start, length)",
    "toLowerCase": "lower()",
    "toUpperCase": "upper()",
    "year": "yearOf()",
}
#: Operators of other languages, by their characters in a row.
_OPERATORS = {
    "==": "equality is =",
    "===": "equality is =",
    "!": "write not() behind it: name.exists().not()",
    "!==": "inequality is !=",
    "<>": "inequality is !=",
    "&&": "write and",
    "||": "write or",
    "?": "write iif(criterion, true-result, otherwise-result)",
    "?.": "write . alone: nothing below nothing is { }",
    "=>": "write the body alone: where(use = 'official')",
    "->": "write . before an element",
    ";": "an expression is one: name a part of it with defineVariable()",
    "**": "write power(exponent)",
    "^": "write power(exponent)",
}
#: Operators that are words.
_WORDS = frozenset({"and", "or", "xor", "implies", "in", "contains", "is", "as", "div", "mod"})
#: Words of other languages that would be read as elements nobody has.
CONSTANTS = {"null": "{ }", "None": "{ }", "nil": "{ }", "undefined": "{ }", "True": "true", "False": "false"}


def function(name: str, known: Iterable[str]) -> str | None:
    """What to write for an unknown function: ours for one of another language, or the nearest name."""
    if name in FUNCTIONS:
        return f"write {FUNCTIONS[name]}"
    match = nearest(name, known)
    return f"did you mean {match}()?" if match else None


def operator(text: str, at: int) -> str | None:
    """What to write for an operator of another language that the character at `at` is part of."""
    signs = "=!<>&|?*^;-."
    start, end = at, at
    while start > 0 and text[start - 1] in signs:
        start -= 1
    while end < len(text) and text[end] in signs:
        end += 1
    return _OPERATORS.get(text[start:end])


def token(text: str, before: Token | None, found: Token) -> str | None:
    """What may have been meant by a token that cannot stand where it does; `before` is the one before it."""
    if found.kind == "operator":
        return "a variable starts an expression: select(%name)" if found.value == "%" else operator(text, found.at)
    if before is not None and before.kind == "name" and before.value in ("not", "if"):
        return _OPERATORS["!"] if before.value == "not" else f"write {FUNCTIONS['if']}"
    if found.kind != "name":
        return None
    if found.value in _WORDS:
        return f"an element of that name stands in backticks: `{found.value}`"
    if found.value.lower() in _WORDS:
        return f"write {found.value.lower()}"
    if before is not None and before.kind == "literal":
        return did_you_mean(found.value, CALENDAR)
    return f"an element or function follows a dot: .{found.value}"


#: Units as people write them -> their UCUM code.
_UNITS = {
    "bpm": "/min",
    "cc": "mL",
    "in": "[in_i]",
    "inch": "[in_i]",
    "IU": "[iU]",
    "IU/L": "[iU]/L",
    "IU/mL": "[iU]/mL",
    "lb": "[lb_av]",
    "lbs": "[lb_av]",
    "mcg": "ug",
    "mcL": "uL",
    "mmHg": "mm[Hg]",
    "oz": "[oz_av]",
    "sec": "s",
    "°C": "Cel",
    "°F": "[degF]",
    "µg": "ug",
}


def unit_fault(value: Any) -> tuple[str, str] | None:
    """What is wrong with the unit of a literal, and a remedy: nothing would ever compare with it."""
    if type(value) is not Quantity or value.calendar is not None or ucum.is_valid(value.unit):
        return None
    meant = _UNITS.get(value.unit)
    hint = f"write '{meant}'" if meant else "units are UCUM codes, such as 'mg', 'mm[Hg]', '10*9/L', or {tablet}"
    return f"'{value.unit}' is no UCUM unit", hint
