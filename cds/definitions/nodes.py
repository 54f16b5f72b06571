"""A YAML or JSON file that is no FHIR, as read: values with their places, and helpers that report a value of the wrong
kind at its line. What is read says how its problem codes begin: `case` gives `case-type`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cds.definitions.read_json import read_json
from cds.definitions.read_yaml import read_yaml
from cds.definitions.source import Place, ReadError, SourceText
from cds.errors import DefinitionError, Location, Problem, did_you_mean

Step = str | int


#: How problem codes of this module go on.
CODES = ("file", "type", "unknown")


@dataclass(slots=True)
class FileSource:
    """One file, how its problem codes begin, and the problems found in it so far."""

    file: str
    text: SourceText
    kind: str
    problems: list[Problem] = field(default_factory=list)

    def locate(self, offset: int) -> Location:
        """The location of a character offset."""
        return Location(self.file, *self.text.position(offset))

    def report(self, code: str, message: str, offset: int, hint: str | None = None) -> None:
        """Note a problem at a character offset."""
        location = self.locate(offset)
        self.problems.append(Problem(code, message, location, hint, source=self.text.printable_line(location.line)))


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a file and where it stands."""

    value: Any
    place: Place
    source: FileSource

    @property
    def location(self) -> Location:
        return self.source.locate(self.place.start)

    def report(self, code: str, message: str, hint: str | None = None) -> None:
        """Note a problem at this value."""
        self.source.report(code, message, self.place.start, hint)

    def report_name(self, code: str, message: str, hint: str | None = None) -> None:
        """Note a problem at the name this value has."""
        self.source.report(code, message, self.place.key if self.place.key >= 0 else self.place.start, hint)

    def child(self, step: Step) -> Node:
        """The member or item at `step`, which must exist."""
        return Node(self.value[step], self.place.children[step], self.source)

    def members(self, known: Collection[str] | None = None) -> dict[str, Node]:
        """The members of a mapping; empty and reported when it is none. With `known`, other names are reported."""
        if not isinstance(self.value, dict):
            self.report(f"{self.source.kind}-type", "names with values are expected here", "write `name: value`")
            return {}
        found = {name: self.child(name) for name in self.value}
        for name in [name for name in found if known is not None and name not in known]:
            hint = did_you_mean(name, known or ()) or f"known here: {', '.join(sorted(known or ()))}"
            found.pop(name).report_name(f"{self.source.kind}-unknown", f"'{name}' is not known here", hint)
        return found

    def items(self) -> list[Node]:
        """The items of a list; empty and reported when it is none."""
        if not isinstance(self.value, list):
            self.report(f"{self.source.kind}-type", "a list is expected here", "write `- item` lines or `[item, item]`")
            return []
        return [self.child(index) for index in range(len(self.value))]

    def text(self) -> str:
        """A text; empty and reported when it is none."""
        if isinstance(self.value, str) and self.value:
            return self.value
        self.report(f"{self.source.kind}-type", "a text is expected here", "put it in quotes if it looks like a number")
        return ""

    def one_of(self, known: Collection[str], what: str) -> str:
        """A text that must be one of `known`; reported with the nearest of them when it is not."""
        text = self.text()
        if text and text not in known:
            listed = f"known here: {', '.join(sorted(known)[:24])}" if known else f"the content defines no {what}"
            hint = did_you_mean(text, known) or listed
            self.report(f"{self.source.kind}-unknown", f"there is no {what} '{text}'", hint)
        return text

    def texts(self) -> tuple[str, ...]:
        """One text or a list of texts."""
        return tuple(item.text() for item in self.items()) if isinstance(self.value, list) else (self.text(),)


def read_source(path: Path, kind: str) -> Node:
    """The one YAML or JSON document of a file. Raises DefinitionError when it cannot be read."""
    shown = str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise DefinitionError([Problem(f"{kind}-file", f"cannot be read: {reason}", Location(shown))]) from error
    source = FileSource(shown, SourceText(text), kind)
    try:
        documents = list((read_json if path.suffix == ".json" else read_yaml)(text))
    except ReadError as error:
        source.report(error.code, error.message, error.offset, error.hint)
        raise DefinitionError(source.problems) from error
    if len(documents) != 1:
        source.report(f"{kind}-file", f"{len(documents)} YAML documents, not one", 0, "make it one document")
        raise DefinitionError(source.problems)
    return Node(*documents[0], source)
