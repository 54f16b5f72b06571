"""Content folders with CQL for the apply tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from apply_support import BASE, library

from cds.definitions.snapshot import Snapshot, load_snapshot

HEADER = "library {name} version '1.0.0'\nusing FHIR version '4.0.1'\n"
LoadCql = Callable[..., Snapshot]


def cql_library(name: str = "Logic", **elements: Any) -> dict[str, Any]:
    """A Library whose text stands in the file `<name>.cql`."""
    content = [{"contentType": "text/cql", "url": f"{name}.cql"}]
    return library(name=name, version="1.0.0", **{"url": f"{BASE}/Library/{name}", "content": content, **elements})


def cql(text: str, language: str = "text/cql", **more: str) -> dict[str, str]:
    """An Expression in CQL."""
    return {"language": language, "expression": text, **more}


def when(text: str, language: str = "text/cql-identifier") -> list[dict[str, Any]]:
    """The conditions of an action with one in CQL."""
    return [{"kind": "applicability", "expression": cql(text, language)}]


@pytest.fixture
def load_cql(tmp_path: Path) -> LoadCql:
    """Write resources and CQL texts (name -> text after its header) into one folder and load it."""

    def loader(*resources: dict[str, Any], **texts: str) -> Snapshot:
        for number, resource in enumerate(resources):
            (tmp_path / f"{number:02d}.json").write_bytes(orjson.dumps(resource))
        for name, text in texts.items():
            (tmp_path / f"{name}.cql").write_text(HEADER.format(name=name) + text, encoding="utf-8")
        return load_snapshot(tmp_path)

    return loader
