"""FHIR elements in words, for the narrative of what was applied."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from cds.fhir import Resource, as_list

_UNITS = {
    "ms": "millisecond",
    "s": "second",
    "min": "minute",
    "h": "hour",
    "d": "day",
    "wk": "week",
    "mo": "month",
    "a": "year",
}
_DAYS = {"mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday"} | {
    "sat": "Saturday",
    "sun": "Sunday",
}
_WHEN = {
    "MORN": "in the morning",
    "AFT": "in the afternoon",
    "EVE": "in the evening",
    "NIGHT": "at night",
    "HS": "before sleep",
    "WAKE": "on waking",
    "C": "with meals",
    "AC": "before meals",
    "PC": "after meals",
}
#: What a resource is about, in the order of what says most.
_ABOUT = (
    "code",
    "codeCodeableConcept",
    "medicationCodeableConcept",
    "itemCodeableConcept",
    "vaccineCode",
    "serviceType",
    "type",
    "category",
    "topicCodeableConcept",
    "title",
    "description",
)


def concept(value: Any) -> str:
    """What a CodeableConcept says: its text, else the display or code of its first coding that has one."""
    if not isinstance(value, dict):
        return value if isinstance(value, str) else ""
    codings = [one for one in as_list(value.get("coding")) if isinstance(one, dict)]
    texts = [value.get("text"), *(one.get("display") or one.get("code") for one in codings)]
    return next((text for text in texts if isinstance(text, str) and text), "")


def day(text: Any) -> str:
    """A FHIR date or dateTime as `2 March 2026`; as it stands where it is no whole date."""
    try:
        found = date.fromisoformat(str(text)[:10])
    except ValueError:
        return str(text)
    return f"{found.day} {found:%B} {found.year}"


def timing(value: Any) -> str:
    """A Timing: `15 to 20 minutes every 2 days for 12 weeks`."""
    if not isinstance(value, dict):
        return ""
    repeat = value.get("repeat")
    parts = [
        *_repeated(repeat if isinstance(repeat, dict) else {}),
        *(f"on {day(event)}" for event in as_list(value.get("event"))),
    ]
    return " ".join(part for part in parts if part) or concept(value.get("code"))


def _repeated(repeat: dict[str, Any]) -> Iterator[str]:
    if "duration" in repeat:
        yield _many(repeat, "duration", repeat.get("durationUnit"))
    yield _often(repeat)
    for name in as_list(repeat.get("dayOfWeek")):
        yield f"on {_DAYS.get(name, name)}"
    for time in as_list(repeat.get("timeOfDay")):
        yield f"at {str(time)[:5]}"
    for code in as_list(repeat.get("when")):
        yield _WHEN.get(code, str(code))
    if "count" in repeat:
        yield f"({_range(repeat, 'count')} times in all)"
    elif "countMax" in repeat:
        yield f"(up to {repeat['countMax']} times in all)"
    yield bounds(repeat)


def _often(repeat: dict[str, Any]) -> str:
    if "period" not in repeat:
        return f"{_range(repeat, 'frequency')} times" if "frequency" in repeat else ""
    times, unit = _range(repeat, "frequency") if "frequency" in repeat else "1", repeat.get("periodUnit")
    if _range(repeat, "period") == "1":
        often = "once" if times == "1" else f"{times} times"
        return f"{often} {'an' if unit == 'h' else 'a'} {_UNITS.get(str(unit), unit)}"
    every = f"every {_many(repeat, 'period', unit)}"
    return every if times == "1" else f"{times} times {every}"


def bounds(element: dict[str, Any]) -> str:
    """How long: `for 12 weeks`, `from 2 March 2026 to 9 March 2026`."""
    period, duration = element.get("boundsPeriod"), element.get("boundsDuration")
    if isinstance(period, dict):
        return span(period)
    limits = element.get("boundsRange")
    if isinstance(limits, dict):
        ends = [quantity(limits[name]) for name in ("low", "high") if name in limits]
        return f"for {' to '.join(ends)}"
    return f"for {quantity(duration)}" if isinstance(duration, dict) else ""


def span(period: dict[str, Any]) -> str:
    """A Period."""
    words = {"start": "from", "end": "to"}
    return " ".join(f"{word} {day(period[name])}" for name, word in words.items() if name in period)


def quantity(value: Any) -> str:
    """A Quantity, a unit of time in words."""
    if not isinstance(value, dict) or "value" not in value:
        return ""
    unit = value.get("code") if value.get("code") in _UNITS else value.get("unit") or value.get("code") or ""
    number = _number(value["value"])
    return f"{value.get('comparator', '')}{number} {_unit(str(unit), number)}".strip()


def _many(element: dict[str, Any], name: str, unit: Any) -> str:
    text = _range(element, name)
    return f"{text} {_unit(str(unit), text)}"


def _unit(unit: str, number: str) -> str:
    word = _UNITS.get(unit)
    return unit if word is None else word if number == "1" else f"{word}s"


def _range(element: dict[str, Any], name: str) -> str:
    ends = [_number(element[end]) for end in (name, f"{name}Max") if end in element]
    return " to ".join(dict.fromkeys(ends))


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def dosage(value: Any) -> str:
    """A Dosage: its text, else dose and timing."""
    if not isinstance(value, dict):
        return ""
    said = value.get("text") or value.get("patientInstruction")
    doses = [quantity(one.get("doseQuantity")) for one in as_list(value.get("doseAndRate")) if isinstance(one, dict)]
    return str(said) if said else " ".join(part for part in (*doses, timing(value.get("timing"))) if part)


def resource(made: Resource) -> str:
    """What a proposed resource asks for, with when and how."""
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", made["resourceType"]).capitalize()
    about = next((text for name in _ABOUT for one in as_list(made.get(name)) if (text := concept(one))), "")
    label = f"{kind}, not to be done" if made.get("doNotPerform") is True else kind
    parts = [f"{label}: {about}" if about else label, *filter(None, _details(made))]
    return "; ".join(parts)


def _details(made: Resource) -> Iterator[str]:
    yield timing(made.get("occurrenceTiming"))
    yield day(made["occurrenceDateTime"]) if "occurrenceDateTime" in made else ""
    for name in ("occurrencePeriod", "executionPeriod", "requestedPeriod"):
        yield from (span(one) for one in as_list(made.get(name)) if isinstance(one, dict))
    yield from (dosage(one) for one in as_list(made.get("dosageInstruction")))
    yield quantity(made.get("quantityQuantity") or made.get("quantity"))
    yield str(made.get("patientInstruction", ""))
