"""Is, As, Convert, CanConvert: types asked for at run time, decided when compiled where the static type tells.

A FHIR element is a plain JSON value, so its type is known from the JSON member of its choice, from its static type, or,
where neither is at hand, from its shape among the types of the choice.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cds.errors import EvaluationError
from cds.expr import temporal
from cds.expr.elm import code
from cds.expr.elm.calls import compile_call
from cds.expr.elm.code import Node, Piece, Run, Scope, located
from cds.expr.elm.operators import OPERATORS
from cds.expr.elm.paths import choice_keys
from cds.expr.elm.specifiers import (
    ANY,
    BOOLEAN,
    ChoiceOf,
    IntervalOf,
    ListOf,
    Named,
    TupleOf,
    Type,
    asked,
    fhir_name,
)
from cds.expr.elm.values import Code, CodeSystem, Concept, Interval, Ratio, Tuple, Uncertainty, ValueSet
from cds.expr.quantity import Quantity
from cds.expr.types import PRIMITIVES, Model

if TYPE_CHECKING:
    from cds.expr.elm.compiler import Compiler

Test = Callable[[Any], bool]

_CLASSES: dict[str, tuple[type, ...]] = {
    "Boolean": (bool,),
    "Integer": (int, Uncertainty),
    "Long": (int,),
    "Decimal": (Decimal, float),
    "String": (str,),
    "Date": (temporal.Date,),
    "DateTime": (temporal.DateTime,),
    "Time": (temporal.Time,),
    "Quantity": (Quantity,),
    "Ratio": (Ratio,),
    "Code": (Code,),
    "Concept": (Concept,),
    "ValueSet": (ValueSet,),
    "CodeSystem": (CodeSystem,),
    "Vocabulary": (CodeSystem, ValueSet),
}
_LIMIT = 2**31


def is_type(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Is: false for null."""
    target = asked(node, "is")
    member = _choice_member(compiler, node["operand"], scope, target)
    if member is not None:
        value, place = member.run, member.member
        presence = code.Test(*place, lambda value: value is not None, None) if place is not None else None
        return Piece(lambda ev, frame: value(ev, frame) is not None, BOOLEAN, test=presence)
    operand = compiler.piece(node["operand"], scope)
    if (found := _resource_in(operand, compiler.model, target)) is not None:
        return Piece(lambda ev, frame: found(ev, frame) is not None, BOOLEAN)
    inner, test = operand.run, type_test(compiler.model, target, operand.type)
    return compiler.folded(lambda ev, frame: test(inner(ev, frame)), [operand], BOOLEAN)


