"""A call of `$fhirpath` and a look at its answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import orjson

from cds.fhir import written
from cds.fhirpath import operation
from cds.fhirpath.question import Surroundings
from cds.terminology import Terminology, ValueSet

NOW = datetime(2026, 3, 3, 12, 30, tzinfo=UTC)
PATH = "http://fhir.forms-lab.com/StructureDefinition/resource-path"
JSON_VALUE = "http://fhir.forms-lab.com/StructureDefinition/json-value"
#: %vs-colours
COLOURS = "http://hl7.org/fhir/ValueSet/colours"

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "active": True,
    "birthDate": "1980-02",
    "name": [{"use": "official", "given": ["Ann", "Bea"], "family": "Cole"}, {"given": ["Nan"], "family": ""}],
    "contact": [{"name": {"family": "Dean"}}],
    "managingOrganization": {"reference": "#o"},
    "contained": [{"resourceType": "Organization", "id": "o", "name": "Org"}],
}


def parameters(expression: str, resource: Any = None, **others: Any) -> dict[str, Any]:
    """A Parameters resource; `others` are strings, booleans, or whole parameters without their name."""
    found = [{"name": "expression", "valueString": expression}, {"name": "resource", "resource": resource or PATIENT}]
    for name, value in others.items():
        if isinstance(value, dict):
            found.append({"name": name, **value})
        else:
            found.append({"name": name, "valueBoolean" if isinstance(value, bool) else "valueString": value})
    return {"resourceType": "Parameters", "parameter": found}


def ask(sent: Any, release: str = "R4") -> dict[str, Any]:
    """The answer to Parameters, as a client reads it; `sent` may be bytes."""
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    read: dict[str, Any] = json.loads(ask_text(body, release))
    return read


def ask_text(body: bytes, release: str = "R4") -> str:
    """The JSON text of an answer."""
    colours = frozenset({("c", "red")})
    terminology = Terminology([ValueSet(COLOURS, None, None, None, colours, {}, frozenset({"red"}))])
    answer = operation.answer(body, Surroundings(NOW, UTC, terminology), release=release)
    return orjson.dumps(answer, default=written).decode()


def part(answer: dict[str, Any], name: str) -> Any:
    """The first part of `parameters` with that name, or None."""
    return next((found for found in answer["parameter"][0]["part"] if found["name"] == name), None)


def results(answer: dict[str, Any], name: str = "result") -> list[dict[str, Any]]:
    """The parameters of that name."""
    return [found for found in answer["parameter"] if found["name"] == name]


def values(expression: str, resource: Any = None, **others: Any) -> list[dict[str, Any]]:
    """The parts of the one result of an expression."""
    (result,) = results(ask(parameters(expression, resource, **others)))
    found: list[dict[str, Any]] = result.get("part", [])
    return found


def placed(path: str) -> list[dict[str, str]]:
    """The extension that says where a value stands."""
    return [{"url": PATH, "valueString": path}]
