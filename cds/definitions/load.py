"""From files to Documents: every definition resource of a content folder with the place of each of its elements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cds.definitions.files import CASES_FOLDER, ContentFolder
from cds.definitions.read_json import read_json
from cds.definitions.read_yaml import read_yaml
from cds.definitions.source import ElementPath, Place, ReadError, SourceText, clipped
from cds.errors import DefinitionError, Location, Problem, Severity, did_you_mean
from cds.expr.types import model
from cds.fhir import Resource

#: The resource types that content is made of.
KINDS = ("PlanDefinition", "ActivityDefinition", "Library", "ValueSet", "CodeSystem", "ConceptMap", "Questionnaire")

_OTHER = "resource-type-other"
_DEFINITION_HINTS = frozenset({"url", "status", "id"})


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One definition resource and where it stands: `file` as shown to people, `origin` the file on disk."""

    resource: Resource
    file: Path
    origin: Path
    text: SourceText
    place: Place

    @property
    def kind(self) -> str:
        """The resourceType."""
        return str(self.resource["resourceType"])

    @property
    def url(self) -> str | None:
        """The canonical url without version, or None when there is none."""
        url = self.resource.get("url")
        return url if isinstance(url, str) and url else None

    @property
    def version(self) -> str | None:
        """The business version, or None."""
        version = self.resource.get("version")
        return version if isinstance(version, str) and version else None

    def locate(self, path: ElementPath = (), *, key: bool = False) -> Location:
        """Where the element at `path` stands, or its nearest parent when there is no such element: the start of its
        value, or of its name with `key`."""
        place, name = self.place, self.kind
        found = True
        for step in path:
            child = place.children.get(step) if found else None
            found = child is not None
            place = child or place
            name += f"[{step}]" if isinstance(step, int) else f".{step}"
        offset = place.key if key and found and place.key >= 0 else place.start
        return Location(str(self.file), *self.text.position(offset), name)

    def locate_in_text(self, path: ElementPath, line: int, column: int) -> Location:
        """Where a 1-based position inside the string at `path` stands in the file; the start of the string when
        `line` is 0, and the nearest parent when there is no such string."""
        place: Place | None = self.place
        value: Any = self.resource
        for step in path:
            place = place.children.get(step) if place else None
            value = value[step] if place else None
        start = self.locate(path)
        if place is None or not isinstance(value, str) or line < 1:
            return start
        offset = self.text.offset_in_string(place, value, line, column)
        return Location(start.file, *self.text.position(offset), start.path)

    def source_line(self, line: int) -> str | None:
        """The text of a 1-based line of the file; None for lines too long to print."""
        return self.text.printable_line(line)

    def problem(
        self,
        code: str,
        message: str,
        place: ElementPath | Location = (),
        *,
        key: bool = False,
        hint: str | None = None,
        severity: Severity = "error",
    ) -> Problem:
        """A Problem at an element of this document, or at a Location in it, with its source line."""
        location = place if isinstance(place, Location) else self.locate(place, key=key)
        return Problem(code, clipped(message), location, hint, severity, self.source_line(location.line))


def in_memory(resource: Resource, name: str = "") -> Document:
    """A definition that came with a call and not from a file; `name` is shown in its place."""
    return Document(resource, Path(name), Path(name), SourceText(""), Place(0, 0))


def load(root: Path) -> tuple[list[Document], list[Problem]]:
    """Every definition below `root` in file order, and the problems of files that could not be read."""
    return load_folder(ContentFolder(root))


def load_folder(folder: ContentFolder) -> tuple[list[Document], list[Problem]]:
    """`load` for a folder that remembers what was read (see ContentFolder.revision)."""
    paths, problems = folder.definitions()
    documents: list[Document] = []
    for path in paths:
        try:
            content = folder.read(path)
        except DefinitionError as error:
            problems.extend(error.problems)
            continue
        for found in _documents(content, path, folder.shown(path)):
            if isinstance(found, Problem):
                problems.append(found)
            else:
                documents.append(found)
    return documents, _gathered(problems)


def _gathered(problems: list[Problem]) -> list[Problem]:
    """The notes on resources that are no definitions as one per type: a folder may hold hundreds."""
    alike = Counter(problem.message for problem in problems if problem.code == _OTHER)
    found: list[Problem] = []
    for problem in problems:
        count = alike.pop(problem.message, 0) if problem.code == _OTHER else 1
        if count > 1:
            found.append(replace(problem, message=f"{problem.message}: this one and {count - 1} more"))
        elif count:
            found.append(problem)
    return found


