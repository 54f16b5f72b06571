"""The schema of definition files: the FHIR types they are made of, with what we read of them."""

from __future__ import annotations

from typing import Any

from cds.definitions.extensions import VALUES
from cds.definitions.load import KINDS
from cds.definitions.plans import ACTIVITY_KINDS, HOOKS
from cds.definitions.structure import Rule, choices_of, json_kinds, model_of, rules_of
from cds.expr.cql_expression import LANGUAGES, OLDER_LANGUAGES

Schema = dict[str, Any]

_JSON = {"true or false": "boolean", "a whole number": "integer", "a number": "number", "text": "string"}
#: Elements that take what we know, beside what FHIR knows.
_OURS: dict[tuple[str, str], Schema] = {
    ("Expression", "language"): {"enum": ["text/fhirpath", *LANGUAGES, *OLDER_LANGUAGES]},
    ("TriggerDefinition", "name"): {"examples": sorted(HOOKS)},
    ("ActivityDefinition", "kind"): {"enum": list(ACTIVITY_KINDS)},
    ("Extension", "url"): {"examples": list(VALUES)},
}
#: What stands for any value of an extension; all types of FHIR would make most of the schema.
_VALUE: Schema = {"^value[A-Z]": {}}


def definitions() -> Schema:
    """The schema of one document of a definition file: a resource of KINDS, or a Bundle of them."""
    types: dict[str, Schema] = {}
    for kind in KINDS:
        _add(kind, types)
    chosen = [_when(kind, {"$ref": f"#/definitions/{kind}"}) for kind in KINDS]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Definitions of pathway-cds",
        "type": "object",
        "required": ["resourceType"],
        "properties": {"resourceType": {"enum": [*KINDS, "Bundle"]}},
        "allOf": chosen,
        "definitions": dict(sorted(types.items())),
    }


def _when(kind: str, then: Schema) -> Schema:
    return {"if": {"properties": {"resourceType": {"const": kind}}}, "then": then}


def _add(kind: str, types: dict[str, Schema]) -> None:
    """A FHIR type and those that it is made of."""
    if kind in types:
        return
    model = model_of(kind)
    schema = types[kind] = {"type": "object", "additionalProperties": False, "patternProperties": {"^_": {}}}
    rules = [rule for rule in rules_of(model).values() if not rule.name.startswith("_")]
    if kind == "Extension":
        rules = [rule for rule in rules if not rule.name.startswith("value") or rule.name == "valueExpression"]
        schema["patternProperties"] = {**schema["patternProperties"], **_VALUE}
    properties = {rule.name: _element(kind, rule, types) for rule in rules}
    if model.has_resource_base():
        properties["resourceType"] = {"const": kind}
    schema["properties"] = properties
    if required := [rule.name for rule in rules if rule.required]:
        schema["required"] = required
    choices = [names for names in choices_of(model).values() if any(rules_of(model)[n].choice_required for n in names)]
    if choices:
        schema["allOf"] = [{"anyOf": [{"required": [name]} for name in names]} for names in choices]


def _element(kind: str, rule: Rule, types: dict[str, Schema]) -> Schema:
    schema = _value(rule, types)
    schema |= _OURS.get((kind, rule.name), {})
    if rule.many:
        schema = {"type": "array", "items": schema}
    return {**schema, "description": rule.title} if rule.title else schema


def _value(rule: Rule, types: dict[str, Schema]) -> Schema:
    if rule.primitive:
        schema: Schema = {"type": _JSON[json_kinds(rule.target)[0]]}
        return {**schema, "enum": list(rule.codes)} if rule.codes else schema
    name = rule.target.get_model_klass().get_resource_type()
    if name == "Resource":
        return {"type": "object"}
    _add(name, types)
    return {"allOf": [{"$ref": f"#/definitions/{name}"}]}  # beside $ref alone, draft 7 reads nothing
