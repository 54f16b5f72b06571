"""System functions, called by name (CQL 1.5.3, Appendix B). Most are the operator of the same name."""

from __future__ import annotations

from collections.abc import Callable

from cds.expr.cql.nodes import Elm, literal, make, null
from cds.expr.cql.translate_names import element_type, find_name
from cds.expr.cql.translate_operators import in_terminology
from cds.expr.cql.translator import Translator, converted
from cds.expr.cql.types import ANY, DATE, DATETIME, INTEGER, Type, is_subtype

#: Operators that need more than operands and so cannot be called by name.
_NOT_CALLABLE = frozenset(
    {"CalculateAge", "CalculateAgeAt", "DateTimeComponentFrom", "DifferenceBetween", "DurationBetween"}
)
_UNITS = ("Years", "Months", "Weeks", "Days", "Hours", "Minutes", "Seconds", "Milliseconds")

Special = Callable[[Translator, list[Elm]], Elm]


def system_call(t: Translator, written: str, arguments: list[Elm]) -> Elm | None:
    """A call of a System function, or None when there is none of that name that fits."""
    if special := SPECIAL.get(written):
        return special(t, arguments)
    if written in _NOT_CALLABLE:
        return None
    found = t.resolved(written, arguments)
    return t.applied(found, arguments) if found else None


def _taking(count: int, build: Callable[..., Elm]) -> Special:
    """A special function of exactly `count` arguments."""

    def checked(t: Translator, arguments: list[Elm]) -> Elm:
        if len(arguments) != count:
            raise t.error(f"{count} arguments are expected here, but {len(arguments)} are given")
        return build(t, *arguments)

    return checked


def _skip(t: Translator, source: Elm, count: Elm) -> Elm:
    return _slice(t, "Skip", (source, count), null(INTEGER))


def _take(t: Translator, source: Elm, count: Elm) -> Elm:
    sliced = _slice(t, "Take", (source, count), null(INTEGER))
    sliced["endIndex"] = t.call("Coalesce", sliced["startIndex"], literal(0))
    sliced["startIndex"] = literal(0)
    return sliced


def _tail(t: Translator, source: Elm) -> Elm:
    return _slice(t, "Tail", (source,), null(INTEGER))


def _slice(t: Translator, name: str, operands: tuple[Elm, ...], end: Elm) -> Elm:
    called = t.call(name, *operands)
    values = called["operand"] if isinstance(called["operand"], list) else [called["operand"], literal(1)]
    return make("Slice", called.result, source=values[0], startIndex=values[1], endIndex=end)


def _birth_date(t: Translator) -> Elm:
    patient = find_name(t, "Patient")
    kind = element_type(patient.result, "birthDate") if patient else None
    if patient is None or kind is None:
        raise t.error("there is no Patient whose birth date could be taken", "write 'context Patient' above")
    return make("Property", DATE, path="birthDate.value", source=patient)


def _age(t: Translator, unit: str, wanted: Type) -> Elm:
    return t.call("CalculateAge", t.fitted(_birth_date(t), wanted), precision=unit)


def _age_at(t: Translator, unit: str, at: Elm) -> Elm:
    if not (is_subtype(at.result, DATE) or is_subtype(at.result, DATETIME)) or at.result == ANY:
        found = t.resolved("CalculateAge", (at,))
        if found is None:
            raise t.error(f"an age is taken at a Date or DateTime, but this is {at.result}")
        at = converted(found, (at,))[0]
    birth = _birth_date(t)
    return t.call("CalculateAgeAt", t.fitted(birth, at.result), at, precision=unit)


def _special() -> dict[str, Special]:
    table = {"Skip": _taking(2, _skip), "Take": _taking(2, _take), "Tail": _taking(1, _tail)}
    for kind in ("ValueSet", "CodeSystem"):
        for name in (f"In{kind}", f"AnyIn{kind}"):
            table[name] = _taking(2, _membership(name))
    for name, plain in (("now", "Now"), ("today", "Today"), ("timeOfDay", "TimeOfDay")):
        table[name] = _taking(0, _renamed(plain))
    for word in _UNITS:
        unit = word.removesuffix("s")
        wanted = DATE if unit in ("Year", "Month") else DATETIME
        table[f"AgeIn{word}"] = _taking(0, lambda t, unit=unit, wanted=wanted: _age(t, unit, wanted))
        table[f"AgeIn{word}At"] = _taking(1, lambda t, at, unit=unit: _age_at(t, unit, at))
        table[f"CalculateAgeIn{word}"] = _taking(
            1, lambda t, birth, unit=unit: t.call("CalculateAge", birth, precision=unit)
        )
        table[f"CalculateAgeIn{word}At"] = _taking(
            2, lambda t, birth, at, unit=unit: t.call("CalculateAgeAt", birth, at, precision=unit)
        )
    return table


def _membership(name: str) -> Callable[[Translator, Elm, Elm], Elm]:
    return lambda t, code, terminology: in_terminology(t, name, code, terminology)


def _renamed(name: str) -> Callable[[Translator], Elm]:
    return lambda t: t.call(name)


#: System functions by name that are built in their own way.
SPECIAL = _special()
