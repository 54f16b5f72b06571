"""Our JSON Schemas against the instances of the specification digest (shared/spec/schemas/checks)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cds.hooks.envelope import SCHEMAS, schema, validator

CHECKS = Path(__file__).resolve().parents[2] / "shared" / "spec" / "schemas" / "checks"


def _instances() -> list[Any]:
    return [
        pytest.param(path.stem, check["instance"], check["valid"], id=f"{path.stem}: {check['name']}")
        for path in sorted(CHECKS.glob("*.json"))
        for check in json.loads(path.read_text())
    ]


@pytest.mark.skipif(not CHECKS.is_dir(), reason="shared/spec is not beside this checkout")
@pytest.mark.parametrize(("name", "instance", "valid"), _instances())
def test_verdicts_agree_with_the_digest(name: str, instance: Any, valid: bool) -> None:
    """Every published instance gets the verdict the digest expects, from both validators (A, B, C, E, H)."""
    assert validator(name).is_valid(instance) is valid
    assert jsonschema.Draft202012Validator(schema(name)).is_valid(instance) is valid


@pytest.mark.skipif(not CHECKS.is_dir(), reason="shared/spec is not beside this checkout")
def test_every_published_schema_has_one_of_ours() -> None:
    """No kind of message is left without a schema, and all 243 instances are there to run."""
    assert {path.stem for path in CHECKS.glob("*.json")} == {p.name.removesuffix(".schema.json") for p in _files()}
    assert len(_instances()) == 243


def _files() -> list[Path]:
    return sorted(SCHEMAS.glob("*.schema.json"))


@pytest.mark.parametrize("path", _files(), ids=lambda path: path.name)
def test_files_are_self_contained_schemas(path: Path) -> None:
    """Each file is a valid 2020-12 schema, is named as its $id says, and refers to nothing outside itself."""
    document = json.loads(path.read_text())
    jsonschema.Draft202012Validator.check_schema(document)
    assert document["$id"].endswith("/" + path.name)
    assert all(reference.startswith("#/$defs/") for reference in _references(document))


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [reference for value in node.values() for reference in _references(value)]
    if isinstance(node, list):
        return [reference for value in node for reference in _references(value)]
    return []


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("context.*.json")), ids=lambda path: path.name)
def test_strict_request_holds_the_same_contexts(path: Path) -> None:
    """The context of a hook means the same alone and inside the strict request schema (H)."""
    context = json.loads(path.read_text())
    hook = path.name.removeprefix("context.").removesuffix(".schema.json")
    inside = schema("request")["$defs"][f"context-{hook}"]
    assert inside == {name: context[name] for name in ("type", "required", "properties")}
