"""The CQL of a content folder: what its Library resources carry, found, translated and compiled (Library.content).

`text/cql` stands in a file beside the Library or inline; `application/elm+json` likewise. Where both are there, text
wins unless the site prefers the ELM.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from cds.definitions.element import Element
from cds.definitions.files import ContentFolder
from cds.definitions.load import Document
from cds.definitions.source import SourceText, clipped
from cds.definitions.versions import version_key
from cds.errors import DefinitionError, ExpressionError, Location, Problem
from cds.expr.cql.interface import FHIR_HELPERS
from cds.expr.cql_expression import CqlExpression, CqlScope, of_define, of_parameter
from cds.expr.elm.code import Place
from cds.expr.elm.library import Library
from cds.expr.elm.values import ValueSet
from cds.expr.libraries import Libraries
from cds.fhir import Resource

CQL, ELM = "text/cql", "application/elm+json"
#: What to do about a fault of syntax that says no more.
SYNTAX_HINT = "correct it here, or what stands before it"
#: The define that `context Patient` brings; expressions call it %patient.
CONTEXT = "Patient"


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """The CQL or ELM of one Library: where the resource says so, and the text with its file; `inline` when it stands in
    the resource itself."""

    element: Element
    code: str | Mapping[str, Any]
    text: SourceText
    file: Path
    inline: bool

    @property
    def document(self) -> Document:
        """The Library."""
        return self.element.document

    @property
    def name(self) -> str:
        """Library.name: what includes and qualified names call it."""
        return str(self.document.resource.get("name") or "")

    def locate(self, line: int, column: int) -> Location:
        """A place in the CQL; the element that holds it where it is inline or has no such place."""
        if self.inline or not line:
            return self.element.document.locate(self.element.path)
        return Location(str(self.file), line, column)

    def problem(self, found: Problem) -> Problem:
        """A problem of the translator or compiler, at its place."""
        line, column = found.location.line, found.location.column
        location = self.locate(line, column)
        code = found.code if found.code == "expression-syntax" else "expression-semantic"
        message = f"at {line}:{column} of the CQL: {found.message}" if self.inline and line else found.message
        own = self.text.printable_line(line) if line and not self.inline else None
        hint = found.hint or (SYNTAX_HINT if code == "expression-syntax" else None)
        return Problem(code, clipped(message), location, hint, found.severity, own)


@dataclass(frozen=True, slots=True, eq=False)
class Logic:
    """The compiled CQL of a content folder, by the Library resource that carries it."""

    libraries: Libraries = field(default_factory=Libraries)
    sources: Mapping[int, Source] = field(default_factory=dict)
    compiled: Mapping[int, Library] = field(default_factory=dict)
    unreadable: frozenset[int] = frozenset()
    _scopes: dict[tuple[tuple[str, str | None], ...], CqlScope] = field(default_factory=dict)
    _names: dict[int, Mapping[str, CqlExpression]] = field(default_factory=dict)

    def has(self, resource: Resource) -> bool:
        """True when a Library carries CQL or ELM, sound or not."""
        return id(resource) in self.sources or id(resource) in self.unreadable

    def is_sound(self, resources: Iterable[Resource]) -> bool:
        """False when the CQL of one of these Libraries has problems: what needs it cannot be judged."""
        return all(id(resource) in self.compiled for resource in resources if self.has(resource))

    def scope(self, resources: Iterable[Resource]) -> CqlScope:
        """What CQL expressions of a definition with these Libraries see."""
        keys = tuple(_key(resource) for resource in resources if id(resource) in self.compiled)
        if keys not in self._scopes:
            self._scopes[keys] = CqlScope(self.libraries, keys)
        return self._scopes[keys]

    def names(self, resource: Resource) -> Mapping[str, CqlExpression]:
        """The public defines and the parameters of a Library, which FHIRPath calls `%name`."""
        library = self.compiled.get(id(resource))
        if library is None:
            return {}
        known = self._names.get(id(resource))
        if known is None:
            known = self._names[id(resource)] = self._found_names(library)
        return known

    def _found_names(self, library: Library) -> Mapping[str, CqlExpression]:
        defines = (define for define in library.defines.values() if define.public and define.name != CONTEXT)
        return {
            **{name: of_parameter(parameter) for name, parameter in library.parameters.items()},
            **{define.name: of_define(define) for define in defines},
        }

    def is_parameter(self, resource: Resource, name: str) -> bool:
        """Whether the name is one of a parameter of a Library."""
        library = self.compiled.get(id(resource))
        return library is not None and name in library.parameters

    def defines(self) -> dict[str, CqlExpression]:
        """The public defines of every library by name, and by `Library.Name`; the first of a name is meant by it."""
        found: dict[str, CqlExpression] = {}
        for key, library in self.compiled.items():
            names = self.names(self.sources[key].document.resource)
            found |= {f"{library.name}.{name}": own for name, own in names.items()}
            found = {**names, **found}
        return found

    def value_sets(self) -> Iterator[tuple[Source, ValueSet, tuple[int, int]]]:
        """Every value set that a library declares, with line and column."""
        for key, library in self.compiled.items():
            source = self.sources[key]
            elm = self.libraries.elm(*_key(source.document.resource))
            for node in (elm.get("library", elm).get("valueSets") or {}).get("def", ()):
                place = Place("").of(node)
                yield source, library.value_sets[node["name"]], (place.line, place.column)

    def depends_on(self, resource: Resource) -> tuple[list[str], list[Resource]]:
        """The canonicals of the value sets that a Library's CQL declares, and the Libraries that it includes."""
        library = self.compiled.get(id(resource))
        if library is None:
            return [], []
        included = {(one.name, one.version) for one in library.includes.values()}
        owners = (self.sources[key].document.resource for key, one in self.compiled.items() if _name(one) in included)
        return [value_set.canonical for value_set in library.value_sets.values()], list(owners)

    def locate(self, place: Place) -> Location | None:
        """Where a place in the library of that name stands."""
        for source in self.sources.values():
            if source.name == place.library:
                return source.locate(place.line, place.column)
        return None


