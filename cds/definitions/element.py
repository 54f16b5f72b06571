"""A cursor over one element of a document, so that checks read values of any shape and report at the right place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cds.definitions.load import Document
from cds.definitions.source import ElementPath
from cds.errors import Problem, Severity


@dataclass(frozen=True, slots=True)
class Element:
    """An object inside a document: its path from the resource, and its members. Members of a wrong shape read as
    absent; the FHIR structure check reports them."""

    document: Document
    path: ElementPath
    value: dict[str, Any]

    @classmethod
    def root(cls, document: Document) -> Element:
        """The cursor at the resource itself."""
        return cls(document, (), document.resource)

    def text(self, name: str) -> str | None:
        """The member `name` when it is a non-empty string."""
        value = self.value.get(name)
        return value if isinstance(value, str) and value else None

    def texts(self, name: str) -> Iterator[tuple[ElementPath, str]]:
        """The strings of a member that may repeat, each with its path."""
        for path, value in self._items(name):
            if isinstance(value, str) and value:
                yield path, value

    def each(self, name: str) -> Iterator[Element]:
        """The objects of a member that may repeat."""
        for path, value in self._items(name):
            if isinstance(value, dict):
                yield Element(self.document, path, value)

    def children(self) -> Iterator[Element]:
        """The objects directly below, in order."""
        for name in self.value:
            yield from self.each(name)

    def extensions(self, url: str) -> Iterator[Element]:
        """The extensions with that url."""
        return (item for item in self.each("extension") if item.text("url") == url)

    def problem(
        self,
        code: str,
        message: str,
        *at: str | int,
        key: bool = False,
        hint: str | None = None,
        severity: Severity = "error",
    ) -> Problem:
        """A Problem at the element `at` below this one, or at its nearest parent that exists."""
        return self.document.problem(code, message, (*self.path, *at), key=key, hint=hint, severity=severity)

    def _items(self, name: str) -> Iterator[tuple[ElementPath, Any]]:
        value = self.value.get(name)
        if isinstance(value, list):
            yield from (((*self.path, name, index), item) for index, item in enumerate(value))
        else:
            yield (*self.path, name), value
