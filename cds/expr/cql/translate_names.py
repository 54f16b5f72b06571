"""What a name means: aliases, lets, operands, definitions, libraries, elements (CQL 1.5.3, Developer's Guide
"Identifier Resolution").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cds.expr.cql import ast
from cds.expr.cql.interface import Symbol
from cds.expr.cql.model import elements, fhir_model
from cds.expr.cql.nodes import Elm, item_type, make
from cds.expr.cql.translate_conversions import is_null, negation
from cds.expr.cql.translator import UNFILTERED, Handlers, Translator
from cds.expr.cql.types import (
    ANY,
    BOOLEAN,
    CODE,
    CODE_SYSTEM,
    CONCEPT,
    DECIMAL,
    INTEGER,
    VALUE_SET,
    ChoiceType,
    IntervalType,
    ListType,
    Named,
    TupleType,
    Type,
    choice_of,
)

THIS = "$this"

_REFERENCES = {
    "expression": "ExpressionRef",
    "parameter": "ParameterRef",
    "valueset": "ValueSetRef",
    "codesystem": "CodeSystemRef",
    "code": "CodeRef",
    "concept": "ConceptRef",
}
_TERMINOLOGY = {"valueset": VALUE_SET, "codesystem": CODE_SYSTEM, "code": CODE, "concept": CONCEPT}


#: Words of CQL that a slip makes a name of.
_WORDS = ("exists", "not", "distinct", "flatten", "singleton", "true", "false", "null")

# --- names that stand alone ---


def _member(t: Translator, node: ast.MemberInvocation) -> Elm:
    return name(t, node.name)


def name(t: Translator, written: str) -> Elm:
    """What an unqualified name means. A LibraryRef when it is an include."""
    found = find_name(t, written)
    if found is not None:
        return found
    raise t.unknown("the name", written, [*_known_names(t), *_WORDS], otherwise=_remedy(t, written))


def _remedy(t: Translator, written: str) -> str | None:
    """What to do about a name that is like no other."""
    if written in fhir_model().contexts:
        using = " and `using FHIR version '4.0.1'`" if len(t.models) == 1 else ""
        return f"write `context {written}`{using} above"
    is_quoted = t.library.text[t.place.at : t.place.at + 1] == '"'
    return f"a text stands in single quotes: '{written}'" if is_quoted else None


def find_name(t: Translator, written: str) -> Elm | None:
    """What an unqualified name means, or None."""
    return _local_name(t, written) or _definition(t, written) or _patient(t, written) or _of_context(t, written)


def _patient(t: Translator, written: str) -> Elm | None:
    """`Patient` in an expression outside of any library, to which no `context Patient` gives a define: `%patient`."""
    kind = t.operands.get("%patient") if written == "Patient" else None
    return None if kind is None else make("OperandRef", kind, name="%patient")


def _local_name(t: Translator, written: str) -> Elm | None:
    """A name of the query or function around."""
    if t.queries:
        scope = t.queries[-1]
        if scope.sorted is not None and (found := _of_result(scope.sorted, written)):
            return found
        if scope.implicit and (this := t.alias(THIS)) and element_type(this, written):
            return member(t, make("AliasRef", this, name=THIS), written)
    if (kind := t.alias(written)) is not None:
        return make("AliasRef", kind, name=written)
    if (kind := t.let(written)) is not None:
        return make("QueryLetRef", kind, name=written)
    if (kind := t.operands.get(written)) is not None:
        return make("OperandRef", kind, name=written)
    return None


def _of_result(kind: Type, written: str) -> Elm | None:
    """In a sort clause: an element of a result item."""
    if written == THIS:
        return make("IdentifierRef", kind, name=THIS)
    found = element_type(kind, written)
    return make("IdentifierRef", found, name=written) if found else None


def _definition(t: Translator, written: str) -> Elm | None:
    symbol = t.symbol(written)
    if symbol is not None:
        return reference(t, symbol, None)
    if written in t.includes or written == "System":
        return make("LibraryRef", ANY, libraryName=written)
    return None


def _of_context(t: Translator, written: str) -> Elm | None:
    """An element of the context's parameter: with a parameter `Patient`, `birthDate` is the patient's."""
    if t.context == UNFILTERED:
        return None
    symbol = t.symbol(t.context) if t.context in t.symbol_names() else None
    if symbol is None or symbol.kind != "parameter" or not element_type(symbol.type, written):
        return None
    return member(t, reference(t, symbol, None), written)


def reference(t: Translator, symbol: Symbol, alias: str | None) -> Elm:
    """A reference to a definition of this library or, with `alias`, of an included one."""
    kind = symbol.type
    if symbol.kind == "expression" and t.context == UNFILTERED and symbol.context not in (UNFILTERED, ""):
        kind = kind if isinstance(kind, ListType) else ListType(kind)  # one result for each patient
    preserve = True if symbol.kind == "valueset" else None
    return make(_REFERENCES[symbol.kind], kind, name=symbol.name, libraryName=alias, preserve=preserve)


def _known_names(t: Translator) -> Iterator[str]:
    for scope in t.queries:
        yield from scope.aliases
        yield from scope.lets
        if scope.sorted is not None:
            yield from element_names(scope.sorted)
    yield from t.operands
    yield from t.symbol_names()
    yield from t.includes


def _this(t: Translator, node: ast.ThisInvocation) -> Elm:
    return name(t, THIS)


def _index(t: Translator, node: ast.IndexInvocation) -> Elm:
    return make("Iteration", INTEGER)


def _total(t: Translator, node: ast.TotalInvocation) -> Elm:
    return make("Total", DECIMAL)


def _external(t: Translator, node: ast.ExternalConstant) -> Elm:
    return name(t, f"%{node.name}")


# --- names behind a dot ---


def _qualified(t: Translator, node: ast.QualifiedMemberInvocation) -> Elm:
    source = t.term(node.source)
    if source["type"] == "LibraryRef":
        return _library_member(t, source["libraryName"], node.name)
    return member(t, source, node.name)


def _library_member(t: Translator, alias: str, written: str) -> Elm:
    included = t.included(alias)
    symbol = included.symbols.get(written)
    if symbol is None:
        raise t.unknown(f"in the library {alias}, the name", written, included.symbols)
    if symbol.private:
        raise t.error(f"'{written}' of the library {alias} is private")
    return reference(t, symbol, alias)


def member(t: Translator, source: Elm, written: str) -> Elm:
    """An element of a value; of a list, the elements of its items that have it."""
    kind = element_type(source.result, written)
    if kind is None and isinstance(source.result, ListType):
        return _of_items(t, source, written)
    if kind is None:
        raise t.no_element(source.result, written, element_names(source.result))
    return property_of(source, written, kind)


def property_of(source: Elm, path: str, kind: Type) -> Elm:
    """A property node."""
    if source["type"] == "AliasRef":
        return make("Property", kind, path=path, scope=source["name"])
    return make("Property", kind, path=path, source=source)


def _of_items(t: Translator, source: Elm, written: str) -> Elm:
    """`list.name` is `list $this where $this.name is not null return all $this.name`, flattened."""
    item = item_type(source.result)
    kind = element_type(item, written)
    if kind is None:
        raise t.no_element(item, written, element_names(item))
    found = make("Property", kind, path=written, scope=THIS)
    query = make(
        "Query",
        ListType(kind),
        source=[{"alias": THIS, "expression": source}],
        relationship=[],
        where=negation(is_null(found)),
        **{"return": {"distinct": False, "expression": found}},
    )
    return t.call("Flatten", query) if isinstance(kind, ListType) else query


def element_type(kind: Type, written: str) -> Type | None:
    """The type of an element, of every option of a choice that has it; None when there is no such element."""
    if isinstance(kind, ChoiceType):
        found = [own for option in kind.options if (own := element_type(option, written)) is not None]
        return choice_of(found) if found else None
    return _elements(kind).get(written)


def element_names(kind: Type) -> list[str]:
    """The names of every element a type has."""
    if isinstance(kind, ChoiceType):
        return [own for option in kind.options for own in element_names(option)]
    return list(_elements(kind))


def _elements(kind: Type) -> Mapping[str, Type]:
    if isinstance(kind, Named):
        return elements(kind)
    if isinstance(kind, TupleType):
        return dict(kind.elements)
    if isinstance(kind, IntervalType):
        return {"low": kind.point, "high": kind.point, "lowClosed": BOOLEAN, "highClosed": BOOLEAN}
    return {}


HANDLERS: Handlers = {
    ast.MemberInvocation: _member,
    ast.QualifiedMemberInvocation: _qualified,
    ast.ThisInvocation: _this,
    ast.IndexInvocation: _index,
    ast.TotalInvocation: _total,
    ast.ExternalConstant: _external,
}