NO_LOGIC = Logic()


def read_logic(
    documents: Iterable[Document], folder: ContentFolder, base: Logic = NO_LOGIC, *, prefer_elm: bool = False
) -> tuple[Logic, list[Problem]]:
    """The CQL of the Library documents, and what is wrong with it. Files are read through `folder`, so that they are
    guarded like the rest and count for its revision. Libraries of `base` are seen where no document has their name.
    Of a Library that has both, `prefer_elm` takes the ELM. FHIRHelpers is built in: its text is not read."""
    problems: list[Problem] = []
    sources: dict[int, Source] = {}
    unreadable: set[int] = set()
    for document in documents:
        if document.kind == "Library" and document.resource.get("name") != FHIR_HELPERS:
            try:
                source = _source(document, folder, (ELM, CQL) if prefer_elm else (CQL, ELM))
            except DefinitionError as error:
                problems += error.problems
                unreadable.add(id(document.resource))
            else:
                if source is not None:
                    sources[id(document.resource)] = source
    if not sources and not unreadable:
        return base, problems
    libraries = Libraries(_finder(sources.values(), base.sources.values()))
    compiled: dict[int, Library] = {}
    for key, source in sources.items():
        try:
            compiled[key] = _compiled(source, libraries)
        except DefinitionError as error:
            problems += error.problems
    unreadable |= base.unreadable
    return Logic(libraries, {**base.sources, **sources}, {**base.compiled, **compiled}, frozenset(unreadable)), problems


def _name(library: Library) -> tuple[str, str | None]:
    return library.name, library.version


def _key(resource: Resource) -> tuple[str, str | None]:
    return str(resource.get("name") or ""), resource.get("version")


def _finder(*places: Iterable[Source]) -> Any:
    """What finds the source of an include: by Library.name, and by version, the highest where none is asked for, in the
    first place that has the name."""
    newest = [
        source
        for place in places
        for source in sorted(place, key=lambda source: version_key(source.document.version), reverse=True)
    ]

    def find(name: str, version: str | None) -> str | Mapping[str, Any] | None:
        for source in newest:
            if source.name == name and version in (None, source.document.version):
                return source.code
        return None

    return find


