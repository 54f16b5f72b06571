"""Definitions by canonical: what `url|version` means among loaded documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from cds.definitions.load import Document
from cds.definitions.logic import NO_LOGIC, Logic
from cds.definitions.versions import version_key
from cds.errors import NotFoundError
from cds.fhir import split_canonical
from cds.terminology import meant_canonical


class Registry:
    """An immutable index of documents by canonical url, with the CQL their libraries carry. Several versions of one url
    may be loaded."""

    def __init__(self, documents: Iterable[Document], logic: Logic = NO_LOGIC) -> None:
        self.documents: tuple[Document, ...] = tuple(documents)
        self.logic = logic
        by_url: dict[str, list[Document]] = {}
        for document in self.documents:
            if document.url:
                by_url.setdefault(document.url, []).append(document)
        for versions in by_url.values():
            versions.sort(key=lambda document: version_key(document.version), reverse=True)
        self._by_url: Mapping[str, tuple[Document, ...]] = MappingProxyType(
            {url: tuple(versions) for url, versions in by_url.items()}
        )

    def find(self, canonical: str, *kinds: str) -> Document | None:
        """The document a canonical names: that version, or the highest one when it gives none; None when there is no
        such document or it is of none of `kinds` (all kinds when none are given)."""
        url, version = split_canonical(canonical)
        for document in self._by_url.get(url, ()):
            if (version is None or document.version == version) and (not kinds or document.kind in kinds):
                return document
        return None

    def get(self, canonical: str, *kinds: str) -> Document:
        """Like `find`. Raises NotFoundError with the nearest name instead of giving None."""
        document = self.find(canonical, *kinds)
        if document is None:
            hint = self.hint(canonical, *kinds)
            raise NotFoundError(f"{_wanted(kinds)} {canonical} is not loaded" + (f": {hint}" if hint else ""))
        return document

    def hint(self, canonical: str, *kinds: str) -> str | None:
        """What an author may have meant by a canonical that `find` does not know."""
        url, version = split_canonical(canonical)
        loaded = self._by_url.get(url, ())
        fitting = [document for document in loaded if not kinds or document.kind in kinds]
        if fitting and version is not None:
            versions = ", ".join(document.version or "none" for document in fitting)
            return f"{url} is loaded with the version {versions}"
        if loaded:
            return f"{url} is a {loaded[0].kind}, not a {_wanted(kinds)}"
        return meant_canonical(url, self.urls(*kinds)) or f"add a file that defines the {_wanted(kinds)}"

    def urls(self, *kinds: str) -> list[str]:
        """The urls of the loaded documents of `kinds`, sorted."""
        return sorted({d.url for d in self.documents if d.url and (not kinds or d.kind in kinds)})


def _wanted(kinds: tuple[str, ...]) -> str:
    return " or ".join(kinds) if kinds else "definition"
