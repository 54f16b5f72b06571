"""A site's values of Library parameters: one YAML file (docs/site-parameters.md), read and typed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cds.cql.declared import Declarations, Declared
from cds.cql.words import said
from cds.definitions.files import MAX_FILE_BYTES
from cds.definitions.read_yaml import read_yaml
from cds.definitions.source import Place, ReadError, SourceText
from cds.errors import DefinitionError, EvaluationError, Location, Problem, closest_or_all, did_you_mean


@dataclass(frozen=True, slots=True)
class Change:
    """A parameter to which the site gives another value than its Library."""

    parameter: Declared
    value: Any

    @property
    def sentence(self) -> str:
        """What a card says of it."""
        meaning = (self.parameter.documentation or self.parameter.name).replace(" (ours)", "").rstrip(".")
        if meaning[1:2].islower() or meaning[1:2] == " ":
            meaning = meaning[0].lower() + meaning[1:]
        return f"This site uses {said(self.value)} instead of {said(self.parameter.default)}: {meaning}."

    def as_dict(self) -> dict[str, str]:
        """What discovery says of it."""
        return {
            "library": self.parameter.library,
            "parameter": self.parameter.name,
            "value": said(self.value),
            "default": said(self.parameter.default),
            "documentation": self.parameter.documentation,
        }


@dataclass(frozen=True, slots=True)
class Site:
    """The values that a site gives, by `Library.name`, and those of them that change something."""

    values: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Change] = field(default_factory=dict)

    def revision(self, content: str) -> str:
        """The revision of a content folder together with these values."""
        if not self.changes:
            return content
        told = "".join(f" {key}={change.value!r}" for key, change in sorted(self.changes.items()))
        return hashlib.sha256(f"{content}{told}".encode()).hexdigest()[:16]


def site_of(declared: Declarations, values: Mapping[str, Any]) -> Site:
    """The site with these values by `Library.name`."""
    known = {key: declared.all[key] for key in values}
    changes = {key: Change(found, values[key]) for key, found in known.items() if values[key] != found.default}
    return Site(values, changes)


def site_values(declared: Declarations, file: Path | None, guideline: str, *, chosen: bool = False) -> dict[str, Any]:
    """The values by `Library.name` that a site gives in its file and by the setting `guideline`, which goes before the
    file where somebody has `chosen` it. Raises DefinitionError."""
    values = read_site(file, declared) if file is not None else {}
    words = declared.typed({"guideline": guideline})
    return {**values, **words} if chosen else {**words, **values}


def read_site(path: Path, declared: Declarations) -> dict[str, Any]:
    """The values in a site's file by `Library.name`. Raises DefinitionError with every problem, in order of line."""
    file = _File(path)
    found = {key: value for library in file.members() for key, value in file.values(library, declared)}
    if file.problems:
        raise DefinitionError(sorted(file.problems, key=lambda problem: problem.location))
    return found


@dataclass(frozen=True, slots=True)
class _Member:
    """A name with its value, and where both stand."""

    name: str
    value: Any
    place: Place


class _File:
    """The file while it is read, and what is wrong with it."""

    def __init__(self, path: Path) -> None:
        self._shown = str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
        self.problems: list[Problem] = []
        self._text = SourceText(self._read(path))
        self._root, self._place = self._parsed()

    def members(self) -> Iterator[_Member]:
        """The Libraries."""
        return self._members(self._root, self._place, "Libraries with their parameters")

    def values(self, library: _Member, declared: Declarations) -> Iterator[tuple[str, Any]]:
        """The typed values of a Library's parameters."""
        libraries = {found.library for found in declared.all.values()}
        if library.name not in libraries:
            message = f"there is no Library '{library.name}' with parameters"
            remedy = closest_or_all(library.name, sorted(libraries))
            self._report("parameters-unknown", message, library.place.key, remedy)
            return
        own = {found.name: found for found in declared.all.values() if found.library == library.name}
        for member in self._members(library.value, library.place, "parameters with their values"):
            parameter = own.get(member.name)
            if parameter is None:
                message = f"{library.name} has no parameter '{member.name}'"
                remedy = did_you_mean(member.name, own) or f"it has {', '.join(own)}"
                self._report("parameters-unknown", message, member.place.key, remedy)
            else:
                yield from self._typed(parameter, member)

    def _typed(self, parameter: Declared, member: _Member) -> Iterator[tuple[str, Any]]:
        try:
            yield parameter.key, parameter.typed(member.value)
        except EvaluationError as error:
            self._report("parameters-type", f"{parameter.key}: {error.message}", member.place.start, error.hint)

    def _members(self, value: Any, place: Place, what: str) -> Iterator[_Member]:
        if isinstance(value, dict):
            yield from (_Member(name, inner, place.children[name]) for name, inner in value.items())
        elif value is not None:
            self._report("parameters-type", f"{what} are expected here", place.start, "write `name: value` lines")

    def _read(self, path: Path) -> str:
        try:
            with path.open("rb") as stream:
                content = stream.read(MAX_FILE_BYTES + 1)
            if len(content) > MAX_FILE_BYTES:
                raise self._unreadable(f"larger than {MAX_FILE_BYTES:,} bytes")
            return content.decode("utf-8-sig")
        except OSError as error:
            raise self._unreadable(error.strerror or type(error).__name__) from error
        except UnicodeDecodeError as error:
            raise self._unreadable("it is not UTF-8") from error

    def _unreadable(self, reason: str) -> DefinitionError:
        return DefinitionError([Problem("parameters-file", f"cannot be read: {reason}", Location(self._shown))])

    def _parsed(self) -> tuple[Any, Place]:
        try:
            documents = list(read_yaml(self._text.text))
        except ReadError as error:
            self._report(error.code, error.message, error.offset, error.hint)
            raise DefinitionError(self.problems) from error
        if len(documents) > 1:
            message = "a file of parameters is one document"
            self._report("parameters-file", message, documents[1][1].start, "remove the `---` line")
            raise DefinitionError(self.problems)
        return documents[0] if documents else (None, Place(0, 0))

    def _report(self, code: str, message: str, offset: int, hint: str | None) -> None:
        line, column = self._text.position(offset)
        source = self._text.printable_line(line)
        self.problems.append(Problem(code, message, Location(self._shown, line, column), hint, source=source))
