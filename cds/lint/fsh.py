"""Where FSH authors have to look: SUSHI keeps an index of the lines that each resource was made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from cds.definitions.registry import Registry
from cds.errors import Problem

#: Beside the folder of resources, both below fsh-generated.
_INDEX = Path("data", "fsh-index.json")


def with_source(problems: Iterable[Problem], registry: Registry) -> list[Problem]:
    """The problems, with the lines of FSH in the hint of each that stands in a file which SUSHI made."""
    folders = {document.origin.parent for document in registry.documents}
    indexes = {folder: _index(folder.parent / _INDEX) for folder in folders if folder.name == "resources"}
    made = {
        str(document.file): written
        for document in registry.documents
        if (written := indexes.get(document.origin.parent, {}).get(document.origin.name))
    }
    return [_told(problem, made.get(problem.location.file)) for problem in problems]


def _told(problem: Problem, written: str | None) -> Problem:
    if written is None:
        return problem
    return replace(problem, hint="; ".join(filter(None, (problem.hint, f"it is made from {written}"))))


def _index(path: Path) -> dict[str, str]:
    """File name -> file and lines of the FSH, of one index; nothing where there is none that can be read."""
    try:
        entries = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return dict(_entries(entries if isinstance(entries, list) else []))


def _entries(entries: list[Any]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        if isinstance(entry, dict) and {"outputFile", "fshFile", "startLine", "endLine"} <= entry.keys():
            yield str(entry["outputFile"]), f"{entry['fshFile']}, lines {entry['startLine']} to {entry['endLine']}"
