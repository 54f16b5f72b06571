"""The terminology of a content folder: value sets expanded, and what is wrong with them as Problems."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from cds.definitions.files import ContentFolder
from cds.definitions.load import Document
from cds.definitions.overlay import Overlay
from cds.definitions.versions import version_key
from cds.errors import Location, Problem
from cds.findings import Finding
from cds.terminology import Terminology, build


def expand(
    documents: Iterable[Document], folder: ContentFolder, overlay: Overlay | None = None
) -> tuple[Terminology, list[Problem]]:
    """The Terminology of the ValueSet, CodeSystem and ConceptMap documents, with what an overlay adds to the value
    sets. CSV files are read through their folder, so that they are guarded like the rest and count for the revision."""
    documents = list(documents)
    value_sets, code_systems, concept_maps = (
        _newest_first(documents, kind) for kind in ("ValueSet", "CodeSystem", "ConceptMap")
    )
    additions = overlay.additions if overlay else []

    def folder_of(path: Path) -> ContentFolder:
        return overlay.folder if overlay and overlay.folder.holds(path) else folder

    terminology, findings = build(
        [(document.resource, document.origin) for document in value_sets],
        [document.resource for document in code_systems],
        lambda path: folder_of(path).read(path),
        concept_maps=[document.resource for document in concept_maps],
        additions=[(document.resource, document.origin) for document in additions],
    )
    owners = {id(document.resource): document for document in (*value_sets, *concept_maps, *additions)}
    return terminology, [
        _problem(finding, owners[id(finding.resource)], folder_of(owners[id(finding.resource)].origin))
        for finding in findings
    ]


def _newest_first(documents: Iterable[Document], kind: str) -> Sequence[Document]:
    found = [document for document in documents if document.kind == kind]
    return sorted(found, key=lambda document: version_key(document.version), reverse=True)


def _problem(finding: Finding, owner: Document, folder: ContentFolder) -> Problem:
    if finding.file is None:
        code, message = finding.code, finding.message
        return owner.problem(code, message, finding.path, hint=finding.hint, severity=finding.severity)
    location = Location(str(folder.shown(finding.file)), finding.line, finding.column)
    return Problem(finding.code, finding.message, location, finding.hint, source=finding.source)
