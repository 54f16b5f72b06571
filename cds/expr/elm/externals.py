"""What this engine offers beyond CQL, for functions that a library declares external (CQL 1.5.3, Developer's Guide
"External Functions").
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from cds.expr import temporal
from cds.expr.evaluation import Evaluation
from cds.expr.temporal import Date, DateTime


def resolve(ev: Evaluation, reference: Any, container: Any = None) -> Any:
    """`Resolve(reference)` or `Resolve(reference, container)`: the resource that a FHIR.Reference names among the data
    of the call, or contained in `container`; null when it is not there. Nothing is ever fetched."""
    if type(reference) is not dict or type(reference.get("reference")) is not str or ev.resolve is None:
        return None
    ev.spend(1)
    return ev.resolve(reference["reference"], container if type(container) is dict else None)


def calendar_day(ev: Evaluation, value: Any) -> Date | None:
    """`CalendarDay(value)`: the earliest day, in the zone of the evaluation, that a FHIR date, dateTime or Period or a
    Date or DateTime may mean; null for other values."""
    if type(value) is dict:
        value = value.get("start")
    if type(value) is str:
        value = temporal.parse(value)
    return temporal.calendar_day(value, ev.zone) if isinstance(value, (Date, DateTime)) else None


def has_code_of(_ev: Evaluation, concept: Any, systems: Any) -> bool:
    """`HasCodeOf(concept, systems)`: true when a coding of a FHIR.CodeableConcept has a code of one of the code systems
    (urls)."""
    return type(systems) is list and code_of(systems)(concept)


def code_of(systems: Collection[Any]) -> Callable[[Any], bool]:
    """HasCodeOf with its code systems."""
    known = frozenset(system for system in systems if type(system) is str)

    def has_code(concept: Any) -> bool:
        codings = concept.get("coding") if concept.__class__ is dict else None
        for coding in codings if codings.__class__ is list else (codings,):
            if coding.__class__ is dict:
                system = coding.get("system")
                if system.__class__ is str and system in known and coding.get("code").__class__ is str:
                    return True
        return False

    return has_code


#: Tests that are quicker where the last of two operands is always the same: what makes them of it.
PREPARED: Mapping[str, Callable[[Any], Callable[[Any], bool]]] = {"HasCodeOf": code_of}

#: By name and number of operands.
EXTERNALS: Mapping[tuple[str, int], Callable[..., Any]] = {
    ("Resolve", 1): resolve,
    ("Resolve", 2): resolve,
    ("CalendarDay", 1): calendar_day,
    ("HasCodeOf", 2): has_code_of,
}