def _documents(content: bytes, path: Path, shown: Path) -> Iterator[Document | Problem]:
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        source = SourceText(content[: error.start].decode("utf-8"))
        fault = ReadError("file-encoding", "not UTF-8", len(source.text), "save it as UTF-8")
        yield _read_problem(fault, source, shown)
        return
    source = SourceText(text)
    count = 0
    try:
        for value, place in (read_json if path.suffix == ".json" else read_yaml)(text):
            if value is not None:
                count += 1
                yield from _resources(_Unit(value, place, source, path, shown))
    except ReadError as error:
        yield _read_problem(error, source, shown)
        return
    if not count:
        yield Problem("file-empty", "holds no resource", Location(str(shown), 1, 1), "remove it or write a resource")


def _read_problem(error: ReadError, source: SourceText, shown: Path) -> Problem:
    line, column = source.position(min(error.offset, len(source.text)))
    location = Location(str(shown), line, column)
    message = clipped(error.message)
    return Problem(error.code, message, location, error.hint, source=source.printable_line(line))


@dataclass(frozen=True, slots=True)
class _Unit:
    """One value of a file that should be a resource."""

    value: Any
    place: Place
    text: SourceText
    origin: Path
    shown: Path

    def problem(
        self, code: str, message: str, place: Place | None, hint: str | None, severity: Severity = "error"
    ) -> Problem:
        line, column = self.text.position((place or self.place).start)
        location = Location(str(self.shown), line, column)
        return Problem(code, clipped(message), location, hint, severity, self.text.printable_line(line))

    def part(self, value: Any, *path: str | int) -> _Unit:
        place = self.place
        for step in path:
            place = place.children[step]
        return _Unit(value, place, self.text, self.origin, self.shown)


def _resources(unit: _Unit) -> Iterator[Document | Problem]:
    """The resource of a unit, or those of a Bundle of type collection."""
    value = unit.value
    if not isinstance(value, dict):
        hint = "write one FHIR resource per file or per YAML document"
        yield unit.problem("resource-expected", "this is not a resource", None, hint)
    elif value.keys() == {"library"} and isinstance(value["library"], dict) and "identifier" in value["library"]:
        return  # ELM, which a Library names as its content
    elif "resourceType" not in value:
        yield _without_type(unit, value)
    elif value["resourceType"] == "Bundle":
        yield from _bundle(unit, value)
    elif value["resourceType"] in KINDS:
        yield Document(value, unit.shown, unit.origin, unit.text, unit.place)
    else:
        yield _unknown_type(unit, value["resourceType"])


def _without_type(unit: _Unit, value: dict[str, Any]) -> Problem:
    """An error when it looks like a definition, else only a warning: other files may lie beside the content."""
    if isinstance(value.get(CASES_FOLDER), list):
        hint = f"put it into a folder named {CASES_FOLDER}"
        message = "a file of cases that lies elsewhere is not run"
        return unit.problem("resource-type-missing", message, None, hint, "warning")
    similar = [key for key in value if did_you_mean(key, ("resourceType",))]
    if similar:
        hint = "did you mean 'resourceType'?"
        return unit.problem("resource-type-missing", f"'{similar[0]}' is not 'resourceType'", None, hint)
    looks_like = bool(_DEFINITION_HINTS & value.keys())
    hint = f"add resourceType: {joined(KINDS)}"
    severity: Severity = "error" if looks_like else "warning"
    return unit.problem("resource-type-missing", "no resourceType: the file is not loaded", None, hint, severity)


def _unknown_type(unit: _Unit, kind: Any) -> Problem:
    place = unit.place.children["resourceType"]
    if isinstance(kind, str) and kind in model().resources:
        hint = f"content is made of {joined(KINDS)}; patients for tests belong into a folder named {CASES_FOLDER}"
        return unit.problem(_OTHER, f"{kind} resources are not loaded", place, hint, "information")
    hint = (did_you_mean(kind, (*KINDS, "Bundle")) if isinstance(kind, str) else None) or f"write {joined(KINDS)}"
    return unit.problem("resource-type-unknown", f"{kind!r} is not a type of definition", place, hint)


#: The types of Bundle in which definitions are handed on.
_BUNDLES = ("collection", "transaction", "batch")


def _bundle(unit: _Unit, bundle: dict[str, Any]) -> Iterator[Document | Problem]:
    if bundle.get("type") not in _BUNDLES:
        hint = "set type: collection"
        yield unit.problem("bundle-type", f"a Bundle of definitions has the type {joined(_BUNDLES)}", None, hint)
        return
    entries = bundle.get("entry")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, dict) and "resource" in entry:
            inner = unit.part(entry["resource"], "entry", index, "resource")
            nested = isinstance(inner.value, dict) and inner.value.get("resourceType") == "Bundle"
            yield from [_nested(inner)] if nested else _resources(inner)


def _nested(unit: _Unit) -> Problem:
    return unit.problem("bundle-type", "a Bundle inside a Bundle is not read", None, "list its resources instead")


def joined(names: Iterable[str]) -> str:
    """`A`, `A or B`, `A, B or C`."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
