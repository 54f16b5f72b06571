"""YAML definitions in canonical form: elements of block mappings in FHIR's order, each with the comments above it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from cds.definitions.read_yaml import read_yaml
from cds.definitions.source import Place, SourceText
from cds.formatting.order import in_order, kind_of


def format_yaml(text: str) -> str:
    """The canonical text; that of a file which holds no resource only has its blanks set. Raises ReadError."""
    text = _tidy(text.replace("\r\n", "\n").replace("\r", "\n"))
    documents = list(read_yaml(text))
    if len(documents) != 1:
        return text
    value, place = documents[0]
    kind = value.get("resourceType", "") if isinstance(value, dict) else ""
    if not isinstance(kind, str) or not kind:
        return text
    lines = text.split("\n")[:-1]
    ordered = _Text(text, lines).container(value, place, kind, 0, len(lines))
    return "\n".join(ordered) + "\n"


def _tidy(text: str) -> str:
    """Without blanks at the ends of lines that are no part of a text, with one line end at the end."""
    keep: set[int] = set()
    source = SourceText(text)
    for _, place in read_yaml(text):
        _texts(place, source, keep)
    lines = [line if number in keep else line.rstrip() for number, line in enumerate(text.split("\n"), 1)]
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines) + "\n"


def _texts(place: Place, source: SourceText, keep: set[int]) -> None:
    """The lines of texts over several lines, in which blanks may mean something."""
    if place.style == "container":
        for child in place.children.values():
            _texts(child, source, keep)
        return
    first, last = source.position(place.start)[0], source.position(place.end)[0]
    if last > first:
        keep.update(range(first, last + 1))


class _Text:
    """One text by its lines."""

    def __init__(self, text: str, lines: list[str]) -> None:
        self._source = SourceText(text)
        self._lines = lines
        self._text = text

    def container(self, value: Any, place: Place, kind: str, first: int, last: int) -> list[str]:
        """The lines from `first` up to `last` (from 0), in which this value stands, in order."""
        if place.style != "container" or not place.children or self._text[place.start] in "{[":
            return self._lines[first:last]
        if isinstance(value, list):
            return self._items(value, place, kind, first, last)
        return self._members(value, place, kind, first, last)

    def _items(self, items: list[Any], place: Place, kind: str, first: int, last: int) -> list[str]:
        starts = [self._above(self._line(place.children[index].start), first) for index in range(len(items))]
        lines = self._lines[first : starts[0]]
        for index, (start, end) in enumerate(pairwise([*starts, last])):
            own = (
                kind
                if kind != "Resource" or not isinstance(items[index], dict)
                else items[index].get("resourceType", "")
            )
            lines += self.container(items[index], place.children[index], own, start, end)
        return lines

    def _members(self, members: dict[str, Any], place: Place, kind: str, first: int, last: int) -> list[str]:
        keys = [self._line(place.children[name].key) for name in members]
        if len(set(keys)) < len(keys):  # two names in one line
            return self._lines[first:last]
        starts = [keys[0], *(self._above(key, before + 1) for before, key in pairwise(keys))]
        chunks = {}
        for name, key, (start, end) in zip(members, keys, pairwise([*starts, last]), strict=True):
            below = self.container(members[name], place.children[name], kind_of(kind, name, members[name]), key, end)
            chunks[name] = (self._lines[start:key], below)
        names = in_order(kind, members)
        lead = self._lines[first : starts[0]]
        if names == list(members):
            return [*lead, *(line for above, below in chunks.values() for line in (*above, *below))]
        return [*lead, *self._joined(chunks, names, next(iter(members)), place)]

    def _joined(
        self, chunks: dict[str, tuple[list[str], list[str]]], names: list[str], was_first: str, place: Place
    ) -> list[str]:
        """The chunks in order. What stands before the first name in its line, such as a dash, stands before the new
        first one."""
        column = self._source.position(place.children[was_first].key)[1] - 1
        head = chunks[was_first][1][0][:column]
        chunks[was_first][1][0] = " " * column + chunks[was_first][1][0][column:]
        lines: list[str] = []
        for number, name in enumerate(names):
            above, below = chunks[name]
            if number == 0:
                indent = len(head) - len(head.lstrip())
                above = [" " * indent + line.lstrip() if line.strip() else line for line in above]
                below = [head + below[0][column:], *below[1:]]
            lines += [*above, *below]
        return lines

    def _line(self, offset: int) -> int:
        return self._source.position(offset)[0] - 1

    def _above(self, line: int, least: int) -> int:
        """The first of the comment lines right above a line, and of the blank lines above those."""
        start = line
        while start > least and self._lines[start - 1].lstrip()[:1] in ("#", ""):
            start -= 1
        return start
