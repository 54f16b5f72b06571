"""What each route is for, takes and answers: the table that /openapi.json is made of.

A new route needs a row: its address with `{variables}`, a sentence, and what differs from the defaults of Described.
The rows with `{operation}` are for every operation that has none of its own.
`schema` names one of SCHEMAS; whether a caller has to be known is read from the guard.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cds.cql.operation import CQL, EVALUATE
from cds.hooks.envelope import schema
from cds.operations.apply import ACTIVITY, PLAN
from cds.operations.search import SEARCHES

_COUNT = {"type": "integer", "minimum": 0}


@dataclass(frozen=True, slots=True)
class Described:
    """One address. `body` is the schema of what a POST sends, None where it sends nothing; `answer` that of a success,
    "" where there is none, and `media` its type where it is not the JSON of its kind. `query` are the parameters of a
    GET; `errors` the statuses beside those that every route of its kind has."""

    summary: str
    answer: str = "Anything"
    body: str | None = "Parameters"
    query: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    media: str | None = None


_WHO = ("subject", "encounter", "practitioner", "organization")
_APPLY = ("url", *_WHO, "output", "now")
_REFUSED = (403, 404, 422, 501)
_PARTS = ("_summary", "_elements")
_SEARCH = (*SEARCHES, "_count", "_offset", "_sort", *_PARTS)
_EXPAND = ("url", "valueSetVersion", "filter", "offset", "count")
_VALIDATE = ("url", "valueSetVersion", "system", "code", "display")

DESCRIBED: Mapping[str, Described] = {
    "/cds-services": Described("Discovery: the decision support services (CDS Hooks)", "Discovery", None),
    "/cds-services/{service_id}": Described(
        "Call a service with a hook request and get cards (CDS Hooks)", "Cards", "HookRequest", errors=(404, 412)
    ),
    "/cds-services/{service_id}/feedback": Described(
        "Say what became of cards (CDS Hooks)", "Anything", "Feedback", errors=(404, 503)
    ),
    "/fhir/$fhirpath": Described(
        "Evaluate a FHIRPath expression on a resource, R4 unless fhirVersion says otherwise", "Parameters"
    ),
    "/fhir/$fhirpath-r5": Described("Evaluate a FHIRPath expression on an R5 resource", "Parameters"),
    "/fhir/$cql": Described("Evaluate a CQL expression", "Parameters", "CqlParameters", errors=(422,)),
    "/fhir/Library/$evaluate": Described(
        "Evaluate the CQL library that the call names or carries",
        "Parameters",
        "EvaluateParameters",
        query=("url",),
        errors=(404, 422),
    ),
    "/fhir/Library/{library_id}/$evaluate": Described(
        "Evaluate a CQL library of the content", "Parameters", "EvaluateParameters", errors=(404, 422)
    ),
    "/fhir/metadata": Described("The CapabilityStatement", "CapabilityStatement"),
    "/fhir/{kind}/$apply": Described(
        "Apply the definition that the call names or carries",
        "Applied",
        "ApplyParameters",
        query=_APPLY,
        errors=_REFUSED,
    ),
    "/fhir/{kind}/{identifier}/$apply": Described(
        "Apply a definition of the content", "Applied", "ApplyParameters", query=_APPLY[1:], errors=_REFUSED
    ),
    "/fhir/{kind}/$data-requirements": Described(
        "What the plan or library that the call names or carries asks for", "Library", query=("url",), errors=_REFUSED
    ),
    "/fhir/{kind}/{identifier}/$data-requirements": Described(
        "What a plan or library of the content asks for", "Library", errors=_REFUSED
    ),
    "/fhir/{kind}/$package": Described(
        "The definition that the call names, with all it depends on", "Bundle", query=("url",), errors=(404,)
    ),
    "/fhir/{kind}/{identifier}/$package": Described(
        "A definition of the content with all it depends on", "Bundle", errors=(404,)
    ),
    "/fhir/{kind}/{operation}": Described("Of the standard, and not built", "", errors=(501,)),
    "/fhir/{kind}/{identifier}/{operation}": Described("Of the standard, and not built", "", errors=(501,)),
    "/fhir/ValueSet/$expand": Described("Expand a value set", "ValueSet", query=_EXPAND, errors=(404, 501)),
    "/fhir/ValueSet/{identifier}/$expand": Described(
        "Expand a value set by its id", "ValueSet", query=_EXPAND[2:], errors=(404, 501)
    ),
    "/fhir/ValueSet/$validate-code": Described(
        "Whether a code is in a value set", "Parameters", query=_VALIDATE, errors=(404, 501)
    ),
    "/fhir/ValueSet/{identifier}/$validate-code": Described(
        "Whether a code is in the value set of an id", "Parameters", query=_VALIDATE[2:], errors=(404, 501)
    ),
    "/fhir/{kind}": Described("Search the definitions of a type", "Bundle", query=_SEARCH),
    "/fhir/{kind}/_search": Described(
        "Search the definitions of a type, with the parameters in a form", "Bundle", "Form"
    ),
    "/fhir/{kind}/{identifier}": Described("Read a definition", "Definition", query=_PARTS, errors=(404,)),
    "/livez": Described("Whether the process lives"),
    "/readyz": Described("Whether it can answer", errors=(503,)),
    "/healthz": Described("As /readyz", errors=(503,)),
    "/version": Described("The versions of software and content"),
    "/metrics": Described("What was counted, for Prometheus", "Text", media="text/plain"),
    "/admin/reload": Described(
        "Load the content anew; what does not load changes nothing", body=None, errors=(409, 501, 504)
    ),
    "/stats.json": Described("What became of the cards of each rule", query=("days", "tenant")),
    "/openapi.json": Described("This document"),
}


def _resource(kind: str) -> dict[str, Any]:
    """A FHIR resource of that type; its own definition says the rest."""
    return {
        "type": "object",
        "required": ["resourceType"],
        "properties": {"resourceType": {"const": kind}},
        "description": f"FHIR R4: https://hl7.org/fhir/R4/{kind.lower()}.html",
    }


def _parameters(names: Collection[str]) -> dict[str, Any]:
    """A Parameters resource whose parameters have these names."""
    one = {"type": "object", "required": ["name"], "properties": {"name": {"enum": sorted(names)}}}
    parameters = _resource("Parameters")
    return {**parameters, "properties": {**parameters["properties"], "parameter": {"type": "array", "items": one}}}


def schemas() -> dict[str, Any]:
    """The schemas that DESCRIBED names: those of CDS Hooks in full, FHIR resources by their type."""
    return {
        "Anything": {"type": "object"},
        "Text": {"type": "string"},
        "Form": {"type": "object", "additionalProperties": {"type": "string"}},
        "Discovery": schema("discovery"),
        "HookRequest": schema("request.minimum"),
        "Cards": schema("response"),
        "Feedback": schema("feedback"),
        "OperationOutcome": _resource("OperationOutcome"),
        "Parameters": _resource("Parameters"),
        "ApplyParameters": _parameters({*PLAN, *ACTIVITY}),
        "CqlParameters": _parameters(CQL),
        "EvaluateParameters": _parameters(EVALUATE),
        "Bundle": _resource("Bundle"),
        "Library": _resource("Library"),
        "CapabilityStatement": _resource("CapabilityStatement"),
        "ValueSet": _resource("ValueSet"),
        "Definition": {"type": "object", "required": ["resourceType"]},
        "Applied": {
            "type": "object",
            "required": ["resourceType"],
            "description": "Of a plan a CarePlan, RequestGroup or Bundle; of an activity what it makes",
        },
    }


#: The schemas of parameters that are no plain text.
PARAMETERS: Mapping[str, dict[str, Any]] = {
    "_count": _COUNT,
    "_offset": _COUNT,
    "count": _COUNT,
    "offset": _COUNT,
    "_summary": {"enum": ["true", "false", "text", "data", "count"]},
    "output": {"enum": ["careplan", "requestgroup", "bundle"]},
}
