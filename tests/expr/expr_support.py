"""What the tests of expressions share: a fixed clock, and variables that may be incomplete."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any

import pytest

from cds import expr

NOW = datetime(2026, 3, 3, 12, 30, tzinfo=UTC)
Run = Callable[..., list[Any]]


class Values:
    """Variables from a dict; `missing` names data that was not obtained."""

    def __init__(self, values: dict[str, list[Any]], missing: Collection[str] = ()) -> None:
        self.values = values
        self.missing = missing

    def value(self, name: str) -> list[Any]:
        return self.values[name]

    def incomplete(self, name: str) -> bool:
        return name in self.missing

    def undecided(self, name: str) -> bool:
        return name in self.missing


class Codes:
    """A terminology of one value set, `vs`, holding (sys, a), and of one code system, where `a` is above `ab`."""

    def member(self, value_set: str, system: str | None, code: str) -> bool | None:
        return (system in (None, "sys") and code == "a") if value_set == "vs" else None

    def subsumes(self, system: str, ancestor: str, code: str) -> bool | None:
        return code.startswith(ancestor) if system == "sys" else None


@pytest.fixture
def run() -> Run:
    """Evaluate an expression: `run(text, context, missing=..., x=[...])` with %x, at NOW in UTC."""

    def call(text: str, context: Any = None, missing: Collection[str] = (), **options: Any) -> list[Any]:
        known = {"zone", "now", "resolve", "steps", "trace", "resource"}
        surroundings = {name: value for name, value in options.items() if name in known}
        values = {name: value for name, value in options.items() if name not in known}
        evaluation = expr.Evaluation(
            **{"now": NOW, **surroundings},
            context=context,
            variables=Values(values, missing),
            terminology=Codes(),
        )
        return expr.compile(text)(evaluation)

    return call


@pytest.fixture
def patient() -> dict[str, Any]:
    """A patient with names, a value-less birth date that has an extension, and a choice."""
    return {
        "resourceType": "Patient",
        "active": True,
        "birthDate": "1980-02-29",
        "name": [
            {"use": "official", "given": ["Ann", "Bea"], "family": "Cole"},
            {
                "use": "usual",
                "given": ["Ann", None],
                "_given": [None, {"extension": [{"url": "u", "valueString": "v"}]}],
            },
        ],
        "deceasedBoolean": False,
        "gender": "female",
        "_gender": {"id": "g", "extension": [{"url": "e", "valueCode": "x"}]},
        "maritalStatus": {"_text": {"extension": [{"url": "absent", "valueCode": "unknown"}]}},
    }
