"""The terminology of a content folder: value sets expanded, and what is wrong with them as Problems."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cds.definitions.files import ContentFolder
from cds.definitions.load import Document
from cds.definitions.versions import version_key
from cds.errors import Location, Problem
from cds.terminology import Finding, Terminology, build


def expand(documents: Iterable[Document], folder: ContentFolder) -> tuple[Terminology, list[Problem]]:
    """The Terminology of the ValueSet and CodeSystem documents. CSV files are read through `folder`, so that they are
    guarded like the rest and count for its revision."""
    value_sets = _newest_first(documents, "ValueSet")
    code_systems = _newest_first(documents, "CodeSystem")
    terminology, findings = build(
        [(document.resource, document.origin) for document in value_sets],
        [document.resource for document in code_systems],
        folder.read,
    )
    owners = {id(document.resource): document for document in value_sets}
    return terminology, [_problem(finding, owners[id(finding.resource)], folder) for finding in findings]


def _newest_first(documents: Iterable[Document], kind: str) -> Sequence[Document]:
    found = [document for document in documents if document.kind == kind]
    return sorted(found, key=lambda document: version_key(document.version), reverse=True)


def _problem(finding: Finding, owner: Document, folder: ContentFolder) -> Problem:
    if finding.file is None:
        return owner.problem(finding.code, finding.message, finding.path, hint=finding.hint)
    location = Location(str(folder.shown(finding.file)), finding.line, finding.column)
    return Problem(finding.code, finding.message, location, finding.hint, source=finding.source)
