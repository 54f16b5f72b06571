"""YAML files as plain values with places: one pass over libyaml's events, because its composer would follow aliases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from cds.definitions.source import MAX_DEPTH, Place, ReadError, Style, checked_text, duplicate_key, scalar, too_deep

_QUOTES = ('"', "'")
_STYLES: dict[str | None, Style] = {"'": "single", '"': "double", "|": "block", ">": "block"}


def read_yaml(text: str) -> Iterator[tuple[Any, Place]]:
    """Each document of a YAML text with its places. Only plain data: tags, aliases, duplicate keys and keys that are
    not scalars raise ReadError, as does bad syntax (security.md D2)."""
    try:
        yield from _Composer(text).documents()
    except yaml.reader.ReaderError as error:
        offset = len(text.encode("utf-8")[: error.position].decode("utf-8", "ignore"))
        raise ReadError("yaml-syntax", f"{error.reason} (U+{error.character:04X})", offset) from error
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text) from error


class _Composer:
    def __init__(self, text: str) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)

    def documents(self) -> Iterator[tuple[Any, Place]]:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                yield self._value(next(self._events), 0)

    def _value(self, event: Any, depth: int) -> tuple[Any, Place]:
        offset = _start(event)
        if isinstance(event, yaml.AliasEvent):
            message = f"the alias *{event.anchor} is not allowed"
            raise ReadError("yaml-alias", message, offset, "write the content out where it is needed")
        if event.tag is not None:
            message = f"the tag {event.tag} is not allowed"
            raise ReadError("yaml-tag", message, offset, "remove the tag; put text in quotes")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if depth >= MAX_DEPTH:
            raise too_deep(offset)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(offset, depth + 1)
        return self._sequence(offset, depth + 1)

    def _scalar(self, event: Any) -> tuple[Any, Place]:
        start, end = _start(event), event.end_mark.index
        style = _STYLES.get(event.style, "plain")
        value = scalar(event.value, start) if style == "plain" else checked_text(event.value, start)
        return value, Place(start, end, style=style)

    def _mapping(self, start: int, depth: int) -> tuple[dict[str, Any], Place]:
        values: dict[str, Any] = {}
        place = Place(start, start, style="container")
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                place.end = _start(event)
                break
            key = self._key(event)
            offset = _start(event)
            if key in values:
                raise duplicate_key(key, offset)
            values[key], child = self._value(next(self._events), depth)
            child.key = offset
            place.children[key] = child
        return values, place

    def _key(self, event: Any) -> str:
        if isinstance(event, yaml.ScalarEvent) and event.tag is None:
            return checked_text(event.value, _start(event))
        raise ReadError("yaml-key", "a name must be plain text", _start(event), "write `name: value`")

    def _sequence(self, start: int, depth: int) -> tuple[list[Any], Place]:
        values: list[Any] = []
        place = Place(start, start, style="container")
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                place.end = _start(event)
                break
            value, place.children[len(values)] = self._value(event, depth)
            values.append(value)
        return values, place


def _start(event: Any) -> int:
    """The character offset where an event begins."""
    return int(event.start_mark.index)


def _syntax_error(error: yaml.MarkedYAMLError, text: str) -> ReadError:
    """The fault in the parser's words, with the line where what it was in begins; a name without its colon is told
    where it stands, not where the next line shows that it lacks one."""
    begins = error.context_mark
    if error.problem == "could not find expected ':'" and begins is not None:
        hint = "write `name: value`, or indent a text that goes on from the line above"
        return ReadError("yaml-syntax", "this name has no colon behind it", begins.index, hint)
    mark = error.problem_mark or begins
    message = ", ".join(part for part in (error.problem, error.context) if part)
    if mark is not None and begins is not None and begins.line != mark.line and "parsing" in message:
        message += f" that begins at line {begins.line + 1}"
    offset = mark.index if mark else 0
    if text[max(offset - 1, 0) : offset] in _QUOTES:
        return ReadError(
            "yaml-syntax",
            message,
            offset,
            "close the quote that is open above; right behind a closed one nothing may stand",
        )
    return ReadError("yaml-syntax", message, offset, _syntax_hint(message, text[offset : offset + 1]))


def _syntax_hint(message: str, character: str) -> str | None:
    if "mapping values are not allowed" in message:
        return "put text that holds ': ' in quotes, or check the indentation, and the colons above"
    if "tab character" in message or character == "\t":
        return "indent with spaces, not tabs"
    if "cannot start any token" in message:
        return f"put text that begins with {character} in quotes, or below `|`"
    if "expected <block end>" in message or "did not find expected" in message:
        return "check the indentation and closing brackets or quotes here and above"
    return None
