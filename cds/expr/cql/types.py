"""The static types of CQL (CQL 1.5.3, Appendix B "Types"; Author's Guide, "Types") and how they relate.

Types are values: equal types compare equal, so tables can be keyed by them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

SYSTEM_URI = "urn:hl7-org:elm-types:r1"
FHIR_URI = "http://hl7.org/fhir"
_URIS = {"System": SYSTEM_URI, "FHIR": FHIR_URI}


class Type:
    """Any static type."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Named(Type):
    """A type with a name, such as `System.Integer` or `FHIR.Patient`. A class has elements; other types are simple."""

    name: str
    base: Named | None = field(default=None, compare=False)
    is_class: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return self.name

    @property
    def namespace(self) -> str:
        return self.name.partition(".")[0]

    @property
    def local(self) -> str:
        """The name without its model."""
        return self.name.partition(".")[2]


@dataclass(frozen=True, slots=True)
class ListType(Type):
    """`List<element>`."""

    element: Type

    def __str__(self) -> str:
        return f"List<{self.element}>"


@dataclass(frozen=True, slots=True)
class IntervalType(Type):
    """`Interval<point>`."""

    point: Type

    def __str__(self) -> str:
        return f"Interval<{self.point}>"


@dataclass(frozen=True, slots=True)
class TupleType(Type):
    """`Tuple { name Type, ... }`; elements are kept sorted by name, for their order has no meaning."""

    elements: tuple[tuple[str, Type], ...]

    def __str__(self) -> str:
        return "Tuple{" + ", ".join(f"{name} {kind}" for name, kind in self.elements) + "}"


@dataclass(frozen=True, slots=True)
class ChoiceType(Type):
    """`Choice<A, B>`: flat, sorted by name, without duplicates. Built by `choice_of`."""

    options: tuple[Type, ...]

    def __str__(self) -> str:
        return "Choice<" + ", ".join(map(str, self.options)) + ">"


@dataclass(frozen=True, slots=True)
class Parameter(Type):
    """A type parameter of a generic operator: `T` stands for any type, `C` for classes, `R` for tuples, `H` for
    choices."""

    name: str

    def __str__(self) -> str:
        return self.name

    def accepts(self, actual: Type) -> bool:
        """True when the parameter may stand for `actual`."""
        if self.name == "C":
            return isinstance(actual, Named) and actual.is_class
        if self.name == "H":
            return isinstance(actual, ChoiceType)
        return isinstance(actual, TupleType) if self.name == "R" else True


ANY = Named("System.Any")
_VOCABULARY = Named("System.Vocabulary", ANY, is_class=True)
_SIMPLE = ("Boolean", "Integer", "Long", "Decimal", "String", "Date", "DateTime", "Time")
_CLASSES = ("Quantity", "Ratio", "Code", "Concept")

#: Every System type by its local name.
SYSTEM: dict[str, Named] = {
    "Any": ANY,
    "Vocabulary": _VOCABULARY,
    "ValueSet": Named("System.ValueSet", _VOCABULARY, is_class=True),
    "CodeSystem": Named("System.CodeSystem", _VOCABULARY, is_class=True),
    **{name: Named(f"System.{name}", ANY) for name in _SIMPLE},
    **{name: Named(f"System.{name}", ANY, is_class=True) for name in _CLASSES},
}
BOOLEAN, INTEGER, LONG, DECIMAL = SYSTEM["Boolean"], SYSTEM["Integer"], SYSTEM["Long"], SYSTEM["Decimal"]
STRING, DATE, DATETIME, TIME = SYSTEM["String"], SYSTEM["Date"], SYSTEM["DateTime"], SYSTEM["Time"]
QUANTITY, RATIO, CODE, CONCEPT = SYSTEM["Quantity"], SYSTEM["Ratio"], SYSTEM["Code"], SYSTEM["Concept"]
VOCABULARY, VALUE_SET, CODE_SYSTEM = _VOCABULARY, SYSTEM["ValueSet"], SYSTEM["CodeSystem"]


def tuple_of(elements: Iterable[tuple[str, Type]]) -> TupleType:
    """The tuple type of named elements, whatever their order."""
    return TupleType(tuple(sorted(elements, key=lambda element: element[0])))


