"""The JSON Schema of the file of clients says what the reader says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from cds.client_file import MEMBERS
from cds.client_schema import schema

DOCS = Path(__file__).resolve().parent.parent / "docs"
GOOD = "clients: [{id: a, issuer: b, jku: 'https://c.example/k'}]"
VALIDATOR = Draft202012Validator(schema())


def test_the_published_schema_is_current() -> None:
    """docs/clients.schema.json is what `python -m cds.client_schema` prints, and is a schema."""
    assert json.loads((DOCS / "clients.schema.json").read_text()) == schema()
    Draft202012Validator.check_schema(schema())


def test_it_knows_every_member() -> None:
    """Each member that the reader takes is in the schema with the same meaning, and no other."""
    properties = schema()["properties"]["clients"]["items"]["properties"]
    assert {name: shape["description"] for name, shape in properties.items()} == MEMBERS


def test_the_examples_of_the_guide_are_valid() -> None:
    """Each file of clients in docs/integration.md keeps the schema."""
    page = (DOCS / "integration.md").read_text()
    examples = [text for text in re.findall(r"```yaml\n(.+?)```", page, re.DOTALL) if "clients:" in text]
    for text in [*examples, GOOD]:
        VALIDATOR.validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("id: a, ", ""),
        ("issuer: b, ", ""),
        (", jku: 'https://c.example/k'", ""),
        ("id: a", "id: 'a b'"),
        ("id: a", "id: 7"),
        ("id: a", "id: a, isuer: b"),
        ("id: a", "id: a, algorithms: [none]"),
        ("id: a", "id: a, algorithms: RS384"),
        ("id: a", "id: a, max_life: 90000"),
        ("id: a", "id: a, rate: 0"),
        ("id: a", "id: a, cds_hooks: 2.1"),
        ("id: a", "id: a, origins: ['*']"),
        ("id: a", "id: a, origins: ['https://c.example/']"),
        ("id: a", "id: a, fhir: [{open: true}]"),
        ("id: a", "id: a, fhir: [{url: 'https://c.example', opne: true}]"),
        ("id: a", "id: a, fhir: ['ftp://c.example']"),
        ("id: a", "id: a, queries: {goals: 'Goal?status=active'}"),
        ("id: a", "id: a, queries: {goals: 'Goal/1'}"),
        ("id: a", "id: a, queries: {goals: {complete: true}}"),
        ("id: a", "id: a, queries: {goals: {search: 'Goal?patient={{context.patientId}}', whole: true}}"),
        ("clients: [", "clients: [] # "),
        ("clients", "client"),
    ],
)
def test_common_mistakes_are_marked(before: str, after: str) -> None:
    """An editor marks what the reader would refuse."""
    assert before in GOOD
    assert not VALIDATOR.is_valid(yaml.safe_load(GOOD.replace(before, after)))
