"""Property: elements of FHIR dicts and of System values, by static type where it is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from cds.expr.elm import fhirhelpers
from cds.expr.elm.code import Node, Piece, Run, Scope
from cds.expr.elm.specifiers import (
    ANY,
    BOOLEAN,
    CODE,
    DECIMAL,
    QUANTITY,
    STRING,
    ChoiceOf,
    IntervalOf,
    ListOf,
    Named,
    TupleOf,
    Type,
    fhir_name,
    joined,
    of_node,
)
from cds.expr.elm.values import Code, CodeSystem, Concept, Interval, Partial, Ratio, Tuple, ValueSet
from cds.expr.quantity import Quantity
from cds.expr.types import PRIMITIVES, Model

if TYPE_CHECKING:
    from cds.expr.elm.compiler import Compiler

Get = Callable[[Any], Any]

#: Elements of System values: CQL name -> attribute and type.
Table = dict[str, tuple[str, Type]]
_CODE: Table = {"code": ("code", STRING), "system": ("system", STRING), "version": ("version", STRING)}
_REFERENCE: Table = {"id": ("id", STRING), "version": ("version", STRING), "name": ("name", STRING)}
_SYSTEM: dict[type, Table] = {
    Quantity: {"value": ("value", DECIMAL), "unit": ("unit", STRING)},
    Ratio: {"numerator": ("numerator", QUANTITY), "denominator": ("denominator", QUANTITY)},
    Code: {**_CODE, "display": ("display", STRING)},
    Concept: {"codes": ("codes", ListOf(CODE)), "display": ("display", STRING)},
    ValueSet: {**_REFERENCE, "codesystems": ("codesystems", ListOf(Named("System.CodeSystem")))},
    CodeSystem: _REFERENCE,
    Interval: {
        "low": ("low", ANY),
        "high": ("high", ANY),
        "lowClosed": ("low_closed", BOOLEAN),
        "highClosed": ("high_closed", BOOLEAN),
    },
}
_BY_NAME = {f"System.{kind.__name__}": table for kind, table in _SYSTEM.items()}


def compile_property(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Property (ELM 2.): a path from `source`, or from the alias `scope`; also IdentifierRef in sort expressions."""
    base = compiler.alias(node["scope"], scope) if "scope" in node else compiler.piece(node["source"], scope)
    steps = list(_steps(node["path"]))
    piece = base
    if steps in (["extension"], ["id"]):
        sibling = _beside_primitive(compiler, node, scope, base.type)
        piece = sibling if sibling is not None else base
    if piece is base:
        for part in steps:
            piece = _index(piece, part) if isinstance(part, int) else step(compiler, piece, part)
    written = of_node(node)
    return Piece(piece.run, written if written is not None else piece.type, member=piece.member)


def _steps(path: str) -> Iterator[str | int]:
    """The elements and indexes of a path such as `name[0].given`."""
    for part in path.split("."):
        name, *indexes = part.split("[")
        yield name
        for index in indexes:
            yield int(index.rstrip("]"))


def _beside_primitive(compiler: Compiler, node: Node, scope: Scope, kind: Type | None) -> Piece | None:
    """`id` or `extension` of a primitive, which stand beside it in `_name`; None when the source is no such element."""
    source, name = node.get("source"), node["path"]
    if not (isinstance(source, dict) and source.get("type") == "Property" and fhir_name(kind) in PRIMITIVES):
        return None
    parent, _, last = source["path"].rpartition(".")
    sibling = {**source, "path": f"{parent}._{last}" if parent else f"_{last}", "resultTypeName": "FHIR.Element"}
    holder = compiler.piece(sibling, scope).run

    def run(ev: Any, frame: list[Any]) -> Any:
        element = holder(ev, frame)
        return element.get(name) if type(element) is dict else None

    return Piece(run, None)


def step(compiler: Compiler, base: Piece, name: str) -> Piece:
    """One element further."""
    if name == "value":
        converted = _primitive_value(compiler.model, base)
        if converted is not None:
            return converted
    get, kind = getter(compiler.model, base.type, name)
    run = base.run
    slot = base.slot
    if slot is not None and isinstance(base.type, TupleOf):
        return Piece(_of_tuple(slot, name, get), kind)
    if _is_plain(compiler.model, base.type, name):
        if isinstance(kind, ListOf):
            return Piece(_items_of(run, name, get), kind)
        if slot is not None:
            return Piece(_of_slot(slot, name, get), kind, member=(slot, name))
        return Piece(_of_dict(run, name, get), kind)
    if slot is not None:
        return Piece(lambda _ev, frame: get(frame[slot]), kind)
    return Piece(lambda ev, frame: get(run(ev, frame)), kind)


def _is_plain(model: Model, kind: Type | None, name: str) -> bool:
    """True when element `name` of static type `kind` is the JSON member of that name, as it stands."""
    fhir = fhir_name(kind)
    return fhir is not None and fhir in model and model.key(fhir, name) is not None


def _of_slot(slot: int, name: str, otherwise: Get) -> Run:
    """A member of the dict in a slot."""

    def run(_ev: Any, frame: list[Any]) -> Any:
        value = frame[slot]
        return value.get(name) if value.__class__ is dict else otherwise(value)

    return run


def _of_dict(inner: Run, name: str, otherwise: Get) -> Run:
    """A member of a dict."""

    def run(ev: Any, frame: list[Any]) -> Any:
        value = inner(ev, frame)
        return value.get(name) if value.__class__ is dict else None if value is None else otherwise(value)

    return run


