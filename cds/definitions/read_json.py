"""JSON files as plain values with places. Python's reader keeps no positions and lets duplicate names and NaN pass."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from cds.definitions.source import MAX_DEPTH, Place, ReadError, checked_text, duplicate_key, number, too_deep

_BLANK = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_STRING = re.compile(r'"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"')
_WORDS = (("true", True), ("false", False), ("null", None))


def read_json(text: str) -> Iterator[tuple[Any, Place]]:
    """The one value of a JSON text with its places. Raises ReadError at the first fault; strict RFC 8259."""
    reader = _Reader(text)
    value, place = reader.value(reader.blank(0), 0)
    end = reader.blank(place.end)
    if end < len(text):
        raise _syntax("unexpected text after the end of the value", end)
    yield value, place


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text

    def blank(self, offset: int) -> int:
        match = _BLANK.match(self._text, offset)
        return match.end() if match else offset

    def value(self, offset: int, depth: int) -> tuple[Any, Place]:
        first = self._text[offset : offset + 1]
        if first == '"':
            return self._string(offset)
        if first in ("{", "["):
            if depth >= MAX_DEPTH:
                raise too_deep(offset)
            return self._object(offset, depth + 1) if first == "{" else self._array(offset, depth + 1)
        return self._word_or_number(offset)

    def _word_or_number(self, offset: int) -> tuple[Any, Place]:
        for word, meaning in _WORDS:
            if self._text.startswith(word, offset):
                return meaning, Place(offset, offset + len(word))
        found = _NUMBER.match(self._text, offset)
        if not found:
            raise _syntax("expected a value", offset, "text needs double quotes; remove a comma before ']' or '}'")
        fractional = found.group(1) is not None or found.group(2) is not None
        return number(found.group(), fractional, offset), Place(offset, found.end())

    def _string(self, offset: int) -> tuple[str, Place]:
        found = _STRING.match(self._text, offset)
        if not found:
            message = "the string has no end on its line, or an unknown escape"
            raise _syntax(message, offset, "close it with a double quote; write \\\\ for a backslash")
        return checked_text(json.loads(found.group()), offset), Place(offset, found.end(), style="double")

    def _object(self, start: int, depth: int) -> tuple[dict[str, Any], Place]:
        values: dict[str, Any] = {}
        place = Place(start, start, style="container")
        offset = self.blank(start + 1)
        while not self._closes(offset, "}", bool(values)):
            key_offset = self._next_item(offset, bool(values))
            if self._text[key_offset : key_offset + 1] != '"':
                hint = "put names in double quotes; remove a comma before '}'"
                raise _syntax("expected a name in double quotes", key_offset, hint)
            name, key = self._string(key_offset)
            if name in values:
                raise duplicate_key(name, key_offset)
            colon = self.blank(key.end)
            if self._text[colon : colon + 1] != ":":
                raise _syntax("expected ':' after the name", colon)
            values[name], child = self.value(self.blank(colon + 1), depth)
            child.key = key_offset
            place.children[name] = child
            offset = self.blank(child.end)
        place.end = offset + 1
        return values, place

    def _array(self, start: int, depth: int) -> tuple[list[Any], Place]:
        values: list[Any] = []
        place = Place(start, start, style="container")
        offset = self.blank(start + 1)
        while not self._closes(offset, "]", bool(values)):
            value, child = self.value(self._next_item(offset, bool(values)), depth)
            place.children[len(values)] = child
            values.append(value)
            offset = self.blank(child.end)
        place.end = offset + 1
        return values, place

    def _closes(self, offset: int, bracket: str, after_item: bool) -> bool:
        found = self._text[offset : offset + 1]
        if found == bracket:
            return True
        if after_item and found != ",":
            raise _syntax(f"expected ',' or '{bracket}'", offset)
        return False

    def _next_item(self, offset: int, after_item: bool) -> int:
        return self.blank(offset + 1) if after_item else offset


def _syntax(message: str, offset: int, hint: str | None = None) -> ReadError:
    return ReadError("json-syntax", message, offset, hint)
