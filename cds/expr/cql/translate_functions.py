"""Calls: functions of the library, of included libraries and of System (CQL 1.5.3, Appendix B)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cds.expr.cql import ast
from cds.expr.cql.interface import Function
from cds.expr.cql.nodes import Elm, make, signature
from cds.expr.cql.overloads import Resolution
from cds.expr.cql.signatures import system_overloads
from cds.expr.cql.translate_methods import FHIR_METHODS, METHODS
from cds.expr.cql.translate_names import THIS, find_name, reference
from cds.expr.cql.translate_system import SPECIAL, system_call
from cds.expr.cql.translator import UNFILTERED, Handlers, NotTranslatedError, Translator, converted

#: Keywords that the grammar also lets stand as a function's name.
_KEYWORDS = {"contains": "Contains", "distinct": "Distinct", "exists": "Exists", "in": "In", "not": "Not"}


def _function(t: Translator, node: ast.FunctionInvocation) -> Elm:
    """`name(arguments)`; within `$this` or a context's parameter it may be a method of that."""
    for target in _implicit_targets(t):
        method = METHODS.get(node.name) or FHIR_METHODS.get(node.name)
        if method and not t.own_functions(node.name):
            return method(t, target, node.arguments)
    return call(t, node.name, t.all(node.arguments))


def _implicit_targets(t: Translator) -> Iterable[Elm]:
    if t.alias(THIS) is not None and (this := find_name(t, THIS)):
        yield this
    if t.context != UNFILTERED and t.context in t.symbol_names():
        symbol = t.symbol(t.context)
        if symbol is not None and symbol.kind == "parameter":
            yield reference(t, symbol, None)


def _qualified(t: Translator, node: ast.QualifiedFunctionInvocation) -> Elm:
    target = t.term(node.source)
    if target["type"] == "LibraryRef":
        return _library_call(t, target["libraryName"], node.name, t.all(node.arguments))
    if method := METHODS.get(node.name):
        return method(t, target, node.arguments)
    made = _fluent(t, node.name, [target, *t.all(node.arguments)])
    if made is None and node.name in FHIR_METHODS:
        return FHIR_METHODS[node.name](t, target, node.arguments)
    if made is None and t.own_functions(node.name):
        raise t.error(f"{node.name} is not a fluent function", f"write {node.name}(value, ...), or define it fluent")
    if made is None:
        raise t.unknown(f"for {target.result}, the fluent function", node.name, {*t.function_names(), *METHODS})
    return made


def call(t: Translator, written: str, arguments: list[Elm]) -> Elm:
    """A call by an unqualified name: of this library first, then of System."""
    written = _KEYWORDS.get(written, written)
    own = t.own_functions(written)
    if found := _meant(t, own, arguments):
        if found[0].fluent:
            raise t.error(f"{written} is a fluent function", f"write value.{written}(...)")
        return _reference(t, *found, arguments)
    made = system_call(t, written, arguments)
    if made is not None:
        return made
    kinds = [argument.result for argument in arguments]
    if own:
        raise t.no_overload(written, kinds, [function.overload for function in own])
    if written in system_overloads():
        raise t.no_overload(written, kinds, system_overloads()[written])
    raise t.unknown("the function", written, {*t.function_names(), *system_overloads(), *SPECIAL})


def _library_call(t: Translator, alias: str, written: str, arguments: list[Elm]) -> Elm:
    if alias == "System":
        made = system_call(t, written, arguments)
        if made is None:
            raise t.no_overload(written, [own.result for own in arguments], system_overloads().get(written, ()))
        return made
    included = t.included(alias)
    functions = included.functions.get(written, ())
    overloads = [function for function in functions if not function.private]
    if functions and not overloads:
        raise t.error(f"the function '{written}' of the library {alias} is private")
    if not overloads:
        raise t.unknown(f"in the library {alias}, the function", written, included.functions)
    found = _meant(t, overloads, arguments)
    if found is None:
        kinds = [argument.result for argument in arguments]
        raise t.no_overload(written, kinds, [function.overload for function in overloads])
    return _reference(t, *found, arguments)


def _fluent(t: Translator, written: str, arguments: list[Elm]) -> Elm | None:
    """A fluent call: of this library, then of the included ones in order; None when nothing of that name fits. Where an
    included library could not be read, the function may be one of its own."""
    candidates: list[tuple[Function, ...]] = [t.own_functions(written)]
    candidates += [included.functions.get(written, ()) for included in t.includes.values() if included]
    tried: list[Function] = []
    for functions in candidates:
        fluent = [function for function in functions if function.fluent]
        tried += fluent
        if found := _meant(t, fluent, arguments):
            return _reference(t, *found, arguments)
    if None in t.includes.values():
        raise NotTranslatedError
    if tried:
        kinds = [argument.result for argument in arguments]
        raise t.no_overload(written, kinds, [function.overload for function in tried])
    return None


def _meant(t: Translator, functions: Sequence[Function], arguments: list[Elm]) -> tuple[Function, Resolution] | None:
    """The one of some functions that fits. One that takes just these types is compared with no other."""
    kinds = tuple(argument.result for argument in arguments)
    for function in functions:
        if function.overload.operands == kinds:
            return function, Resolution(function.overload, (None,) * len(kinds), 0)
    found = t.resolved_among((function.overload for function in functions), arguments)
    if found is None:
        return None
    return next(function for function in functions if function.overload is found.overload), found


def _reference(t: Translator, function: Function, found: Resolution, arguments: list[Elm]) -> Elm:
    own = function.library is None
    return make(
        "FunctionRef",
        t.own_result(function) if own else function.overload.result,
        libraryName=function.library,
        name=function.overload.name,
        operand=converted(found, arguments),
        signature=signature(function.overload.operands),
    )


HANDLERS: Handlers = {
    ast.FunctionInvocation: _function,
    ast.QualifiedFunctionInvocation: _qualified,
}
