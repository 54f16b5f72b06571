"""The site's overlay: a folder of terminology that adds codes to our value sets (docs/terminology.md)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cds.definitions.element import Element
from cds.definitions.files import ContentFolder
from cds.definitions.load import Document, load_folder
from cds.errors import Problem
from cds.fhir import split_canonical
from cds.terminology import meant_canonical

KINDS = ("ValueSet", "CodeSystem", "ConceptMap")


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """One loaded overlay: `additions` are its ValueSets with the url of one of the content, whose compose is added to
    that one; `documents` is the rest, which joins the content."""

    folder: ContentFolder
    additions: list[Document]
    documents: list[Document]
    problems: list[Problem]

    def revision(self, content: str) -> str:
        """The revision of a content folder together with this overlay."""
        return hashlib.sha256(f"{content} {self.folder.revision()}".encode()).hexdigest()[:16]


def load_overlay(root: Path, content: Sequence[Document]) -> Overlay:
    """The overlay in a folder, for the documents of the content it adds to. Never raises for bad files."""
    folder = ContentFolder(root)
    found, problems = load_folder(folder)
    ours = {document.url: document for document in content if document.url}
    value_sets = {url for url, document in ours.items() if document.kind == "ValueSet"}
    additions = [document for document in found if document.kind == "ValueSet" and document.url in value_sets]
    others = [document for document in found if document not in additions]
    used = {canonical for document in found for canonical in _included(document)}
    for document in others:
        if document.kind not in KINDS:
            message = f"an overlay holds no {document.kind}"
            hint = f"it is made of {', '.join(KINDS)}; put other definitions into the content folder"
            problems.append(document.problem("overlay-kind", message, ("resourceType",), hint=hint))
        elif document.url in ours:
            message = f"{document.url} is already defined at {ours[document.url].locate(('url',))}"
            hint = "give it a url of your own; only a ValueSet can add to one of the content"
            problems.append(document.problem("canonical-duplicate", message, ("url",), hint=hint))
        elif document.kind == "ValueSet" and document.url and document.url not in used:
            message = "this adds to no value set of the content, and no other value set here includes it"
            hint = meant_canonical(document.url, value_sets) or "write the url of the value set to add to"
            problem = document.problem("overlay-value-set", message, ("url",), hint=hint, severity="warning")
            problems.append(problem)
    joining = [document for document in others if document.kind in KINDS and document.url not in ours]
    return Overlay(folder, additions, joining, problems)


def _included(document: Document) -> Iterator[str]:
    """The urls of the value sets that a value set includes or excludes."""
    for compose in Element.root(document).each("compose"):
        for part in (*compose.each("include"), *compose.each("exclude")):
            yield from (split_canonical(canonical)[0] for _, canonical in part.texts("valueSet"))
