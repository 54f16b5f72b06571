"""docs/fhirpath.md: the language as this engine has it, from the tables it runs on."""

from __future__ import annotations

from itertools import groupby

from cds.expr import evaluation, fhirpath, focus, values
from cds.expr.code import Function
from cds.expr.functions import FUNCTIONS

#: Chapters of the page in their order: how a row's section starts, and the title.
CHAPTERS = {
    "5.1": "Existence",
    "5.2": "Filtering and projection",
    "5.3": "Subsetting",
    "5.4": "Combining",
    "5.5": "Conversion",
    "5.6": "Strings",
    "5.7": "Math, precision and boundaries",
    "5.8": "Tree navigation",
    "5.9": "Utility",
    "5.11": "Time between",
    "6": "Types and logic",
    "7": "Aggregates",
    "10": "Types and logic",
    "FHIR": "FHIR",
    "ours": "Ours",
}

#: Operators by how close they bind: symbols, what an empty operand gives, section, meaning.
OPERATORS = (
    (". [ ]", "`{ }`", "4.1, 5.3.1", "An element or function of every item; the item at a position, from 0"),
    ("unary + -", "`{ }`", "6.6", "The sign of a number or quantity"),
    ("* / div mod", "`{ }`", "6.6", "Of numbers and quantities; division by zero is `{ }`"),
    ("+ - &", "`{ }`; `&` reads it as `''`", "6.6, 6.7", "Of numbers, quantities and strings; a quantity moves a date"),
    ("is as", "`{ }`", "6.3", "True for an item of the type; the item when it is of the type"),
    ("|", "the other", "6.4.1", "Both, without duplicates"),
    ("< > <= >=", "`{ }`", "6.2", "Order; `{ }` where partial dates or unlike units leave it open"),
    ("= != ~ !~", "`{ }`; `~`: `true` when both are", "6.1", "Equality of values; equivalence of meaning"),
    ("in contains", "`{ }` for the item, `false` for the collection", "6.4.2", "Membership"),
    ("and", "`{ }`, `false` beside false", "6.5.1", "Three-valued"),
    ("or xor", "`{ }`; `or`: `true` beside true", "6.5.2", "Three-valued"),
    ("implies", "`{ }`; `true` before true", "6.5.5", "Three-valued; `true` behind false"),
)

#: %names with their meaning, beyond the constants; and what exists inside the bodies of functions.
VARIABLES = {
    "%context": "what the expression is evaluated on",
    "%resource": "the resource that holds it; the context when none was given",
    "%rootResource": "the resource that contains `%resource` when that is contained",
    "%name": "a variable handed to the evaluation, or made by `defineVariable()`",
    "$this": "the item at hand",
    "$index": "its position, from 0, in functions that go through items",
    "$total": "the result so far, in `aggregate()`",
}

LIMITS = (
    ("length of an expression", fhirpath.MAX_LENGTH, "characters", "ExpressionLimitError"),
    ("nesting of an expression", fhirpath.MAX_DEPTH, "levels", "ExpressionLimitError"),
    (
        "work of one evaluation",
        evaluation.MAX_STEPS,
        "steps: one for each item looked at, more for long strings and large elements",
        "StepLimitError",
    ),
    ("a collection", evaluation.MAX_ITEMS, "items", "SizeLimitError"),
    ("a string that is made", evaluation.MAX_STRING, "characters", "SizeLimitError"),
    ("a number", values.MAX_DIGITS, "digits", "SizeLimitError"),
    ("a regular expression", evaluation.MAX_PATTERN, "characters; linear time (RE2)", "PatternLimitError"),
    ("a string that is matched", evaluation.MAX_SUBJECT, "characters", "PatternLimitError"),
)


