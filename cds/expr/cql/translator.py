"""The state of one translation: where names are looked up, where problems are kept, and how a node becomes ELM.

What each kind of node means is in the translate_*.py modules, joined by translate.py into one table of handlers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cds.errors import Location, Problem, did_you_mean
from cds.expr.cql import ast
from cds.expr.cql.conversions import find_conversion
from cds.expr.cql.interface import Function, Interface, Symbol
from cds.expr.cql.model import SYSTEM_MODEL, Model
from cds.expr.cql.nodes import Elm, item_type, make, signature
from cds.expr.cql.overloads import AmbiguousError, Resolution, resolve, resolve_system
from cds.expr.cql.signatures import Overload, system_overloads
from cds.expr.cql.translate_conversions import convert
from cds.expr.cql.types import ANY, BOOLEAN, Type, is_subtype

UNFILTERED = "Unfiltered"

#: Operators whose operands ELM names; all others have `operand`.
NAMED_OPERANDS = {
    "Combine": ("source", "separator"),
    "Split": ("stringToSplit", "separator"),
    "SplitOnMatches": ("stringToSplit", "separatorPattern"),
    "PositionOf": ("pattern", "string"),
    "LastPositionOf": ("pattern", "string"),
    "Substring": ("stringToSub", "startIndex", "length"),
    "Round": ("operand", "precision"),
    "First": ("source",),
    "Last": ("source",),
    "IndexOf": ("source", "element"),
    "DateTime": ("year", "month", "day", "hour", "minute", "second", "millisecond", "timezoneOffset"),
    "Date": ("year", "month", "day"),
    "Time": ("hour", "minute", "second", "millisecond"),
    "Message": ("source", "condition", "code", "severity", "message"),
    **dict.fromkeys(
        "AllTrue AnyTrue Avg Count GeometricMean Max Median Min Mode PopulationStdDev PopulationVariance Product StdDev"
        " Sum Variance".split(),
        ("source",),
    ),
}
#: Operators that take a list of operands even when there is only one.
_NARY = frozenset({"Coalesce", "Concatenate", "Except", "Intersect", "Union"})


#: The problems of one library that come with the nearest name.
_MOST_HINTS = 100


class NotTranslatedError(Exception):
    """A problem was recorded: what depends on the node cannot be translated either."""


@dataclass(slots=True)
class QueryScope:
    """The names of a query. Types of aliases are those of the sources. `sorted` is the type of a result item while the
    sort clause is translated; `implicit` says that names may be elements of `$this`."""

    aliases: dict[str, Type] = field(default_factory=dict)
    lets: dict[str, Type] = field(default_factory=dict)
    implicit: bool = False
    sorted: Type | None = None


Handler = Callable[["Translator", Any], Elm]
Handlers = dict[type[ast.Node], Handler]


class Translator:
    """Translates the expressions of one library; LibraryTranslator adds its definitions."""

    def __init__(self, library: ast.Library, handlers: Handlers) -> None:
        self.library = library
        self.handlers = handlers
        self.problems: list[Problem] = []
        self.models: dict[str, Model] = {"System": SYSTEM_MODEL}
        self.includes: dict[str, Interface | None] = {}
        self.context = UNFILTERED
        self.queries: list[QueryScope] = []
        self.operands: dict[str, Type] = {}
        self.place: ast.Node = library
        starts = [0]
        for line in library.text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        self._starts = starts

    # --- what a library adds ---

    def symbol(self, name: str) -> Symbol | None:  # noqa: ARG002
        """The definition of this library that a name means; translates it first when need be."""
        return None

    def symbol_names(self) -> Iterable[str]:
        """Every name that `symbol` knows."""
        return ()

    def own_functions(self, name: str) -> tuple[Function, ...]:  # noqa: ARG002
        """The overloads of a function of this library."""
        return ()

    def function_names(self) -> Iterable[str]:
        """Every name that `own_functions` knows."""
        return ()

    def own_result(self, function: Function) -> Type:
        """What a function of this library gives; translates its body first when need be."""
        return function.overload.result

    def included(self, alias: str) -> Interface:
        """An included library; what needs one that could not be read is left out silently."""
        found = self.includes.get(alias)
        if found is None:
            raise NotTranslatedError
        return found

    # --- problems ---

    def location(self, at: int) -> tuple[int, int]:
        """Line and column, 1-based, of an offset."""
        line = bisect_right(self._starts, at)
        return line, at - self._starts[line - 1] + 1

    def locator(self, node: ast.Node) -> str:
        """A node's place as ELM writes it: first and last character."""
        line, column = self.location(node.at)
        end_line, end_column = self.location(max(node.end - 1, node.at))
        return f"{line}:{column}-{end_line}:{end_column}"

    def error(self, message: str, hint: str | None = None, at: ast.Node | None = None) -> NotTranslatedError:
        """Record a problem at `at`, or at the node being translated; what is returned gives that node up."""
        line, column = self.location((at or self.place).at)
        ends = self._starts[line] if line < len(self._starts) else len(self.library.text)
        source = self.library.text[self._starts[line - 1] : ends].rstrip("\r\n")
        place = Location(file="", line=line, column=column)
        self.problems.append(Problem("expression-semantic", message, place, hint, source=source))
        return NotTranslatedError()

    def unknown(
        self, what: str, name: str, known: Iterable[str], at: ast.Node | None = None, *, otherwise: str | None = None
    ) -> NotTranslatedError:
        """Record that nothing of a name exists, with the nearest known name; behind many problems without it, for all
        names are looked at to find it. `otherwise` is the hint where no name is near."""
        hint = did_you_mean(name, known) if len(self.problems) < _MOST_HINTS else None
        return self.error(f"{what} '{name}' does not exist", hint or otherwise, at)

    def no_element(
        self, owner: Type, name: str, known: Iterable[str], at: ast.Node | None = None
    ) -> NotTranslatedError:
        """Record that a type has no element of a name, at the name where that stands behind a dot."""
        place = self.place
        if at is None and isinstance(place, ast.QualifiedMemberInvocation):
            dot = self.library.text.index(".", place.source.end)  # a parenthesis may stand before it
            behind = self.library.text[dot + 1 : place.end]
            at = ast.Node(place.end - len(behind.lstrip()), place.end)
        names = sorted(known) if len(self.problems) < _MOST_HINTS else []
        hint = did_you_mean(name, names) or (f"its elements are {', '.join(names[:20])}" if names else None)
        if owner == ANY and len(self.models) == 1:
            hint = "write `using FHIR version '4.0.1'` at the top: without it nothing is of FHIR"
        return self.error(f"{owner} has no element '{name}'", hint, at)

    # --- nodes ---

    def term(self, node: ast.Node) -> Elm:
        """A node as ELM; the result can be a LibraryRef."""
        outer = self.place
        self.place = node
        try:
            made = self.handlers[type(node)](self, node)
        finally:
            self.place = outer
        if "locator" not in made:
            made["locator"] = self.locator(node)
        return made

    def expression(self, node: ast.Node) -> Elm:
        """A node as ELM. Raises NotTranslatedError once its problems are recorded."""
        made = self.term(node)
        if made["type"] == "LibraryRef":
            raise self.error(f"'{made['libraryName']}' is a library, not a value", "name one of its definitions", node)
        return made

    def all(self, nodes: Iterable[ast.Node]) -> list[Elm]:
        """Several nodes as ELM; the problems of all of them are recorded before any of them fails the whole."""
        made: list[Elm] = []
        failed = False
        for node in nodes:
            try:
                made.append(self.expression(node))
            except NotTranslatedError:
                failed = True
        if failed:
            raise NotTranslatedError
        return made

    def condition(self, node: ast.Expression) -> Elm:
        """A node as ELM that must be a truth."""
        return self.fitted(self.expression(node), BOOLEAN, node)

    # --- types ---

    def fitted(self, value: Elm, target: Type, at: ast.Node | None = None, *, promote: bool = False) -> Elm:
        """`value` as it has to be where `target` is expected, converted when need be; with `promote` also from an item
        to a list of it."""
        if is_subtype(value.result, target):
            return value
        plan = find_conversion(value.result, target, promote=promote)
        if plan is None:
            raise self.error(f"expected {target}, but this is {value.result}", at=at)
        return convert(value, plan)

    # --- operators ---

    def call(self, name: str, *operands: Elm, promote: bool = False, **members: Any) -> Elm:
        """A System operator on operands, its overload resolved and the operands converted."""
        found = self.resolved(name, operands, promote=promote)
        if found is None:
            raise self.no_overload(name, [operand.result for operand in operands], system_overloads().get(name, ()))
        return self.applied(found, operands, **members)

    def resolved(self, name: str, operands: Iterable[Elm], *, promote: bool = False) -> Resolution | None:
        """The overload of a System operator that fits, or None."""
        kinds = tuple(operand.result for operand in operands)
        try:
            return resolve_system(name, kinds, promote=promote)
        except AmbiguousError as error:
            raise self.ambiguous(error) from None

    def resolved_among(self, overloads: Iterable[Overload], operands: Iterable[Elm]) -> Resolution | None:
        """The one of some overloads that fits, or None."""
        try:
            return resolve(overloads, tuple(operand.result for operand in operands))
        except AmbiguousError as error:
            raise self.ambiguous(error) from None

    def applied(self, found: Resolution, operands: Iterable[Elm], **members: Any) -> Elm:
        """The operator node of a resolved call."""
        overload = found.overload
        values = converted(found, operands)
        taken = signature(overload.operands)
        if names := NAMED_OPERANDS.get(overload.name):
            named = dict(zip(names, values, strict=False))
            return make(overload.name, overload.result, **named, signature=taken, **members)
        if not values:
            return make(overload.name, overload.result, **members)
        operand = values if len(values) > 1 or overload.name in _NARY else values[0]
        return make(overload.name, overload.result, operand=operand, signature=taken, **members)

    def no_overload(self, name: str, kinds: Iterable[Type], overloads: Iterable[Overload]) -> NotTranslatedError:
        """Record that no overload of an operator or function takes operands of these types."""
        given = ", ".join(map(str, kinds))
        forms = [str(overload).removeprefix(name) for overload in overloads]
        expected = f"{name} takes {' or '.join(forms[:6])}{' or others' if len(forms) > 6 else ''}" if forms else None
        return self.error(f"{name} cannot be called with ({given})", expected)

    def ambiguous(self, error: AmbiguousError) -> NotTranslatedError:
        """Record that a call fits several overloads equally well."""
        return self.error(
            f"the call fits {' and '.join(map(str, error.overloads[:4]))} equally well",
            "say which type is meant with 'as'",
        )

    # --- scopes ---

    @contextmanager
    def query(self, scope: QueryScope) -> Iterator[QueryScope]:
        """Translate within the names of a query."""
        self.queries.append(scope)
        try:
            yield scope
        finally:
            self.queries.pop()

    def alias(self, name: str) -> Type | None:
        """The type of one item of a query source, innermost query first."""
        for scope in reversed(self.queries):
            if name in scope.aliases:
                return item_type(scope.aliases[name])
        return None

    def let(self, name: str) -> Type | None:
        """The type of a let, innermost query first."""
        for scope in reversed(self.queries):
            if name in scope.lets:
                return scope.lets[name]
        return None


def converted(found: Resolution, operands: Iterable[Elm]) -> list[Elm]:
    """The operands as the overload takes them."""
    return [
        convert(operand, plan) if plan else operand for operand, plan in zip(operands, found.conversions, strict=True)
    ]
