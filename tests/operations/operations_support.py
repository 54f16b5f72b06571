"""Calls of operations for tests: Parameters as bytes, and an engine without content."""

from __future__ import annotations

from typing import Any

import orjson

from cds.service import Engine

PATIENT = {"resourceType": "Patient", "id": "p", "gender": "female", "name": [{"given": ["Ann"]}]}


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


def body(**parameters: Any) -> bytes:
    """A Parameters resource. A dict is a resource, a list several of one name, `(type, value)` says the value[x]."""
    found = []
    for name, value in parameters.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                found.append({"name": name, "resource": one})
            elif isinstance(one, tuple):
                found.append({"name": name, f"value{one[0]}": one[1]})
            else:
                found.append({"name": name, "valueString": one})
    return orjson.dumps({"resourceType": "Parameters", "parameter": found})


def apply(engine: Engine, kind: str, identifier: str | None = None, **parameters: Any) -> dict[str, Any]:
    """The answer to `$apply`; `output` is given as its code."""
    if "output" in parameters:
        parameters["output"] = ("Code", parameters["output"])
    return engine.run_apply(kind, identifier, body=body(**parameters))


def condition(text: str, **more: Any) -> dict[str, Any]:
    return {"kind": "applicability", "expression": {"language": "text/fhirpath", "expression": text}, **more}


def dynamic(path: str, text: str) -> dict[str, Any]:
    return {"path": path, "expression": {"language": "text/fhirpath", "expression": text}}


def plan(*actions: dict[str, Any], name: str = "plan", **more: Any) -> dict[str, Any]:
    url = f"http://example.org/PlanDefinition/{name}"
    return {"resourceType": "PlanDefinition", "url": url, "status": "active", "action": list(actions), **more}


def activity(kind: str | None = "ServiceRequest", name: str = "activity", **more: Any) -> dict[str, Any]:
    url = f"http://example.org/ActivityDefinition/{name}"
    made = {"resourceType": "ActivityDefinition", "url": url, "status": "active", "code": {"text": "Walk"}, **more}
    return {**made, "kind": kind} if kind else made


def group_of(answer: dict[str, Any]) -> dict[str, Any]:
    """The RequestGroup of an answer in any form."""
    if answer["resourceType"] == "Bundle":
        return answer["entry"][0]["resource"]
    return answer if answer["resourceType"] == "RequestGroup" else answer["contained"][0]


def issues_of(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """Severity and text of every issue told in an answer."""
    resources = [answer, *(entry["resource"] for entry in answer.get("entry", ()))]
    every = [inner for one in resources for inner in (one, *one.get("contained", ()))]
    return [
        (issue["severity"], issue["details"]["text"])
        for one in every
        if one["resourceType"] == "OperationOutcome"
        for issue in one["issue"]
    ]
