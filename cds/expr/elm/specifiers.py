"""Static types as ELM writes them: read from a node, written the short way (`List<System.Integer>`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SYSTEM_URI = "urn:hl7-org:elm-types:r1"
FHIR_URI = "http://hl7.org/fhir"
_NAMESPACES = {SYSTEM_URI: "System", FHIR_URI: "FHIR"}
_URIS = {namespace: uri for uri, namespace in _NAMESPACES.items()}


@dataclass(frozen=True, slots=True)
class Named:
    """`System.Integer`, `FHIR.Patient`."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one type."""

    element: Type

    def __str__(self) -> str:
        return f"List<{self.element}>"


@dataclass(frozen=True, slots=True)
class IntervalOf:
    """An interval over a point type."""

    point: Type

    def __str__(self) -> str:
        return f"Interval<{self.point}>"


@dataclass(frozen=True, slots=True)
class TupleOf:
    """Named elements with their types."""

    elements: tuple[tuple[str, Type], ...]

    def __str__(self) -> str:
        return "Tuple{" + ", ".join(f"{name} {kind}" for name, kind in self.elements) + "}"


@dataclass(frozen=True, slots=True)
class ChoiceOf:
    """One of several types."""

    choices: tuple[Type, ...]

    def __str__(self) -> str:
        return "Choice<" + ", ".join(map(str, self.choices)) + ">"


Type = Named | ListOf | IntervalOf | TupleOf | ChoiceOf

ANY = Named("System.Any")
BOOLEAN = Named("System.Boolean")
INTEGER = Named("System.Integer")
LONG = Named("System.Long")
DECIMAL = Named("System.Decimal")
STRING = Named("System.String")
DATE = Named("System.Date")
DATETIME = Named("System.DateTime")
TIME = Named("System.Time")
QUANTITY = Named("System.Quantity")
CODE = Named("System.Code")
CONCEPT = Named("System.Concept")


def named(qualified: str) -> Named:
    """A type name `{namespace}Name` as ELM writes it."""
    if qualified.startswith("{"):
        uri, _, name = qualified[1:].partition("}")
        return Named(f"{_NAMESPACES.get(uri, uri)}.{name}")
    return Named(qualified if "." in qualified else f"System.{qualified}")


def read(specifier: dict[str, Any]) -> Type:
    """A TypeSpecifier node; what cannot be read is `System.Any`."""
    match specifier.get("type"):
        case "NamedTypeSpecifier":
            return named(specifier["name"])
        case "ListTypeSpecifier":
            return ListOf(read(specifier["elementType"]))
        case "IntervalTypeSpecifier":
            return IntervalOf(read(specifier["pointType"]))
        case "TupleTypeSpecifier":
            return TupleOf(tuple((part["name"], _element(part)) for part in specifier.get("element", ())))
        case "ChoiceTypeSpecifier":
            return ChoiceOf(tuple(read(choice) for choice in specifier.get("choice") or ()))
    return ANY


def written(kind: Type) -> dict[str, Any]:
    """The TypeSpecifier node of a type: what read() reads."""
    match kind:
        case Named():
            namespace, _, name = kind.name.partition(".")
            return {"type": "NamedTypeSpecifier", "name": f"{{{_URIS.get(namespace, namespace)}}}{name}"}
        case ListOf():
            return {"type": "ListTypeSpecifier", "elementType": written(kind.element)}
        case IntervalOf():
            return {"type": "IntervalTypeSpecifier", "pointType": written(kind.point)}
        case ChoiceOf():
            return {"type": "ChoiceTypeSpecifier", "choice": [written(choice) for choice in kind.choices]}
    parts = [{"name": name, "elementType": written(own)} for name, own in kind.elements]
    return {"type": "TupleTypeSpecifier", "element": parts}


def _element(part: dict[str, Any]) -> Type:
    written = part.get("elementType") or part.get("type")
    return read(written) if isinstance(written, dict) else ANY


def of_node(node: dict[str, Any]) -> Type | None:
    """The result type a node carries, None when it carries none."""
    name = node.get("resultTypeName")
    if name is not None:
        return named(name)
    specifier = node.get("resultTypeSpecifier")
    return read(specifier) if isinstance(specifier, dict) else None


def asked(node: dict[str, Any], prefix: str) -> Type:
    """The type that `is`, `as`, `to` (the prefix) names in a node: `asType` or `asTypeSpecifier`."""
    specifier = node.get(f"{prefix}TypeSpecifier")
    if specifier is not None:
        return read(specifier)
    return named(node[f"{prefix}Type"])


def element_of(kind: Type | None) -> Type | None:
    """The element type of a list, None when it is no list or not known."""
    return kind.element if isinstance(kind, ListOf) else None


def joined(kinds: Iterable[Type | None]) -> Type | None:
    """The one type that all have, a choice of them, or None when one is not known. `System.Any`, the type of a bare
    null, counts for nothing beside others, and so do the empty list and the interval of nulls."""
    found: dict[Type, None] = {}
    for kind in kinds:
        if kind is None:
            return None
        for part in kind.choices if isinstance(kind, ChoiceOf) else (kind,):
            if part != ANY:
                found[part] = None
    for shape, bare in ((ListOf, ListOf(ANY)), (IntervalOf, IntervalOf(ANY))):
        if bare in found and any(type(other) is shape and other != bare for other in found):
            del found[bare]
    if not found:
        return ANY
    return next(iter(found)) if len(found) == 1 else ChoiceOf(tuple(found))


def fhir_name(kind: Type | None) -> str | None:
    """The FHIR type name as the type model has it: `FHIR.Timing.Repeat` is `TimingRepeat`. None for other types."""
    if isinstance(kind, Named) and kind.name.startswith("FHIR."):
        return kind.name[5:].replace(".", "")
    return None
