"""The JSON Schema of the file of registered clients, for editors.

`python -m cds.client_schema > docs/clients.schema.json` writes it. What it cannot say, `cds clients` says."""

from __future__ import annotations

import json
from typing import Any

from cds.client_file import MEMBERS
from cds.keys import ASYMMETRIC, SYMMETRIC

_TEXT = {"type": "string", "minLength": 1, "maxLength": 255}
_ID = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"}
_SERVER = {"type": "string", "pattern": r"^https?://[^\s?#]+$"}
_SEARCH = {
    "type": "string",
    "maxLength": 2000,
    "pattern": r"^[A-Z][A-Za-z]+\?([^#\s]*&)?(patient|subject)=\{\{(context\.)?patientId\}\}(&[^#\s]*)?$",
}
_SHAPES: dict[str, Any] = {
    "id": _ID,
    "issuer": _TEXT,
    "jku": _SERVER | {"pattern": r"^https?://[^\s#]+$"},
    "keys": {"type": ["string", "array", "object"]},
    "secret_file": {"type": "string", "minLength": 1},
    "algorithms": {"type": "array", "items": {"enum": sorted(ASYMMETRIC | SYMMETRIC)}},
    "sub": _TEXT,
    "audiences": {"type": "array", "items": _TEXT},
    "max_life": {"type": "integer", "minimum": 1, "maximum": 86400},
    "rate": {"type": "number", "minimum": 0.01, "maximum": 100000},
    "tenant": _ID,
    "tenants": {"type": "array", "items": _TEXT},
    "services": {"type": "array", "items": _ID},
    "fhir": {
        "type": "array",
        "items": {
            "anyOf": [
                _SERVER,
                {
                    "type": "object",
                    "properties": {"url": _SERVER, "open": {"type": "boolean"}},
                    "required": ["url"],
                    "additionalProperties": False,
                },
            ]
        },
    },
    "queries": {
        "type": "object",
        "propertyNames": {"pattern": "^[a-z][A-Za-z]+$"},
        "additionalProperties": {
            "anyOf": [
                _SEARCH,
                {
                    "type": "object",
                    "properties": {"search": _SEARCH, "complete": {"type": "boolean"}},
                    "required": ["search"],
                    "additionalProperties": False,
                },
            ]
        },
    },
    "networks": {"type": "array", "items": {"type": "string"}},
    "subject": _TEXT,
    "origins": {"type": "array", "items": {"type": "string", "pattern": "^https?://[^/A-Z]+$"}},
    "cds_hooks": {"enum": [2.0, 3.0, "2.0", "3.0"]},
}


def schema() -> dict[str, Any]:
    """The schema (draft 2020-12)."""
    client = {
        "type": "object",
        "properties": {name: {"description": MEMBERS[name], **shape} for name, shape in _SHAPES.items()},
        "required": ["id", "issuer"],
        "anyOf": [{"required": ["jku"]}, {"required": ["keys"]}, {"required": ["secret_file"]}],
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Registered clients of pathway-cds",
        "type": "object",
        "properties": {"clients": {"type": "array", "minItems": 1, "items": client}},
        "required": ["clients"],
        "additionalProperties": False,
    }


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))  # noqa: T201 - writes docs/clients.schema.json
