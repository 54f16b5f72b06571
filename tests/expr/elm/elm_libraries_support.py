"""What the tests of compiled libraries share: CQL over a few resources, with a look at what was asked of the data."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from cds import fhir
from cds.errors import DefinitionError
from cds.expr import Evaluation
from cds.expr.elm.library import Library
from cds.expr.elm.values import Partial
from cds.expr.evaluation import Data
from cds.expr.libraries import Libraries

NOW = datetime(2026, 3, 3, 12, 30, tzinfo=UTC)
HEADER = """library T version '1'
using FHIR version '4.0.1'
include FHIRHelpers version '4.0.1'
codesystem "S": 'sys'
valueset "VS": 'vs'
valueset "Unknown": 'unknown'
code "A": 'a' from "S" display 'An A'
concept "AB": { "A" } display 'A or B'
context Patient
"""
MEMBERS = {"vs": frozenset({("sys", "a"), ("sys", "b")})}

Resource = dict[str, Any]


class Codes:
    """The value sets of MEMBERS."""

    def member(self, value_set: str, system: str | None, code: str) -> bool | None:
        known = MEMBERS.get(value_set)
        return None if known is None else any(code == own and system in (None, where) for where, own in known)

    def codes(self, value_set: str) -> frozenset[tuple[str, str]] | None:
        return MEMBERS.get(value_set)


class Resources(Data):
    """The data of a test; `partial` names the types of which some may be missing. `asked` notes each retrieve."""

    def __init__(self, resources: Collection[Resource], partial: Collection[str] = ()) -> None:
        self.resources = resources
        self.partial = partial
        self.asked: list[tuple[str, str | None, frozenset[tuple[str, str]] | None, str | None]] = []

    def retrieve(
        self, resource_type: str, path: str | None, codes: frozenset[tuple[str, str]] | None, value_set: str | None
    ) -> list[Resource]:
        self.asked.append((resource_type, path, codes, value_set))
        found = [
            resource
            for resource in self.resources
            if resource["resourceType"] == resource_type
            and (codes is None or not codes.isdisjoint(fhir.codings(resource.get(path or ""))))
        ]
        return Partial(found) if resource_type in self.partial else found


def compiled(text: str, **included: str) -> Library:
    """The library of some definitions behind HEADER, with others that it may include, by name."""
    return Libraries(lambda name, _version: included.get(name)).compile(HEADER + text)


def evaluation(
    *resources: Resource, partial: Collection[str] = (), parameters: Mapping[str, Any] | None = None, **options: Any
) -> Evaluation:
    """An evaluation over some resources."""
    data = Resources(resources, partial)
    return Evaluation(now=NOW, data=data, terminology=Codes(), parameters=parameters, **options)


def run(text: str, *resources: Resource, partial: Collection[str] = ()) -> Any:
    """The value of the expression `X` of some definitions; a text without a define is X itself."""
    if "define" not in text:
        text = f"define X: {text}"
    return compiled(text).evaluate(evaluation(*resources, partial=partial), "X")


def problems(text: str, **included: str) -> list[str]:
    """What is wrong with some definitions: `line:column message`, the lines counted behind HEADER."""
    try:
        compiled(text, **included)
    except DefinitionError as error:
        first = HEADER.count("\n")
        return [f"{p.location.line - first}:{p.location.column} {p.message}" for p in error.problems]
    return []


def coded(kind: str, name: str, code: str = "a", **elements: Any) -> Resource:
    """A resource with a code of the system `sys`."""
    return {"resourceType": kind, "id": name, "code": {"coding": [{"system": "sys", "code": code}]}, **elements}
