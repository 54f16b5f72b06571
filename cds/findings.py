"""What is wrong in terminology content, before it has a place in a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cds.errors import Severity
from cds.fhir import Resource

ElementPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong in a value set or concept map: at an element path of `resource`, or at a line of its CSV file."""

    resource: Resource
    path: ElementPath
    code: str
    message: str
    hint: str | None = None
    file: Path | None = None
    line: int = 0
    column: int = 0
    source: str | None = None
    severity: Severity = "error"