def as_type(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """As: the value when it is of the type, else null, or with `strict` an error."""
    target = asked(node, "as")
    strict = node.get("strict", False)
    member = None if strict else _choice_member(compiler, node["operand"], scope, target)
    if member is not None:
        return member
    operand = compiler.piece(node["operand"], scope)
    if operand.type is not None and assured(compiler.model, operand.type, target):
        kind = operand.type if isinstance(target, ChoiceOf) or target == ANY else target  # the narrower one is kept
        return Piece(operand.run, kind, operand.constant, operand.value, operand.slot)
    if not strict and (found := _resource_in(operand, compiler.model, target)) is not None:
        return Piece(found, target)
    inner, test, place = operand.run, type_test(compiler.model, target, operand.type), compiler.place

    def run(ev: Any, frame: list[Any]) -> Any:
        value = inner(ev, frame)
        if value is None or test(value):
            return value
        if strict:
            raise located(EvaluationError(f"the value is no {target}"), place)
        return None

    return compiler.folded(run, [operand], target)


#: Types of resources that others are subtypes of.
_ABSTRACT = frozenset({"Resource", "DomainResource"})


def _resource_in(operand: Piece, model: Model, target: Type) -> Run | None:
    """For what stands in a slot, asked for as a resource of one type: that, or null."""
    slot, name = operand.slot, fhir_name(target)
    if slot is None or name not in model.resources or name in _ABSTRACT:
        return None

    def run(_ev: Any, frame: list[Any]) -> Any:
        value = frame[slot]
        return value if value.__class__ is dict and value.get("resourceType") == name else None

    return run


def _choice_member(compiler: Compiler, node: Node, scope: Scope, target: Type) -> Piece | None:
    """For a choice element asked for by one of its types: its JSON member, `onsetDateTime` for `onset as dateTime`."""
    name = fhir_name(target)
    if name is None or node.get("type") not in ("Property", "IdentifierRef"):
        return None
    path = node.get("path") or node.get("name", "")
    parent, _, last = path.rpartition(".")
    operand = compiler.piece(node, scope)
    if not isinstance(operand.type, ChoiceOf):
        return None
    model = compiler.model
    kinds = frozenset(found for choice in operand.type.choices if (found := fhir_name(choice)) is not None)
    keys = [key for key, kind in choice_keys(kinds, last).items() if model.is_subtype(kind, name)]
    if not keys or last not in model.choices or "[" in last:
        return None
    parts = [
        compiler.piece({**node, "path": f"{parent}.{key}" if parent else key, "name": key, **_untyped(target)}, scope)
        for key in keys
    ]
    if len(parts) == 1:
        return Piece(parts[0].run, target, member=parts[0].member)
    runs = [part.run for part in parts]

    def run(ev: Any, frame: list[Any]) -> Any:
        for part in runs:
            value = part(ev, frame)
            if value is not None:
                return value
        return None

    return Piece(run, target)


def _untyped(target: Type) -> Node:
    return {"resultTypeSpecifier": None, "resultTypeName": str(target)}


def assured(model: Model, kind: Type, target: Type) -> bool:
    """True when every value of static type `kind` is a `target`."""
    if kind == target or target == ANY:
        return True
    if isinstance(target, ChoiceOf):
        return any(assured(model, kind, choice) for choice in target.choices)
    if isinstance(kind, ChoiceOf):
        return all(assured(model, choice, target) for choice in kind.choices)
    if isinstance(kind, ListOf) and isinstance(target, ListOf):
        return assured(model, kind.element, target.element)
    if isinstance(kind, IntervalOf) and isinstance(target, IntervalOf):
        return assured(model, kind.point, target.point)
    name, wanted = fhir_name(kind), fhir_name(target)
    return name is not None and wanted is not None and model.is_subtype(name, wanted)


def type_test(model: Model, target: Type, static: Type | None) -> Test:
    """Whether a value (of static type `static`) is of the type; false for null."""
    match target:
        case ChoiceOf():
            tests = [type_test(model, choice, static) for choice in target.choices]
            return lambda value: any(test(value) for test in tests)
        case ListOf():
            inner = type_test(model, target.element, static.element if isinstance(static, ListOf) else None)
            return lambda value: isinstance(value, list) and all(item is None or inner(item) for item in value)
        case IntervalOf():
            return _interval_test(type_test(model, target.point, None))
        case TupleOf():
            names = {name for name, _ in target.elements}
            return lambda value: type(value) is Tuple and names >= value.elements.keys()
    name = fhir_name(target)
    if name is not None:
        return _fhir_test(model, name, static)
    if target == ANY:
        return lambda value: value is not None
    return _system_test(target.name.rpartition(".")[2], static)


def _interval_test(inner: Test) -> Test:
    def test(value: Any) -> bool:
        if type(value) is not Interval:
            return False
        return all(end is None or inner(end) for end in (value.low, value.high))

    return test


def _system_test(name: str, static: Type | None) -> Test:
    if isinstance(static, Named) and static != ANY and static.name.startswith("FHIR."):
        return lambda _value: False
    classes = _CLASSES.get(name, ())
    if name in ("Integer", "Long") and isinstance(static, Named) and static != ANY:
        same = static.name.endswith(name)
        return lambda value: same and type(value) in classes
    if name == "Integer":
        return lambda value: type(value) in classes and (type(value) is Uncertainty or -_LIMIT <= value < _LIMIT)
    return lambda value: type(value) in classes


def _fhir_test(model: Model, name: str, static: Type | None) -> Test:
    """By resourceType for resources; for elements by static type, or by shape among the types of a choice."""
    if name in model.resources:
        kinds = frozenset(kind for kind in model.resources if model.is_subtype(kind, name))

        def is_resource(value: Any) -> bool:
            kind = value.get("resourceType") if type(value) is dict else None
            return type(kind) is str and kind in kinds

        return is_resource
    found = fhir_name(static)
    if found is not None:
        same = model.is_subtype(found, name)
        return lambda value: same and value is not None
    among = static.choices if isinstance(static, ChoiceOf) else ()
    others = [kind for choice in among if (kind := fhir_name(choice)) is not None and kind != name]
    return shape_test(model, name, others)


_JSON: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "positiveInt": (int,),
    "unsignedInt": (int,),
    "decimal": (float, Decimal, int),
}
_READERS: dict[str, Callable[[str], Any]] = {
    "date": temporal.parse_date,
    "dateTime": temporal.parse_datetime,
    "instant": temporal.parse_datetime,
    "time": temporal.parse_time,
}


def shape_test(model: Model, name: str, others: list[str]) -> Test:
    """Whether a JSON value looks like FHIR type `name` rather than like one of the `others` of its choice."""
    if name not in PRIMITIVES and name in model:
        elements = model.elements(name)
        known = {key for element, kinds in elements.items() for key in (element, *choice_keys(kinds, element))}
        return lambda value: type(value) is dict and "resourceType" not in value and known >= _names(value)
    if name in _JSON:
        classes = _JSON[name]
        return lambda value: type(value) in classes
    reader = _READERS.get(name)
    if reader is not None:
        return lambda value: type(value) is str and reader(value) is not None
    rivals = [_READERS[other] for other in others if other in _READERS]
    return lambda value: type(value) is str and all(read(value) is None for read in rivals)


def _names(value: dict[str, Any]) -> set[str]:
    return {key.lstrip("_") for key in value}


def convert(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Convert: the To operator of the type."""
    target = asked(node, "to")
    name = f"To{str(target).rpartition('.')[2]}"
    if name not in OPERATORS:
        raise compiler.semantic(f"nothing converts to {target}")
    return compile_call(compiler, {**node, "type": name}, scope, OPERATORS[name])


def can_convert(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """CanConvert: whether Convert gives a value; null for null."""
    operand = compiler.piece(node["operand"], scope)
    converted = convert(compiler, node, scope)
    inner, conversion = operand.run, converted.run

    def run(ev: Any, frame: list[Any]) -> bool | None:
        if inner(ev, frame) is None:
            return None
        try:
            return conversion(ev, frame) is not None
        except EvaluationError:
            return False

    return Piece(run, BOOLEAN)


HANDLERS = {"Is": is_type, "As": as_type, "Convert": convert, "CanConvert": can_convert}
