"""Characters to tokens of FHIRPath (grammar of FHIRPath 2.0/3.0, appendix B), each with its offset."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from cds.errors import ExpressionSemanticError, ExpressionSyntaxError
from cds.expr import hints, temporal
from cds.expr.values import LONGEST, MAX_DIGITS, Long

_OPERATORS = ("<=", ">=", "!=", "!~", *"()[]{}.,+-*/&|<>=~%")
ESCAPES = {"'": "'", '"': '"', "`": "`", "\\": "\\", "/": "/", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
WORD = LETTERS | frozenset("0123456789")
DIGITS = frozenset("0123456789")


class Token(NamedTuple):
    """`kind` is `name`, `quoted` (delimited identifier), `literal`, `faulty` (a literal without a value; `value` says
    why), `operator` or `end`; `value` the text or item."""

    kind: str
    value: Any
    at: int
    end: int


def place(text: str, at: int) -> tuple[int, int]:
    """1-based line and column of an offset."""
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def syntax_error(text: str, at: int, message: str, hint: str | None = None) -> ExpressionSyntaxError:
    """An ExpressionSyntaxError at an offset."""
    line, column = place(text, at)
    return ExpressionSyntaxError(message, line=line, column=column, hint=hint)


def semantic_error(text: str, at: int, message: str, hint: str | None = None) -> ExpressionSemanticError:
    """An ExpressionSemanticError at an offset."""
    line, column = place(text, at)
    return ExpressionSemanticError(message, line=line, column=column, hint=hint)


def tokens(text: str) -> list[Token]:
    """The tokens of an expression, closed by an `end` token. Raises ExpressionSyntaxError."""
    result: list[Token] = []
    at, size = 0, len(text)
    while True:
        at = skip(text, at)
        if at >= size:
            result.append(Token("end", "", size, size))
            return result
        token = _token(text, at)
        result.append(token)
        at = token.end


def skip(text: str, at: int) -> int:
    """The offset behind white space and comments."""
    size = len(text)
    while at < size:
        if text[at] in " \t\r\n":
            at += 1
        elif text.startswith("//", at):
            newline = text.find("\n", at)
            at = size if newline < 0 else newline + 1
        elif text.startswith("/*", at):
            close = text.find("*/", at + 2)
            if close < 0:
                raise syntax_error(text, at, "this comment is never closed", "close it with */")
            at = close + 2
        else:
            return at
    return at


def _token(text: str, at: int) -> Token:
    char = text[at]
    if char in LETTERS:
        end = run_end(text, at, WORD)
        return Token("name", text[at:end], at, end)
    if char in DIGITS:
        return _number(text, at)
    if char == "'":
        return _quoted(text, at, "literal")
    if char == "`":
        return _quoted(text, at, "quoted")
    if char == '"':
        raise syntax_error(text, at, 'unexpected character "', "strings stand in single quotes, names in backticks")
    if char == "@":
        return _temporal(text, at)
    if char == "$":
        end = run_end(text, at + 1, WORD)
        return Token("special", text[at:end], at, end)
    for operator in _OPERATORS:
        if text.startswith(operator, at):
            return Token("operator", operator, at, at + len(operator))
    raise syntax_error(text, at, f"unexpected character {char}", hints.operator(text, at))


def run_end(text: str, at: int, allowed: frozenset[str]) -> int:
    """The offset behind the characters of `allowed` that begin at `at`."""
    size = len(text)
    while at < size and text[at] in allowed:
        at += 1
    return at


def _number(text: str, at: int) -> Token:
    end = run_end(text, at, DIGITS)
    value: int | Decimal
    if text[end : end + 1] == "." and text[end + 1 : end + 2] in DIGITS:
        end = run_end(text, end + 1, DIGITS)
        value = Decimal(text[at:end])
    else:
        if end - at > MAX_DIGITS:
            raise syntax_error(text, at, f"a number has at most {MAX_DIGITS} digits")
        value = int(text[at:end])
        if text[end : end + 1] == "L" and text[end + 1 : end + 2] not in WORD:
            if value > LONGEST:
                raise syntax_error(text, at, f"a Long is at most {LONGEST}")
            return Token("literal", Long(value), at, end + 1)
    if end - at > MAX_DIGITS + 1:
        raise syntax_error(text, at, f"a number has at most {MAX_DIGITS} digits")
    return Token("literal", value, at, end)


def _quoted(text: str, at: int, kind: str) -> Token:
    mark = text[at]
    parts: list[str] = []
    start = position = at + 1
    while True:
        char = text[position : position + 1]
        if not char:
            hint = f"close it with {mark}; inside it, write \\{mark}"
            raise syntax_error(text, at, f"this {mark} is never closed", hint)
        if char == mark:
            parts.append(text[start:position])
            return Token(kind, paired(text, at, "".join(parts)), at, position + 1)
        position += 1
        if char == "\\":
            parts.append(text[start : position - 1])
            character, position = _escape(text, position)
            parts.append(character)
            start = position


def paired(text: str, at: int, value: str) -> str:
    """`value` with escaped surrogate pairs as the characters they mean."""
    if value.isascii():
        return value
    try:
        return value.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise syntax_error(text, at, "half of a surrogate pair stands for no character") from None


def _escape(text: str, at: int) -> tuple[str, int]:
    char = text[at : at + 1]
    if char == "u":
        digits = text[at + 1 : at + 5]
        if len(digits) == 4 and all(digit in "0123456789abcdefABCDEF" for digit in digits):
            return chr(int(digits, 16)), at + 5
        raise syntax_error(text, at - 1, "\\u needs four hexadecimal digits")
    if char not in ESCAPES:
        known = "\\' \\\" \\` \\\\ \\/ \\f \\n \\r \\t \\uXXXX"
        raise syntax_error(text, at - 1, f"unknown escape \\{char}", f"the escapes are {known}")
    return ESCAPES[char], at + 1


def _temporal(text: str, at: int) -> Token:
    end = temporal_end(text, at + 1)
    written = text[at + 1 : end]
    value: temporal.Temporal | None
    if written.startswith("T"):
        value = temporal.parse_time(written[1:])
    elif "T" in written:
        value = temporal.parse_datetime(written)
    else:
        value = temporal.parse_date(written)
    if value is None:
        hint = "write @2020-03-31, @2020-03-31T14:05:00+02:00 or @T14:05"
        raise syntax_error(text, at, f"@{written} is not a date, dateTime or time", hint)
    offset = offset_end(text, end) if written.startswith("T") else end
    if offset > end:
        return Token("faulty", "a time has no offset", at, offset)
    return Token("literal", value, at, end)


def temporal_end(text: str, at: int) -> int:
    """The longest run that has the form of a date, dateTime or time literal."""
    end = pattern_end(text, at, "9999", "-99", "-99") if text[at : at + 1] != "T" else at
    if text[end : end + 1] != "T":
        return end
    is_time = end == at
    end += 1
    start = end
    end = pattern_end(text, end, "99", ":99", ":99")
    if end - start == 8 and text[end : end + 1] == "." and text[end + 1 : end + 2] in DIGITS:
        end = run_end(text, end + 1, DIGITS)
    if is_time or end == start:
        return end
    return offset_end(text, end)


def offset_end(text: str, at: int) -> int:
    """The offset behind `Z` or `+hh:mm`, if one is next."""
    if text[at : at + 1] == "Z":
        return at + 1
    offset = text[at : at + 6]
    return at + 6 if offset[:1] in ("+", "-") and pattern_end(offset, 1, "99", ":99") == 6 else at


def pattern_end(text: str, at: int, *groups: str) -> int:
    """The offset behind as many groups as match in turn; 9 in a group means a digit."""
    for group in groups:
        piece = text[at : at + len(group)]
        if len(piece) < len(group):
            return at
        for char, wanted in zip(piece, group, strict=True):
            if char not in DIGITS if wanted == "9" else char != wanted:
                return at
        at += len(group)
    return at
