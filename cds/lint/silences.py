"""Findings that an author looked at and means to keep, each silenced in place with a reason.

    # cds: ignore valueset-unused: the site's overlay adds to it     (YAML; `//` in CQL and FHIRPath)

as a comment behind the line, or on a line of its own before it; or, where a file has no comments, the extension
`ignore-problem` with the same words on the element or one around it. Only warnings can be silenced: with an error the
content does not load.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cds.definitions.codes import CODES
from cds.definitions.element import Element
from cds.definitions.load import Document
from cds.definitions.registry import Registry
from cds.definitions.source import SourceText
from cds.errors import Location, Problem, did_you_mean
from cds.fhir import IGNORE_PROBLEM

_COMMENT = re.compile(r"(?:#|//|/\*)[ \t]*cds:[ \t]*ignore\b[ \t]*(?P<words>.*?)[ \t]*(?:\*/)?[ \t]*\r?$", re.MULTILINE)
_WORDS = re.compile(r"(?P<code>[a-z][a-z0-9-]*)[ \t]*:[ \t]*(?P<reason>\S.*)")
_FORM = "write `cds: ignore <code>: <reason>`"
#: A line and column, and one after it: both belong to the span.
Span = tuple[tuple[int, int], tuple[int, int]]


@dataclass(slots=True, eq=False)
class _Silence:
    """One comment or extension: the code it silences, and where: spans of its own file, and all of `whole` files."""

    code: str
    location: Location
    source: str | None
    span: Span
    whole: frozenset[str] = field(default_factory=frozenset)
    used: bool = False

    def covers(self, problem: Problem) -> bool:
        place = problem.location
        here = place.file == self.location.file and self.span[0] <= (place.line, place.column) <= self.span[1]
        return problem.code == self.code and (here or place.file in self.whole)


def silenced(problems: Sequence[Problem], registry: Registry) -> list[Problem]:
    """The problems that nobody silenced, sorted, with those of the silences themselves: what cannot be read or be
    silenced, and what silences nothing."""
    silences: list[_Silence] = []
    found: list[Problem] = []
    for item in _written(registry):
        if isinstance(item, Problem):
            found.append(item)
        else:
            silences.append(item)
    for problem in problems:
        covering = [silence for silence in silences if problem.severity == "warning" and silence.covers(problem)]
        for silence in covering:
            silence.used = True
        if not covering:
            found.append(problem)
    found += [told for silence in silences if not silence.used and (told := _unused(silence, problems))]
    return sorted(found, key=lambda problem: (problem.location, problem.code, problem.message))


def _unused(silence: _Silence, problems: Sequence[Problem]) -> Problem | None:
    """None while there are errors elsewhere: some checks wait until they are gone."""
    errors = [problem for problem in problems if problem.severity == "error"]
    is_error = any(silence.covers(problem) for problem in errors)
    if errors and not is_error:
        return None
    message = f"{silence.code} is an error here" if is_error else f"there is no {silence.code} here to ignore"
    hint = "correct it: the content does not load" if is_error else "remove it, or move it to the line that it is about"
    return Problem("ignore-unused", message, silence.location, hint, "warning", silence.source)


def _written(registry: Registry) -> Iterator[_Silence | Problem]:
    """Every silence of the folder, or what is wrong with it."""
    seen: set[Path] = set()
    files = [(document.origin, str(document.file), document.text) for document in registry.documents]
    files += [
        (source.file, str(source.file), source.text) for source in registry.logic.sources.values() if not source.inline
    ]
    for origin, shown, text in files:
        if origin not in seen:
            seen.add(origin)
            yield from _comments(shown, text)
    for document in registry.documents:
        pending = [Element.root(document)]
        while pending:
            element = pending.pop()
            pending.extend(element.children())
            for extension in element.extensions(IGNORE_PROBLEM):
                yield _extension(element, extension, registry)


def _comments(file: str, text: SourceText) -> Iterator[_Silence | Problem]:
    if "cds:" not in text.text:
        return
    for found in _COMMENT.finditer(text.text):
        line, column = text.position(found.start())
        place, source = Location(file, line, column), text.printable_line(line)
        about = line if (text.line(line) or "")[: column - 1].strip() else _next(text, line)
        yield _read(found["words"], place, source, ((about, 0), (about, 1_000_000)))


def _next(text: SourceText, line: int) -> int:
    """The first line after `line` that is neither blank nor a comment."""
    while (following := text.line(line + 1)) is not None:
        line += 1
        if following.strip() and not following.lstrip().startswith(("#", "//")):
            break
    return line


def _extension(element: Element, extension: Element, registry: Registry) -> _Silence | Problem:
    """On the root of a Library it covers the file of its CQL too."""
    document = element.document
    location = extension.document.locate((*extension.path, "valueString"))
    found = _read(extension.text("valueString") or "", location, document.source_line(location.line), _span(element))
    if isinstance(found, _Silence) and not element.path:
        source = registry.logic.sources.get(id(document.resource))
        found.whole = frozenset({str(source.file)} if source is not None and not source.inline else ())
    return found


def _span(element: Element) -> Span:
    document: Document = element.document
    place = document.place
    for step in element.path:
        place = place.children[step]
    return document.text.position(place.start), document.text.position(place.end)


def _read(words: str, place: Location, source: str | None, span: Span) -> _Silence | Problem:
    found = _WORDS.fullmatch(words)
    if found is None:
        message = "this silences nothing: it needs a code and a reason"
        return Problem("ignore-invalid", message, place, _FORM, "warning", source)
    if found["code"] not in CODES:
        hint = did_you_mean(found["code"], CODES) or "docs/problems.md lists the codes"
        message = f"there is no problem '{found['code']}'"
        return Problem("ignore-invalid", message, place, hint, "warning", source)
    return _Silence(found["code"], place, source, span)