def _compiled(source: Source, libraries: Libraries) -> Library:
    """The library of a source. Raises DefinitionError with its own problems, those of what it includes left out."""
    name, version = _key(source.document.resource)
    if not name:
        hint = "add `name:`; other libraries include it by that"
        raise DefinitionError([source.document.problem("library-name", "the Library has CQL and no name", hint=hint)])
    try:
        library = libraries.library(name, version)
    except DefinitionError as error:
        own = [found for found in error.problems if found.location.file == name]
        raise DefinitionError(source.problem(found) for found in own) from None
    except ExpressionError as error:
        found = Problem("expression-semantic", error.message, Location("", error.line, error.column), error.hint)
        raise DefinitionError([source.problem(found)]) from None
    wrong = list(_misnamed(source, library))
    if wrong:
        raise DefinitionError(wrong)
    return library


def _misnamed(source: Source, library: Library) -> Iterator[Problem]:
    """A library is included by the name and version of its resource: its text must not say another."""
    resource = source.document.resource
    for what, own, given in (
        ("name", resource.get("name"), library.name),
        ("version", resource.get("version"), library.version),
    ):
        if given and given != own:
            message = f"the CQL says {what} '{given}', the Library {repr(own) if own else 'none'}"
            yield source.document.problem("library-name", message, (what,), hint="write the same in both")


_LONGEST_NAME = 100


def _named(url: str) -> str:
    """A url in a message, which goes on behind it."""
    return url if len(url) <= _LONGEST_NAME else url[:_LONGEST_NAME] + "…"


#: How the content of a Library in a SUSHI project names its CQL: the IG publisher loads it from input/cql.
_LOADED = "ig-loader-"


def _kind(content: Element) -> str:
    """The media type of a content, without its parameters."""
    if (content.text("id") or "").startswith(_LOADED) and "contentType" not in content.value:
        return CQL
    return (content.text("contentType") or "").partition(";")[0].strip()


def _source(document: Document, folder: ContentFolder, kinds: tuple[str, str]) -> Source | None:
    """The content of a Library that is of the first of `kinds`, else of the second, else None. Raises DefinitionError
    when it cannot be read."""
    contents = list(Element.root(document).each("content"))
    for wanted in kinds:
        for content in contents:
            if _kind(content) == wanted:
                return _read(content, wanted, folder)
    return None


def _read(content: Element, kind: str, folder: ContentFolder) -> Source:
    data, url = content.text("data"), content.text("url")
    member = "url"
    if data is None and url is None and (identifier := content.text("id") or "").startswith(_LOADED):
        url, member = identifier.removeprefix(_LOADED), "id"
    if data is not None:
        try:
            raw, file = base64.b64decode(data, validate=True), content.document.file
        except (binascii.Error, ValueError):
            raise _unreadable(content, "data", "the data is not base64") from None
    elif url is not None:
        path = folder.locate(content.document.origin, url)
        try:
            raw, file = folder.read(path), folder.shown(path)
        except DefinitionError as error:
            fault = error.problems[0]
            found = content.problem(fault.code, f"{_named(url)}: {fault.message}", member, hint=_HINTS[member])
            raise DefinitionError([found]) from None
    else:
        raise _unreadable(content, "contentType", "the content has neither url nor data")
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
        code: str | Mapping[str, Any] = text if kind == CQL else orjson.loads(raw)
    except ValueError:
        message = "the content is not UTF-8" if kind == CQL else "the ELM is not JSON"
        raise _unreadable(content, "url", message) from None
    if not isinstance(code, (str, dict)):
        raise _unreadable(content, "url", "the ELM is no JSON object")
    return Source(content, code, SourceText(text), file, inline=data is not None)


_HINTS = {
    "url": "name a file beside the Library, or below its folder",
    "id": "the CQL of a SUSHI project is found in input/cql when the content is the folder of sushi-config.yaml",
}


def _unreadable(content: Element, member: str, message: str) -> DefinitionError:
    hint = f"write contentType: {CQL} and url: <file>.cql"
    return DefinitionError([content.problem("library-content", message, member, hint=hint)])