def page() -> str:
    """The whole page."""
    return f"""# FHIRPath

What expressions can say: [FHIRPath](http://hl7.org/fhirpath/) 2.0, what 3.0 adds, and the functions of FHIR. Written by
`python -m cds.expr.reference > docs/fhirpath.md`.

Sections are those of FHIRPath; `(3.0)` marks what FHIRPath 3.0 adds. *Empty* is what an empty input gives: functions of
single items give `{{ }}` for an empty argument too, and an error for several items. When data behind a `%name` was not
obtained, a function that would conclude from its absence gives `{{ }}` instead: unknown is not false.

A criterion of `iif()` that cannot be a boolean, as in `iif('x', 1, 2)`, is an error when the expression is compiled, as
the published suites ask of strict engines; FHIRPath 3.0 takes any single item for true, which in content is a slip of
the author.

A format of `toDate()` and `toDateTime()` is made of `yyyy` `yy` `MM` `M` `dd` `d` `HH` `H` `hh` `h` `mm` `m` `ss` `s`
`S...` `a` `Z`; what else stands in it has to stand in the text, and two digits of a year are 1950 to 2049. Names of
months and of time zones (`MMM`, `MMMM`, `z`) have no one language, and are refused.

Of FHIRPath 3.0, which is in ballot, two things are not built: `pathname()`, for values know their path only where a
trace is asked for, and to know it always would cost each condition of each call; and the instance selector
(`Coding {{ code: 'x' }}`), for CQL has one, and dynamic values set the elements of a resource one by one.

{_functions()}
## Operators

From the closest binding to the loosest (6.8).

| operator | an empty operand gives | section | meaning |
| --- | --- | --- | --- |
{_operators()}

## Names

| name | value |
| --- | --- |
{_names()}

## Limits

| limit | at most | | error |
| --- | --- | --- | --- |
{_limits()}
"""


def chapter(row: Function) -> str:
    """The title of the chapter a function stands in."""
    return CHAPTERS[max((start for start in CHAPTERS if row.section.startswith(start)), key=len)]


def result(row: Function) -> str:
    """What a function gives: the type of its items."""
    if row.gives:
        return row.gives
    if row.projects:
        return "as the projection"
    if row.types:
        return " or ".join(sorted(name.removeprefix("System.") for name in row.types))
    return "as the input" if row.passes else "any"


def _functions() -> str:
    order = list(dict.fromkeys(CHAPTERS.values()))
    rows = sorted(FUNCTIONS.values(), key=lambda row: order.index(chapter(row)))
    return "\n".join(_chapter(title, list(group)) for title, group in groupby(rows, key=chapter))


def _chapter(title: str, rows: list[Function]) -> str:
    lines = "\n".join(_row(row) for row in rows)
    return f"""## {title}

| function | result | empty | section | meaning |
| --- | --- | --- | --- | --- |
{lines}
"""


def _row(row: Function) -> str:
    empty = row.empty if " " in row.empty.strip("{ }") else f"`{row.empty}`"
    summary = row.summary.replace("|", "`\\|`")
    return f"| `{row.signature}` | {result(row)} | {empty} | {row.section} | {summary} |"


def _operators() -> str:
    return "\n".join(
        f"| {' '.join(f'`{symbol}`' for symbol in _cell(symbols))} | {empty} | {section} | {meaning} |"
        for symbols, empty, section, meaning in OPERATORS
    )


def _cell(symbols: str) -> list[str]:
    """Symbols as a Markdown table takes them."""
    spaced = symbols.replace("[ ]", "[]").replace("unary ", "").replace("|", "\\|")
    return spaced.split()


def _names() -> str:
    rows = [*VARIABLES.items(), *((f"%{name}", f"`{value}`") for name, value in focus.CONSTANTS.items())]
    rows += [(f"%`{prefix}name`", f"`{url}name`") for prefix, url in focus.PREFIXES.items()]
    return "\n".join(f"| {_quoted(name)} | {value} |" for name, value in rows)


def _quoted(name: str) -> str:
    return f"`` {name} ``" if "`" in name else f"`{name}`"


def _limits() -> str:
    return "\n".join(f"| {what} | {most:,} | {unit} | {error} |" for what, most, unit, error in LIMITS)


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - writes docs/fhirpath.md
