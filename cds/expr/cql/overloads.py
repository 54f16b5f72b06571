"""Which overload a call means (CQL 1.5.3, Developer's Guide "Function Resolution").

Every overload that the arguments fit, with implicit conversions, gets a score; the lowest wins, and among equals the
one with the simpler types.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod

from cds.expr.cql.conversions import Conversion, conversions_from, find_conversion
from cds.expr.cql.signatures import Overload, system_overloads
from cds.expr.cql.types import (
    ANY,
    CONCEPT,
    DATETIME,
    DECIMAL,
    QUANTITY,
    STRING,
    ChoiceType,
    IntervalType,
    ListType,
    Named,
    Parameter,
    TupleType,
    Type,
    is_compatible,
    is_subtype,
    precedence,
    tuple_of,
)

_SUBTYPE, _COMPATIBLE = 1, 2
_MAX_INSTANCES = 4096
#: What values of different types often convert to.
_COMMON = (STRING, DECIMAL, DATETIME, QUANTITY, CONCEPT)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The overload that a call means and how each argument becomes its operand (None: as it is)."""

    overload: Overload
    conversions: tuple[Conversion | None, ...]
    score: int

    @property
    def precedence(self) -> int:
        """The rank of the operand types, the simpler the lower."""
        return sum(precedence(kind) for kind in self.overload.operands)


class AmbiguousError(Exception):
    """More than one overload fits equally well."""

    def __init__(self, overloads: Iterable[Overload]) -> None:
        self.overloads = tuple(overloads)
        super().__init__(", ".join(map(str, self.overloads)))


@lru_cache(maxsize=16384)
def resolve_system(
    name: str, arguments: tuple[Type, ...], *, promote: bool = False, common: bool = True
) -> Resolution | None:
    """The System operator that a call means, or None. Raises AmbiguousError."""
    return resolve(system_overloads().get(name, ()), arguments, promote=promote, common=common)


def resolve(
    overloads: Iterable[Overload], arguments: tuple[Type, ...], *, promote: bool = False, common: bool = True
) -> Resolution | None:
    """The overload that a call with arguments of these types means, or None when none fits. With `promote` an item may
    stand for a list of it and so on; with `common`, arguments that fit no other way may all become one System type.
    Raises AmbiguousError."""
    same = [overload for overload in overloads if len(overload.operands) == len(arguments)]
    best = _cheapest((own for overload in same for own in _instances(overload, arguments, promote)), arguments, promote)
    if not best and common:
        best = _cheapest((own for overload in same for own in _system_instances(overload)), arguments, promote)
    if len(best) > 1:
        simplest = min(found.precedence for found in best)
        best = [found for found in best if found.precedence == simplest]
    if len(best) > 1:
        raise AmbiguousError(found.overload for found in best)
    return best[0] if best else None


def _cheapest(candidates: Iterable[Overload], arguments: tuple[Type, ...], promote: bool) -> list[Resolution]:
    best: list[Resolution] = []
    seen: set[tuple[Type, ...]] = set()
    for candidate in candidates:
        if candidate.operands in seen:
            continue
        seen.add(candidate.operands)
        found = _fit(candidate, arguments, promote)
        if found is None or (best and found.score > best[0].score):
            continue
        if best and found.score < best[0].score:
            best.clear()
        best.append(found)
    return best


def _fit(overload: Overload, arguments: tuple[Type, ...], promote: bool) -> Resolution | None:
    conversions: list[Conversion | None] = []
    score = 0
    for argument, operand in zip(arguments, overload.operands, strict=True):
        conversion = None
        if argument == operand:
            pass
        elif is_subtype(argument, operand):
            score += _SUBTYPE
        else:
            conversion = find_conversion(argument, operand, promote=promote)
            if conversion is None:
                return None
            score += _COMPATIBLE if conversion.kind == "cast" else conversion.score
        conversions.append(conversion)
    return Resolution(overload, tuple(conversions), score)


