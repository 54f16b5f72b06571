"""The schema of case files (docs/cases.md)."""

from __future__ import annotations

from typing import Any

from cds.cases.expand import CODE_SYSTEMS, STATUS_WORDS
from cds.definitions.plans import HOOKS
from cds.expr.types import model

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}


def cases() -> Schema:
    """The schema of one case file. What a content folder names - decisions, settings, defines - stays open."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Cases of pathway-cds",
        **_object(
            decision=_said(_TEXT, "The decision these cases are about."),
            today=_said(_TEXT, "Their clock: noon of this day."),
            service=_said(_TEXT, "The service that is called, where several answer a hook."),
            resources=_said(_map(_ref("resource")), "Resources by name; the name is the id."),
            cases={"type": "array", "items": _ref("case"), "minItems": 1},
        ),
        "required": ["decision", "today", "cases"],
        "definitions": {
            "case": _case(),
            "card": _card(),
            "suggestion": _suggestion(),
            "action": _action(),
            "resource": _resource(),
            "concept": _concept(),
        },
    }


def _case() -> Schema:
    kinds = {"type": "array", "items": {"enum": sorted(model().resources)}}
    case = _object(
        name=_said(_TEXT, "What the case shows; unique in its file."),
        hook={"type": "string", "examples": sorted(HOOKS)},
        service=_TEXT,
        settings=_said({"type": "object"}, "Site parameters."),
        patient=_said({"type": "object"}, "What differs from an adult with the id p1."),
        data=_said(_resources(), "What the record holds; all other types are looked up and empty."),
        missing=_said(kinds, "Types that were not looked up."),
        failed=_said(kinds, "Types that could not be looked up."),
        partial=_said(kinds, "Types of which a first page came only."),
        drafts=_said(_resources(), "Draft orders of order-select and order-sign."),
        selections=_said({"type": "array", "items": _TEXT}, "Ids of the selected drafts of order-select."),
        appointments=_said(_resources(), "Appointments of appointment-book."),
        expect=_said({"type": "array", "items": _ref("card")}, "The cards that must come, in their order."),
        silent=_said({"anyOf": [{"const": "all"}, {"type": "array", "items": _TEXT}]}, "Decisions without a card."),
        near_miss_of=_said({"type": "array", "items": _TEXT}, "Rows that are on no card here, by one reason only."),
        refused=_said({"type": "integer"}, "The status of a call that must be refused."),
        defines=_said({"type": "object"}, "What defines of the CQL come to."),
    )
    return {**case, "required": ["name", "hook"]}


def _card() -> Schema:
    words = dict.fromkeys(("summary", "not_summary", "detail", "not_detail", "source"), _TEXTS)
    return _object(
        decision=_TEXT,
        indicator={"enum": ["info", "warning", "critical"]},
        **words,
        override_reasons={"type": "array", "items": _TEXT},
        suggestions={"type": "array", "items": _ref("suggestion")},
    )


def _suggestion() -> Schema:
    return _object(label=_TEXTS, recommended={"type": "boolean"}, actions={"type": "array", "items": _ref("action")})


def _action() -> Schema:
    written = _object(create=_TEXT, update=_TEXT, delete=_TEXT, **{"with": {"type": "object"}})
    return {"anyOf": [{"type": "string", "pattern": "^(create|update|delete) [A-Za-z]+"}, written]}


def _resources() -> Schema:
    return {"type": "array", "items": {"anyOf": [_TEXT, _ref("resource")]}}


def _resource() -> Schema:
    """A resource with the elements that are often written in shorthand; the others are FHIR's."""
    statuses = {name: {"anyOf": [{"enum": list(words)}, {}]} for (_, name), (_, words) in STATUS_WORDS.items()}
    return {
        "type": "object",
        "properties": {
            "resourceType": {"enum": sorted(model().resources)},
            "like": _said(_TEXT, "A named resource that this one is a copy of; null removes a member."),
            "code": _ref("concept"),
            **statuses,
        },
        "anyOf": [{"required": ["resourceType"]}, {"required": ["like"]}],
    }


def _concept() -> Schema:
    code = {"type": ["string", "number"]}
    concept = _object(**dict.fromkeys(CODE_SYSTEMS, code), text=_TEXT, coding={"type": "array"}, id=_TEXT)
    return {"anyOf": [concept, {"type": ["string", "null", "array"]}]}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _map(item: Schema) -> Schema:
    return {"type": "object", "additionalProperties": item}


def _said(schema: Schema, text: str) -> Schema:
    return {**schema, "description": text}


def _ref(name: str) -> Schema:
    return {"allOf": [{"$ref": f"#/definitions/{name}"}]}