def choice_of(types: Iterable[Type]) -> Type:
    """The choice of `types`, flattened; the type itself when only one is left."""
    options: set[Type] = set()
    for kind in types:
        options.update(kind.options if isinstance(kind, ChoiceType) else (kind,))
    return ChoiceType(tuple(sorted(options, key=str))) if len(options) > 1 else options.pop()


def is_subtype(kind: Type, ancestor: Type) -> bool:
    """True when every value of `kind` is one of `ancestor`; lists, intervals and tuples are covariant."""
    if kind == ancestor or ancestor == ANY:
        return True
    if isinstance(kind, Named):
        base = kind.base
        while base is not None:
            if base == ancestor:
                return True
            base = base.base
        return False
    if isinstance(kind, ListType):
        return isinstance(ancestor, ListType) and is_subtype(kind.element, ancestor.element)
    if isinstance(kind, IntervalType):
        return isinstance(ancestor, IntervalType) and is_subtype(kind.point, ancestor.point)
    if isinstance(kind, TupleType) and isinstance(ancestor, TupleType):
        return len(kind.elements) == len(ancestor.elements) and all(
            own[0] == other[0] and is_subtype(own[1], other[1])
            for own, other in zip(kind.elements, ancestor.elements, strict=True)
        )
    return False


def is_compatible(kind: Type, target: Type) -> bool:
    """True when a cast suffices: from null's type, into a choice that has the type, or out of a choice."""
    if kind in (target, ANY):
        return True
    if isinstance(kind, ChoiceType):
        if isinstance(target, ChoiceType):
            return _is_subset(kind, target) or _is_subset(target, kind)
        return any(is_compatible(target, option) for option in kind.options)
    return isinstance(target, ChoiceType) and any(is_subtype(kind, option) for option in target.options)


def is_narrower(kind: ChoiceType, target: ChoiceType) -> bool:
    """True when every option of `kind` is one of `target`'s."""
    return _is_subset(kind, target)


def _is_subset(kind: ChoiceType, target: ChoiceType) -> bool:
    return all(any(is_subtype(option, other) for other in target.options) for option in kind.options)


def precedence(kind: Type) -> Literal[1, 2, 3, 4, 5, 6]:
    """The rank that decides between overloads of equal cost: the simpler type wins."""
    if isinstance(kind, Named):
        return 3 if kind.is_class else 1
    if isinstance(kind, TupleType):
        return 2
    return 4 if isinstance(kind, IntervalType) else 5 if isinstance(kind, ListType) else 6


def qualified_name(kind: Named) -> str:
    """The name as ELM writes it: `{urn:hl7-org:elm-types:r1}Integer`."""
    return f"{{{_URIS[kind.namespace]}}}{kind.local}"


@lru_cache(maxsize=4096)
def specifier(kind: Type) -> dict[str, Any]:
    """The ELM type specifier of a type. Shared: never change it."""
    if isinstance(kind, Named):
        return {"type": "NamedTypeSpecifier", "name": qualified_name(kind)}
    if isinstance(kind, ListType):
        return {"type": "ListTypeSpecifier", "elementType": specifier(kind.element)}
    if isinstance(kind, IntervalType):
        return {"type": "IntervalTypeSpecifier", "pointType": specifier(kind.point)}
    if isinstance(kind, ChoiceType):
        return {"type": "ChoiceTypeSpecifier", "choice": [specifier(option) for option in kind.options]}
    if isinstance(kind, TupleType):
        elements = [{"name": name, "elementType": specifier(own)} for name, own in kind.elements]
        return {"type": "TupleTypeSpecifier", "element": elements}
    raise ValueError(f"a type parameter has no specifier: {kind}")


@lru_cache(maxsize=512)
def parse_type(text: str) -> Type:
    """A type as the tables of this package write it: `List<Interval<T>>`, `Integer`; a single letter is a parameter."""
    if text.endswith(">"):
        name, _, inner = text[:-1].partition("<")
        return ListType(parse_type(inner)) if name == "List" else IntervalType(parse_type(inner))
    return Parameter(text) if len(text) == 1 else SYSTEM[text]
