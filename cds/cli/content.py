"""The content of the settings, for verbs that may do without it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cds.config import Settings
from cds.expr import Terminology

if TYPE_CHECKING:
    from pathlib import Path

    from cds.cql.declared import Declarations, Declared
    from cds.definitions.snapshot import Snapshot
    from cds.expr.elm.library import Library


class LazyContent(Terminology):
    """Value sets and CQL libraries of the content, which is loaded when the first is asked for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _snapshot(self) -> Snapshot:
        from cds.definitions.snapshot import load_snapshot

        settings = self._settings
        return load_snapshot(settings.content, settings.overlay, prefer_elm=settings.prefer_elm)

    @cached_property
    def _declarations(self) -> Declarations:
        from cds.cql.declared import Declarations

        return Declarations(self._snapshot.registry)

    def member(self, value_set: str, system: str | None, code: str) -> bool | None:
        return self._snapshot.terminology.member(value_set, system, code)

    def codes(self, value_set: str) -> frozenset[tuple[str, str]] | None:
        return self._snapshot.terminology.codes(value_set)

    def subsumes(self, system: str, ancestor: str, code: str) -> bool | None:
        return self._snapshot.terminology.subsumes(system, ancestor, code)

    def parameters(self, library: Library) -> dict[str, Any]:
        """The site's values of parameters of a library and those it includes, by `Library.name`. The content, which
        says what they are, is loaded only where the settings have some. Raises DefinitionError."""
        settings = self._settings
        if settings.parameters is None and not settings.says_guideline:
            return {}
        from cds.cql.parameters import closure, key_of
        from cds.cql.site import site_values

        declared = self._declarations
        values = site_values(declared, settings.parameters, settings.guideline, chosen=settings.says_guideline)
        own = {key_of(found): found.type for each, _ in closure(library) for found in each.parameters.values()}
        return {key: value for key, value in values.items() if key in own and own[key] == declared.all[key].type}

    def declared(self, file: Path) -> Mapping[str, Declared]:
        """The parameters that the content declares, by `Library.name`, as far as they matter to the library in a file:
        one in the content folder, or one that includes a library of the content. Raises DefinitionError."""
        if "_snapshot" not in self.__dict__ and not file.resolve().is_relative_to(self._settings.content.resolve()):
            return {}
        return self._declarations.all

    def find(self, name: str, version: str | None) -> Mapping[str, Any] | None:
        """The ELM of a library of the content, None when there is none."""
        from cds.cql.content import Content

        return Content(self._snapshot).find(name, version)
