"""The parameters of loaded Libraries that a site or a caller may give values, in CQL or in the resource alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cds import fhir
from cds.cql import inputs, plain
from cds.cql.bounds import OPEN, Bounds, check_bounds, evaluation, read_bounds
from cds.cql.call import Sent
from cds.definitions.element import Element
from cds.definitions.logic import Source
from cds.definitions.registry import Registry
from cds.definitions.scope import CALL_NAMES, library_name
from cds.errors import EvaluationError, Issue, Location, Problem, RequestError
from cds.expr import ucum
from cds.expr.elm.library import Parameter
from cds.expr.elm.specifiers import ANY, ListOf, Type
from cds.expr.quantity import CALENDAR, Quantity, calendar_quantity

#: What a String parameter may be, for those that say one of a few words.
_CHOICES = {"guideline": ("nhs", "spine", "both")}


@dataclass(frozen=True, slots=True)
class Declared:
    """One parameter: the Library's name and its own, its type, its value where nobody gives one, what its Library says
    of it, and what a value is at least and at most."""

    library: str
    name: str
    type: Type
    default: Any = None
    documentation: str = ""
    bounds: Bounds = OPEN

    @property
    def key(self) -> str:
        """What its value is found by while a plan is applied."""
        return f"{self.library}.{self.name}"

    def typed(self, value: Any) -> Any:
        """A value as YAML or JSON writes it as one of this type, within its bounds. Raises EvaluationError with a
        hint."""
        found = self._read(value)
        self.check(found)
        return found

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that it may be, where there are but a few."""
        return _CHOICES.get(self.name, ())

    def check(self, value: Any) -> None:
        """Raises EvaluationError with a hint for a value out of bounds, or one that is none of the choices."""
        self.bounds.check(value)
        if self.choices and value is not None and value not in self.choices:
            raise EvaluationError("this is none of its words", hint=f"it takes one of {', '.join(self.choices)}")

    def require(self, value: Any, pointer: str) -> None:
        """`check` of a value that a caller sent: raises RequestError 400 at `pointer`."""
        try:
            self.check(value)
        except EvaluationError as error:
            raise RequestError(
                400, Issue("value", error.message.replace("this is", "The value is", 1), pointer, error.hint)
            ) from None

    def _read(self, value: Any) -> Any:
        try:
            found = inputs.read(plain.as_parameters(value, self.type), self.type, evaluation(), "")
        except RequestError:
            raise EvaluationError(f"this is not of type {self.type}", hint=plain.hint(self.type)) from None
        if type(found) is Quantity and found.unit in CALENDAR:
            return calendar_quantity(found.value, found.unit)
        if type(found) is Quantity and ucum.reduce(found.unit) is None:
            raise EvaluationError("this unit is none of UCUM", hint="write it as in 30 mg, 5 mL or 6 weeks")
        return found


class Declarations:
    """Every parameter that can be given a value, by its name and by `Library.name`. The call's own (draft orders and
    their like) are not among them. `problems` are those of the bounds that Libraries say, and of defaults that fail."""

    def __init__(self, registry: Registry) -> None:
        self.all: dict[str, Declared] = {}
        self.problems: list[Problem] = []
        self._named: dict[str, list[Declared]] = {}
        for found in self._declared(registry):
            if found.name not in CALL_NAMES and found.key not in self.all:
                self.all[found.key] = found
                self._named.setdefault(found.name, []).append(found)

    def named(self, name: str) -> list[Declared]:
        """The parameters that a name means: `name` in every Library that has it, `Library.name` that one."""
        return self._named.get(name) or [self.all[name]] if name in self._named or name in self.all else []

    def names(self) -> list[str]:
        """Every name that means a parameter."""
        return [*self._named, *self.all]

    def typed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values as YAML or JSON writes them, by name, to values by `Library.name`; names of nothing are left out.
        Raises EvaluationError."""
        return {found.key: found.typed(value) for name, value in values.items() for found in self.named(name)}

    def sent(self, values: Mapping[str, Sequence[Sent]]) -> dict[str, Any]:
        """The parameters of a Parameters resource by name to values by `Library.name`; names of nothing are left out.
        Null is a value. Raises RequestError 400 for a value of another type, or outside its bounds."""
        read = {}
        for name, sent in values.items():
            for found in self.named(name):
                value = inputs.read([one.parameter for one in sent], found.type, evaluation(), sent[0].pointer)
                found.require(value, sent[0].pointer)
                read[found.key] = value
        return read

    def _declared(self, registry: Registry) -> Iterator[Declared]:
        for document in registry.documents:
            if document.kind != "Library":
                continue
            resource, name = document.resource, library_name(document.resource)
            written = Element.root(document).each("parameter")
            listed = {found: one for one in written if (found := one.text("name")) is not None}
            compiled = registry.logic.compiled.get(id(resource))
            own = compiled.parameters if compiled is not None else {}
            for parameter in own.values():
                default = self._default(parameter, registry.logic.sources[id(resource)])
                yield self._bounded(Declared(name, parameter.name, parameter.type or ANY, default), listed)
            for own_name, element in listed.items():
                if own_name not in own and element.value.get("use", "in") == "in":
                    yield self._bounded(_of_resource(name, element.value), listed)

    def _default(self, parameter: Parameter, source: Source) -> Any:
        """The default that the CQL gives it; None where that fails."""
        try:
            return parameter.value(evaluation()) if "default" in parameter.node else None
        except EvaluationError as error:
            place = Location("", error.line, error.column)
            message = f"the default of {parameter.name} has no value: {error.message}"
            self.problems.append(source.problem(Problem("expression-semantic", message, place, error.hint)))
            return None

    def _bounded(self, parameter: Declared, listed: Mapping[str, Element]) -> Declared:
        """The parameter with what its Library says of it."""
        element = listed.get(parameter.name)
        if element is None:
            return parameter
        documentation = " ".join(str(element.value.get("documentation", "")).split())
        bounds = read_bounds(element.value, parameter.type)
        self.problems += check_bounds(element, parameter.type, bounds, parameter.default)
        return replace(parameter, documentation=documentation, bounds=bounds)


def _of_resource(library: str, parameter: Mapping[str, Any]) -> Declared:
    """A parameter that only the resource declares."""
    kind = inputs.of_fhir(str(parameter.get("type", "")))
    if parameter.get("max", "1") != "1":
        kind = ListOf(kind)
    default = fhir.extension(parameter, fhir.DEFAULT_VALUE)
    return Declared(library, parameter["name"], kind, _default(default, kind))


def _default(extension: Mapping[str, Any] | None, kind: Type) -> Any:
    if extension is None:
        return None
    try:
        return inputs.read([extension], kind, evaluation(), "")
    except RequestError:  # content that nobody checked
        return None
