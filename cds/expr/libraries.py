"""The public door of CQL: text or ELM to Libraries, each translated and compiled once, with what they include."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import RLock
from typing import Any

from cds.errors import DefinitionError, ExpressionLimitError, ExpressionSemanticError, NotFoundError, Problem
from cds.expr.cql.parser import parse_library
from cds.expr.cql.translate import translate
from cds.expr.elm.build import compile_library
from cds.expr.elm.library import Library
from cds.expr.elm.typed import with_types

Elm = Mapping[str, Any]
#: The source of a library by name, and version where one is asked for: CQL text or ELM; None when there is none.
Find = Callable[[str, str | None], "str | Elm | None"]


class Libraries:
    """A set of libraries that include each other, by what `find` gives. Safe to share between threads."""

    def __init__(self, find: Find | None = None) -> None:
        self._find: Find = find or (lambda _name, _version: None)
        self._lock = RLock()
        self._elm: dict[tuple[str, str | None], Elm] = {}
        #: by source, so that a library asked for with its version and without is one
        self._translations: dict[str | int, Elm] = {}
        self._compiled: dict[int, Library] = {}
        #: the problems of what does not translate, so that each who includes it gets the same and none tries again
        self._broken: dict[str | int, tuple[Problem, ...]] = {}
        self._published: set[int] = set()
        self._open: list[str] = []

    def library(self, name: str, version: str | None = None) -> Library:
        """The compiled library. Raises NotFoundError, and otherwise as compile()."""
        with self._lock:
            elm = self.elm(name, version)
            found = self._compiled.get(id(elm))
            if found is None:
                found = self._compiled[id(elm)] = self._closures(elm)
            return found

    def elm(self, name: str, version: str | None = None) -> Elm:
        """The ELM of a library that `find` knows. Raises as library()."""
        with self._lock:
            found = self._translated(name, version)
        if found is None:
            raise NotFoundError(f"there is no library '{name}'" + (f" version {version}" if version else ""))
        return found

    def compile(self, source: str | Elm) -> Library:
        """The library of a CQL text or of ELM as JSON, which `find` need not know.

        Raises DefinitionError with all problems of the library and of those it includes; each location has the name of
        its library as its file."""
        with self._lock:
            return self._closures(self._to_elm(source, ""))

    def _closures(self, elm: Elm) -> Library:
        try:
            return compile_library(dict(elm), self.library)
        except RecursionError:
            raise ExpressionLimitError(
                "the definitions are nested too deeply", hint="let fewer of them need one another in a row"
            ) from None

    def _translated(self, name: str, version: str | None) -> Elm | None:
        """The ELM of a library that `find` knows."""
        found = self._elm.get((name, version))
        if found is None:
            source = self._find(name, version)
            if source is None:
                return None
            if name in self._open:
                path = " includes ".join([*self._open[self._open.index(name) :], name])
                raise ExpressionSemanticError(f"libraries include each other: {path}", library=name)
            key = source if isinstance(source, str) else id(source)
            if key in self._broken:
                raise DefinitionError(self._broken[key])
            self._open.append(name)
            try:
                found = self._translations.get(key) or self._to_elm(source, name)
            except DefinitionError as error:
                self._broken[key] = tuple(error.problems)
                raise
            finally:
                self._open.pop()
            self._elm[name, version] = self._translations[key] = found
        return found

    def _typed(self, name: str, version: str | None) -> Elm | None:
        """The ELM of a library for another one to be translated against: published ELM may lack types."""
        elm = self._translated(name, version)
        if elm is None or id(elm) not in self._published:
            return elm
        return with_types(elm, self.library(name, version))

    def _to_elm(self, source: str | Elm, name: str) -> Elm:
        if not isinstance(source, str):
            self._published.add(id(source))
            return source
        try:
            tree = parse_library(source)
            name = tree.name[-1] if tree.name else name
            return translate(tree, resolve=self._typed)
        except DefinitionError as error:
            problems = [
                replace(problem, location=replace(problem.location, file=problem.location.file or name))
                for problem in error.problems
            ]
            raise DefinitionError(problems) from None