def _items_of(inner: Run, name: str, otherwise: Get) -> Run:
    """A member of a dict that repeats. One that came alone is a list of one: clients send both forms."""

    def run(ev: Any, frame: list[Any]) -> Any:
        value = inner(ev, frame)
        if value.__class__ is not dict:
            return None if value is None else otherwise(value)
        found = value.get(name)
        return found if found is None or found.__class__ is list else [found]

    return run


def _of_tuple(slot: int, name: str, otherwise: Get) -> Run:
    """An element of the tuple in a slot."""

    def run(_ev: Any, frame: list[Any]) -> Any:
        value = frame[slot]
        if type(value) is not Tuple:
            return otherwise(value)
        held = value.held
        return held[name] if name in held else value.computed(name)

    return run


def _primitive_value(model: Model, base: Piece) -> Piece | None:
    """`.value` of a FHIR primitive (enumerations of the FHIR model are primitives too) as a System value."""
    kind = fhir_name(base.type)
    if kind is None or (kind in model and kind not in PRIMITIVES):
        return None
    convert, result = fhirhelpers.primitive(kind)
    run = base.run
    return Piece(lambda ev, frame: convert(ev, run(ev, frame)), result)


def _index(base: Piece, index: int) -> Piece:
    run: Run = base.run

    def run_index(ev: Any, frame: list[Any]) -> Any:
        items = run(ev, frame)
        return items[index] if items is not None and index < len(items) else None

    return Piece(run_index, base.type.element if isinstance(base.type, ListOf) else None)


def getter(model: Model, kind: Type | None, name: str) -> tuple[Get, Type | None]:
    """A function that gets element `name` of a value of static type `kind`, and the element's type."""
    if isinstance(kind, TupleOf):
        return member_getter(model, name), dict(kind.elements).get(name)
    if isinstance(kind, IntervalOf):
        return member_getter(model, name), kind.point if name in ("low", "high") else BOOLEAN
    if isinstance(kind, Named) and kind.name in _BY_NAME:
        found = _BY_NAME[kind.name].get(name)
        return member_getter(model, name), found[1] if found else None
    if isinstance(kind, ListOf):
        inner, inner_kind = getter(model, kind.element, name)
        element = inner_kind.element if isinstance(inner_kind, ListOf) else inner_kind
        return flattening(inner), ListOf(element) if element is not None else None
    if isinstance(kind, ChoiceOf):
        parts = [getter(model, part, name)[1] for part in kind.choices]
        known = [part for part in parts if part is not None]
        get = member_getter(model, name)
        if known and all(isinstance(part, ListOf) for part in known):
            get = _listing(get)
        return get, joined(known) if known else None
    fhir = fhir_name(kind)
    if fhir is not None and fhir in model:
        return fhir_getter(model, fhir, name)
    return member_getter(model, name), None


def fhir_getter(model: Model, kind: str, name: str) -> tuple[Get, Type | None]:
    """As getter(), for a FHIR type."""
    types = model.elements(kind).get(name)
    if types is None:
        return member_getter(model, name), None
    own = model.key(kind, name)
    if own is None:
        keys = choice_keys(types, name)
        result = ChoiceOf(tuple(Named(f"FHIR.{found}") for found in keys.values()))
        return _choice_getter(tuple(keys), name), result
    element: Type = Named(f"FHIR.{own[0]}")
    get = _plain_getter(name, member_getter(model, name))
    return (_listing(get), ListOf(element)) if own[1] else (get, element)


def choice_keys(types: frozenset[str], name: str) -> dict[str, str]:
    """The JSON members of a choice element, each with its type."""
    return {name + kind[0].upper() + kind[1:]: kind for kind in sorted(types)}


def _plain_getter(name: str, otherwise: Get) -> Get:
    def get(value: Any) -> Any:
        return value.get(name) if value.__class__ is dict else otherwise(value)

    return get


def _listing(inner: Get) -> Get:
    """The getter of an element that repeats, as `_items_of`."""

    def get(value: Any) -> Any:
        found = inner(value)
        return found if found is None or isinstance(found, list) else [found]

    return get


def _choice_getter(keys: tuple[str, ...], name: str) -> Get:
    def get(value: Any) -> Any:
        if value.__class__ is not dict:
            return None
        for key in keys:
            found = value.get(key)
            if found is not None:
                return found
        return value.get(name)

    return get


def member_getter(model: Model, name: str) -> Get:
    """A function that gets element `name` of a value of any type."""
    keys = tuple(model.choices.get(name, ()))
    choice = _choice_getter(keys, name)

    def get(value: Any) -> Any:
        kind = value.__class__
        if kind is dict:
            found = value.get(name)
            return choice(value) if found is None and keys else found
        if kind is Tuple:
            return value.get(name)
        table = _SYSTEM.get(kind)
        if table is not None and name in table:
            found = attrgetter(table[name][0])(value)
            return list(found) if found.__class__ is tuple else found
        if kind is list or kind is Partial:
            return flattened(get, value)
        return value if name == "value" and kind is not dict else None

    return get


def flattening(inner: Get) -> Get:
    """The getter over each item of a list."""
    return lambda value: None if value is None else flattened(inner, value)


def flattened(get: Get, items: list[Any]) -> list[Any]:
    """What `get` finds in each item, in one list without nulls."""
    found: list[Any] = Partial() if type(items) is Partial else []
    for item in items:
        value = get(item)
        if isinstance(value, list):
            found += value
        elif value is not None:
            found.append(value)
    return found
