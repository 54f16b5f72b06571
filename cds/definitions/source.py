"""Positions in a definition file: the text with its line table, and a tree of places beside the parsed value.

Both readers (YAML and JSON) give the same tree, so that everything later speaks of element paths only."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

#: Where an element is in a resource: `("action", 0, "title")`.
ElementPath = tuple[str | int, ...]
Style = Literal["plain", "single", "double", "block", "container"]

MAX_DEPTH = 64
LONGEST_SHOWN_LINE = 200
LONGEST_MESSAGE = 1000
SMALLEST_INTEGER, LARGEST_INTEGER = -(2**63), 2**64 - 1

_LINE_END = re.compile(r"\r\n|\r|\n")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_SIMPLE_ESCAPES = {"n": " ", "t": " ", "r": " ", "_": " ", "N": " ", "L": " ", "P": " ", " ": " ", "\t": " "}
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}


class ReadError(Exception):
    """A file that cannot be read further: problem code, message and the character offset of the fault."""

    def __init__(self, code: str, message: str, offset: int, hint: str | None = None) -> None:
        self.code = code
        self.message = message
        self.offset = offset
        self.hint = hint
        super().__init__(message)


@dataclass(slots=True)
class Place:
    """Character offsets of one value: `start` and `end` of the value, `key` of the member name that holds it (-1 for
    list items and roots), how a string is written, and the places of its members or items."""

    start: int
    end: int
    key: int = -1
    style: Style = "plain"
    children: dict[str | int, Place] = field(default_factory=dict)


class SourceText:
    """The decoded text of one file, with offsets turned into 1-based lines and columns."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(match.end() for match in _LINE_END.finditer(text))]

    def position(self, offset: int) -> tuple[int, int]:
        """(line, column), both 1-based, of a character offset."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line(self, number: int) -> str | None:
        """The text of a 1-based line without its line end, or None when there is no such line."""
        if not 1 <= number <= len(self._starts):
            return None
        start = self._starts[number - 1]
        end = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")

    def printable_line(self, number: int) -> str | None:
        """The line as it may be shown under a problem; None when it is too long for that."""
        line = self.line(number)
        return line if line is not None and len(line) <= LONGEST_SHOWN_LINE else None

    def offset_in_string(self, place: Place, value: str, line: int, column: int) -> int:
        """The offset in the file of a 1-based position inside a string value. Works for every way to write a string
        because only blanks are folded or indented: the n-th visible character of the value is the n-th in the file."""
        target = _text_offset(value, line, column)
        before = sum(1 for character in value[:target] if not character.isspace())
        at_visible = target < len(value) and not value[target].isspace()
        last = place.start
        for count, offset in enumerate(self._visible(place)):
            if count == before and at_visible:
                return offset
            if count >= before:
                break
            last = offset + 1
        return last

    def _visible(self, place: Place) -> Iterator[int]:
        """The offsets of the non-blank characters of a string as its value has them."""
        start, end = place.start, place.end
        if place.style == "block":
            header_end = self.text.find("\n", start)
            start = end if header_end < 0 else header_end
        elif place.style in ("single", "double"):
            start, end = start + 1, end - 1
        while start < end:
            character, width = self._decoded(start, place.style)
            if not character.isspace():
                yield start
            start += width

    def _decoded(self, offset: int, style: Style) -> tuple[str, int]:
        """The character of a string at an offset, and how many characters of the file write it."""
        character = self.text[offset]
        if style == "single" and character == "'":
            return character, 2
        if style != "double" or character != "\\":
            return character, 1
        escape = self.text[offset + 1]
        if escape in "\r\n":
            return " ", 2
        digits = _HEX_DIGITS.get(escape, 0)
        if not digits:
            return _SIMPLE_ESCAPES.get(escape, escape), 2
        code = int(self.text[offset + 2 : offset + 2 + digits], 16)
        if 0xD800 <= code < 0xDC00:
            return "\U00010000", 12
        return chr(code), 2 + digits


def _text_offset(value: str, line: int, column: int) -> int:
    start = 0
    for _ in range(line - 1):
        end = value.find("\n", start)
        if end < 0:
            return len(value)
        start = end + 1
    return min(start + max(column, 1) - 1, len(value))


def scalar(text: str, offset: int) -> Any:
    """A plain scalar by the rules of JSON: true, false, null (also `~` and nothing), numbers; anything else is a
    string, so `yes`, `on`, dates and codes such as `0123` stay what they look like."""
    match text:
        case "true":
            return True
        case "false":
            return False
        case "null" | "~" | "":
            return None
    found = _NUMBER.fullmatch(text)
    if not found:
        return checked_text(text, offset)
    return number(text, found.group(1) is not None or found.group(2) is not None, offset)


def number(text: str, fractional: bool, offset: int) -> int | float:
    """An int or a float. Raises ReadError when JSON output could not carry it."""
    value: int | float = float(text) if fractional or len(text) > 20 else int(text)
    if not SMALLEST_INTEGER <= value <= LARGEST_INTEGER and (not fractional or value in (float("inf"), float("-inf"))):
        raise ReadError("number-range", "the number is out of range", offset, "write it as a string in quotes")
    return value


def checked_text(text: str, offset: int) -> str:
    """`text` itself. Raises ReadError when it holds characters that FHIR strings must not have."""
    found = _FORBIDDEN.search(text)
    if found:
        message = f"the text holds the character U+{ord(found.group()):04X}, which FHIR does not allow"
        raise ReadError("text-invalid", message, offset, "remove the character")
    return text


def clipped(message: str) -> str:
    """A message that quotes the file, cut where it quotes too much."""
    return message if len(message) <= LONGEST_MESSAGE else message[:LONGEST_MESSAGE] + "…"


def too_deep(offset: int) -> ReadError:
    """The error for nesting beyond MAX_DEPTH."""
    return ReadError("too-deep", f"nested deeper than {MAX_DEPTH} levels", offset, "flatten it")


def duplicate_key(name: str, offset: int) -> ReadError:
    """The error for a member name that occurs twice in one object."""
    return ReadError("duplicate-key", f"'{name}' is given twice", offset, "keep one of the two, or make it a list")
