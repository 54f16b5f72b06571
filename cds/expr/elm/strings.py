"""Operators of strings (CQL 1.5, B.3). Regular expressions run in linear time, and results are bounded."""

from __future__ import annotations

from typing import Any

from cds.expr.evaluation import capped, capped_text
from cds.expr.functions.strings import matches_full, read_pattern, replaced, substitution_pieces


def concatenate(*texts: str) -> str:
    """`Concatenate`, `+`."""
    return capped_text("".join(texts))


def combine(texts: list[str | None] | None, separator: str | None = None) -> str | None:
    """`Combine`: the texts that are not null, with a separator between; null when there are none."""
    found = [text for text in texts or () if text is not None]
    return capped_text((separator or "").join(found)) if found else None


def split(text: str | None, separator: str | None) -> list[str] | None:
    """`Split`: the text itself when there is no separator."""
    if text is None:
        return None
    if not separator:
        return [text]
    return capped(text.split(separator))


def split_on_matches(text: str | None, pattern: str | None) -> list[str] | None:
    """`SplitOnMatches`: the text itself when there is no pattern."""
    if text is None:
        return None
    return capped(read_pattern(pattern, text, None, "SplitOnMatches").split(text)) if pattern else [text]


def indexer(text: str, index: int) -> str | None:
    """`text[index]`: null outside the text."""
    return text[index] if 0 <= index < len(text) else None


def position_of(pattern: str, text: str) -> int:
    """`PositionOf`: -1 when the text does not have it."""
    return text.find(pattern)


def last_position_of(pattern: str, text: str) -> int:
    """`LastPositionOf`: -1 when the text does not have it."""
    return text.rfind(pattern)


def substring(text: str | None, start: int | None, length: int | None = None) -> str | None:
    """`Substring`: null when it would start outside the text."""
    if text is None or start is None or not 0 <= start < max(len(text), 1):
        return None
    return text[start:] if length is None else text[start : start + max(length, 0)]


def starts_with(text: str, prefix: str) -> bool:
    """`StartsWith`."""
    return text.startswith(prefix)


def ends_with(text: str, suffix: str) -> bool:
    """`EndsWith`."""
    return text.endswith(suffix)


def upper(text: str) -> str:
    """`Upper`."""
    return text.upper()


def lower(text: str) -> str:
    """`Lower`."""
    return text.lower()


def matches(text: str, pattern: str) -> bool:
    """`Matches`: the whole text, as the reference engines do."""
    return matches_full(text, pattern)


def replace_matches(text: str, pattern: str, substitution: str) -> str:
    r"""`ReplaceMatches`: `$1` and `${name}` stand for groups, `\$` for a dollar."""
    if not pattern:
        return text
    compiled = read_pattern(pattern, text, None, "ReplaceMatches")
    pieces: list[Any] = []
    for index, part in enumerate(substitution.split("\\$")):
        pieces += ["$"] if index else []
        pieces += substitution_pieces(part, compiled)
    return replaced(text, compiled, pieces)


def to_chars(text: str) -> list[str]:
    """`ToChars`: the characters, one by one."""
    return capped(list(text))