def _instances(overload: Overload, arguments: tuple[Type, ...], promote: bool) -> Iterator[Overload]:
    """The overload with its type parameters bound by the arguments; an argument of a choice type binds as it is, and by
    each of its options in turn, as long as they are not too many together."""
    if not overload.is_generic:
        yield overload
        return
    choices = [(kind, *kind.options) if isinstance(kind, ChoiceType) else (kind,) for kind in arguments]
    for options in product(*choices) if prod(map(len, choices)) <= _MAX_INSTANCES else (arguments,):
        bound: dict[str, Type] = {}
        if all(_bind(operand, kind, bound, promote) for operand, kind in zip(overload.operands, options, strict=True)):
            operands = tuple(_filled(operand, bound) for operand in overload.operands)
            yield Overload(overload.name, operands, _filled(overload.result, bound))


def _system_instances(overload: Overload) -> Iterator[Overload]:
    """The overload for System types: arguments of different types, such as an instant and an interval of dates, may
    all convert to one of these."""
    if overload.is_generic:
        for kind in _COMMON:
            operands = tuple(_filled(operand, {"T": kind}) for operand in overload.operands)
            yield Overload(overload.name, operands, _filled(overload.result, {"T": kind}))


def _filled(kind: Type, bound: Mapping[str, Type]) -> Type:
    if isinstance(kind, Parameter):
        return bound.get(kind.name, kind)
    if isinstance(kind, ListType):
        return ListType(_filled(kind.element, bound))
    return IntervalType(_filled(kind.point, bound)) if isinstance(kind, IntervalType) else kind


def _bind(operand: Type, argument: Type, bound: dict[str, Type], promote: bool) -> bool:
    """Bind the parameters in `operand` so that `argument` can be handed on to it; False when it never can."""
    if isinstance(operand, Parameter):
        return _bind_parameter(operand, argument, bound)
    if isinstance(operand, ListType):
        return _bind_inner(operand.element, argument, bound, promote, ListType)
    if isinstance(operand, IntervalType):
        return _bind_inner(operand.point, argument, bound, promote, IntervalType)
    return is_subtype(argument, operand) or find_conversion(argument, operand, promote=promote) is not None


def _bind_inner(
    inner: Type, argument: Type, bound: dict[str, Type], promote: bool, container: type[ListType | IntervalType]
) -> bool:
    if argument == ANY:
        return _bind(inner, ANY, bound, promote)
    if isinstance(argument, container):
        return _bind(inner, _content(argument), bound, promote)
    for plan in conversions_from(argument):
        if isinstance(plan.target, container):
            return _bind(inner, _content(plan.target), bound, promote)
    if promote and not isinstance(argument, ListType | IntervalType):
        if container is IntervalType and not _is_point(argument):
            return False
        return _bind(inner, argument, bound, promote)
    return False


def _content(kind: ListType | IntervalType) -> Type:
    return kind.element if isinstance(kind, ListType) else kind.point


def _is_point(kind: Type) -> bool:
    """True for a type that an interval can have: it is ordered and has successors."""
    return isinstance(kind, Named) and resolve_system("Successor", (kind,)) is not None


def _bind_parameter(parameter: Parameter, argument: Type, bound: dict[str, Type]) -> bool:
    known = bound.get(parameter.name)
    if known is not None:
        if is_subtype(argument, known) or is_compatible(argument, known):
            return True
        if not (is_subtype(known, argument) or is_compatible(known, argument)):
            merged = _merged_tuple(known, argument)
            if merged is not None:
                argument = merged
            elif find_conversion(argument, known) is not None:
                return True
            elif find_conversion(known, argument) is None:
                return False
    if not parameter.accepts(argument):
        return False
    bound[parameter.name] = argument
    return True


def _merged_tuple(first: Type, second: Type) -> TupleType | None:
    """The tuple that both tuples are when null elements take the other's type; None when they differ more."""
    if not isinstance(first, TupleType) or not isinstance(second, TupleType):
        return None
    if [name for name, _ in first.elements] != [name for name, _ in second.elements]:
        return None
    merged: list[tuple[str, Type]] = []
    for (name, own), (_, other) in zip(first.elements, second.elements, strict=True):
        wider = other if is_subtype(own, other) else own if is_subtype(other, own) else None
        if wider is None:
            return None
        merged.append((name, wider))
    return tuple_of(merged)
