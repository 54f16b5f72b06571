"""A content folder with a CQL library, and calls of the operations on it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest

from cds.cql import operation
from cds.cql.call import read_body, read_query
from cds.cql.content import Content
from cds.definitions.snapshot import load_snapshot
from cds.errors import RequestError
from cds.fhir import written
from cds.fhirpath.question import Surroundings

NOW = datetime(2026, 3, 3, 12, 30, tzinfo=UTC)
CQL_TYPE = "http://hl7.org/fhir/StructureDefinition/cqf-cqlType"
URL = "http://example.org/fhir/Library/Pain"
LIBRARY = f"""
resourceType: Library
id: pain
url: {URL}
version: "1.1"
name: Pain
status: active
type: {{ coding: [{{ system: http://terminology.hl7.org/CodeSystem/library-type, code: logic-library }}] }}
content: [{{ contentType: text/cql, url: pain.cql }}]
parameter:
  - extension:
      - {{ url: http://hl7.org/fhir/StructureDefinition/minValue, valueInteger: 0 }}
      - {{ url: http://hl7.org/fhir/StructureDefinition/maxValue, valueInteger: 99 }}
    name: Limit
    use: in
    type: integer
"""
PAIN = """library Pain version '1.1'
using FHIR version '4.0.1'
include FHIRHelpers version '4.0.1'
codesystem "SNOMED": 'http://snomed.info/sct'
code "Low back pain": '279039007' from "SNOMED" display 'Low back pain'
parameter Limit Integer default 2
parameter Period Interval<DateTime>
context Patient
define "Back Pain": [Condition: "Low back pain"]
define "Has Back Pain": exists "Back Pain"
define "Too Many": Count("Back Pain") > Limit
define private Secret: 7
define Fails: Message(1, true, 'X', 'Error', 'it fails')
define Warns: Message(1, true, 'Y', 'Warning', 'take care')
define Started: start of Period
"""


@cache
def content() -> Content:
    """The content with the library Pain."""
    with TemporaryDirectory() as folder:
        Path(folder, "pain.yaml").write_text(LIBRARY, encoding="utf-8")
        Path(folder, "pain.cql").write_text(PAIN, encoding="utf-8")
        return Content(load_snapshot(Path(folder)))


def surroundings() -> Surroundings:
    """A stopped clock at UTC."""
    return Surroundings(NOW, UTC)


def text(name: str, value: str) -> dict[str, Any]:
    """A parameter with a text."""
    return {"name": name, "valueString": value}


def nested(*found: dict[str, Any]) -> dict[str, Any]:
    """The input `parameters`."""
    return {"name": "parameters", "resource": {"resourceType": "Parameters", "parameter": list(found)}}


def data(*resources: dict[str, Any]) -> dict[str, Any]:
    """The input `data`."""
    entries = [{"resource": resource} for resource in resources]
    return {"name": "data", "resource": {"resourceType": "Bundle", "type": "collection", "entry": entries}}


def patient(identifier: str = "p", **members: Any) -> dict[str, Any]:
    """A Patient."""
    return {"resourceType": "Patient", "id": identifier, **members}


def pain(identifier: str = "c", subject: str = "p") -> dict[str, Any]:
    """A Condition with the code of low back pain."""
    coding = [{"system": "http://snomed.info/sct", "code": "279039007"}]
    reference = {"reference": f"Patient/{subject}"}
    return {"resourceType": "Condition", "id": identifier, "subject": reference, "code": {"coding": coding}}


def sent_library(source: str | dict[str, Any], **members: Any) -> dict[str, Any]:
    """The input `library` of $evaluate with CQL or ELM."""
    kind = "text/cql" if isinstance(source, str) else "application/elm+json"
    raw = source if isinstance(source, str) else json.dumps(source)
    attachment = {"contentType": kind, "data": base64.b64encode(raw.encode()).decode()}
    return {"name": "library", "resource": {"resourceType": "Library", "content": [attachment], **members}}


def body(*found: dict[str, Any]) -> bytes:
    """The body of a call."""
    return json.dumps({"resourceType": "Parameters", "parameter": list(found)}).encode()


def read(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The parameters of an answer as they go over the wire."""
    value = orjson.loads(orjson.dumps(answer, default=written))
    assert value["resourceType"] == "Parameters"
    found: list[dict[str, Any]] = value["parameter"]
    return found


def ask(expression: str, *others: dict[str, Any]) -> list[dict[str, Any]]:
    """The answer of $cql."""
    sent = read_body(body(text("expression", expression), *others), 64)
    return read(operation.run_expression(sent, content(), surroundings(), {}))


def evaluate(*sent: dict[str, Any], identifier: str | None = None, **query: str) -> dict[str, list[dict[str, Any]]]:
    """The answer of Library/$evaluate, by the names of its parameters."""
    call = read_query(query.items()) if query else read_body(body(*sent), 64)
    found: dict[str, list[dict[str, Any]]] = {}
    for parameter in read(operation.run_library(call, content(), surroundings(), {}, identifier)):
        found.setdefault(parameter["name"], []).append(parameter)
    return found


def value(parameter: dict[str, Any]) -> Any:
    """Its value[x]."""
    return next(member for key, member in parameter.items() if key.startswith("value"))


def issues(error: RequestError) -> list[tuple[str, str, str | None]]:
    """Code, text and place of each issue."""
    return [(issue.code, issue.text, issue.expression) for issue in error.issues]


def refused(*sent: dict[str, Any], expression: str = "1") -> list[tuple[str, str, str | None]]:
    """The issues of a call of $cql that is refused with 400."""
    with pytest.raises(RequestError) as caught:
        ask(expression, *sent)
    assert caught.value.status == 400
    return issues(caught.value)
