"""Characters to tokens of CQL (lexical rules of cql.g4 and fhirpath.g4), each with its offsets."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from cds.errors import ExpressionSyntaxError
from cds.expr import temporal
from cds.expr.lexer import (
    DIGITS,
    ESCAPES,
    LETTERS,
    WORD,
    offset_end,
    paired,
    run_end,
    skip,
    syntax_error,
    temporal_end,
)

#: A text with more errors than this is not read further.
MAX_ERRORS = 100
#: Kinds of tokens that have a value; a keyword or operator is of the kind of its own text.
NAME: Final = "NAME"
QUOTED: Final = "QUOTED"
STRING: Final = "STRING"
NUMBER: Final = "NUMBER"
LONG: Final = "LONG"
DATE: Final = "DATE"
DATETIME: Final = "DATETIME"
TIME: Final = "TIME"
END: Final = "END"

#: Keywords that are names wherever a reference may stand (keywordIdentifier).
KEYWORD_IDENTIFIERS = frozenset(
    "asc ascending by called code codesystem codesystems concept contains context date default define desc descending "
    "display div end ends except fluent function implies include includes intersect library meets mod overlaps "
    "parameter predecessor private public start starting starts successor time timezone timezoneoffset union using "
    "valueset version where width xor".split()
)
#: Keywords that are no names unless they are quoted (reservedWord, and the type and clause words outside that list).
RESERVED = frozenset(
    "after aggregate all and as before between case cast Choice Code collapse Concept convert day days difference "
    "distinct duration during else exists expand external false flatten from hour hours if in Interval is let List "
    "maximum millisecond milliseconds minimum minute minutes month months not null occurs of or per point properly "
    "return returns same second seconds singleton sort then to true Tuple week weeks when with within without year "
    "years".split()
)
KEYWORDS = KEYWORD_IDENTIFIERS | RESERVED
_OPERATORS = frozenset("()[]{}<>=~.,:+-*/^&|%")
_LONG_OPERATORS = frozenset({"->", "<=", ">=", "!=", "!~"})
_SPECIALS = frozenset({"$this", "$index", "$total"})
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
_TEMPORAL = WORD | frozenset("-:.+")
#: Keywords of two words, the first of which is a name elsewhere -> what must follow, if that matters.
_PAIRS: dict[str, frozenset[str]] = {
    "such that": frozenset(),
    "included in": frozenset(),
    "on or": frozenset({"before", "after"}),
    "less than": frozenset({NUMBER}),
    "more than": frozenset({NUMBER}),
}
_PAIR_ENDS = frozenset({"that", "in", "before", "after"})


class Token(NamedTuple):
    """`kind` is one of the kinds above, or the text of a keyword or operator; `value` the name, text or item."""

    kind: str
    value: Any
    at: int
    end: int


def tokens(text: str) -> tuple[list[Token], list[ExpressionSyntaxError]]:
    """The tokens of `text`, closed by an END token, and an error for everything that is none and is left out."""
    result: list[Token] = []
    errors: list[ExpressionSyntaxError] = []
    at = 0
    while len(errors) < MAX_ERRORS:
        try:
            at = skip(text, at)
        except ExpressionSyntaxError as error:  # a comment without an end
            errors.append(error)
            break
        if at == len(text):
            break
        try:
            token = _token(text, at)
        except ExpressionSyntaxError as error:
            errors.append(error)
            at = _behind_error(text, at)
        else:
            result.append(token)
            _join(result)
            at = token.end
    result.append(Token(END, "", len(text), len(text)))
    return result, errors


def _token(text: str, at: int) -> Token:
    char = text[at]
    if char in LETTERS:
        end = run_end(text, at, WORD)
        word = text[at:end]
        return Token(word if word in KEYWORDS else NAME, word, at, end)
    if char in DIGITS:
        return _number(text, at)
    if char in "'\"`":
        return _quoted(text, at)
    if char == "@":
        return _temporal(text, at)
    if text[at : at + 2] in _LONG_OPERATORS:
        return Token(text[at : at + 2], "", at, at + 2)
    if char in _OPERATORS:
        return Token(char, "", at, at + 1)
    if char == "$":
        end = run_end(text, at + 1, WORD)
        if text[at:end] in _SPECIALS:
            return Token(text[at:end], "", at, end)
        raise syntax_error(text, at, "unknown name behind $", "the names are $this, $index, $total")
    raise syntax_error(text, at, f"unexpected character {char!r}")


def _join(tokens: list[Token]) -> None:
    """Make one token of the two words of a keyword at the end of `tokens`, or in front of the last one."""
    last = tokens[-1]
    if last.kind != NUMBER and last.value not in _PAIR_ENDS:
        return
    for end in (len(tokens), len(tokens) - 1):
        if end < 2 or tokens[end - 2].kind != NAME:
            continue
        first, second = tokens[end - 2 : end]
        pair = f"{first.value} {second.value}"
        if pair in _PAIRS and (not _PAIRS[pair] if second is last else last.kind in _PAIRS[pair]):
            tokens[end - 2 : end] = [Token(pair, pair, first.at, second.end)]
            return


def _number(text: str, at: int) -> Token:
    end = run_end(text, at, DIGITS)
    if text[end : end + 1] == "L":
        return Token(LONG, text[at:end], at, end + 1)
    if text[end : end + 1] == "." and text[end + 1 : end + 2] in DIGITS:
        end = run_end(text, end + 1, DIGITS)
    return Token(NUMBER, text[at:end], at, end)


def _quoted(text: str, at: int) -> Token:
    mark, close = text[at], _closing(text, at)
    if close < 0:
        raise syntax_error(text, at, f"this {mark} is never closed", f"close it with {mark}")
    body = text[at + 1 : close]
    if "\\" in body:
        body = paired(text, at, _unescaped(body))
    return Token(STRING if mark == "'" else QUOTED, body, at, close + 1)


def _closing(text: str, at: int) -> int:
    """The offset of the quote that closes the one at `at`, or -1."""
    close = text.find(text[at], at + 1)
    while close >= 0:
        before = close - 1
        while text[before] == "\\":
            before -= 1
        if (close - before) % 2:  # an even number of backslashes escape one another
            break
        close = text.find(text[at], close + 1)
    return close


def _unescaped(body: str) -> str:
    """`body` with its escapes resolved; a backslash before another character stands for itself."""
    parts, start = [], 0
    while (slash := body.find("\\", start)) >= 0:
        parts.append(body[start:slash])
        char, start = body[slash + 1], slash + 2
        digits = body[start : start + 4]
        if char == "u" and len(digits) == 4 and _HEXADECIMAL.issuperset(digits):
            parts.append(chr(int(digits, 16)))
            start += 4
        else:
            parts.append(ESCAPES.get(char, f"\\{char}"))
    parts.append(body[start:])
    return "".join(parts)


def _temporal(text: str, at: int) -> Token:
    end = temporal_end(text, at + 1)
    written = text[at + 1 : end]
    value: temporal.Temporal | None
    if written.startswith("T"):
        kind, value = TIME, temporal.parse_time(written[1:])
    elif written.endswith("T"):
        kind, start, end = DATETIME, end, offset_end(text, end)
        value = _with_offset(temporal.parse_date(written[:-1]), text[start:end])
    elif "T" in written:
        kind, value = DATETIME, temporal.parse_datetime(written)
    else:
        kind, value = DATE, temporal.parse_date(written)
    if value is None:
        hint = "write @2020-03-31, @2020-03-31T14:05:00+02:00 or @T14:05"
        raise syntax_error(text, at, f"@{written} is not a date, dateTime or time", hint)
    return Token(kind, value, at, end)


def _with_offset(date: temporal.Date | None, offset: str) -> temporal.DateTime | None:
    """The DateTime of a date whose time of day is not known but whose offset may be."""
    beside = temporal.parse_datetime(f"2000-01-01T00{offset}")
    return None if date is None or beside is None else temporal.DateTime(date.parts, beside.offset)


def _behind_error(text: str, at: int) -> int:
    """The offset to read on from: behind a literal, or a line where the literal has no end."""
    char = text[at]
    if char == "@":
        return run_end(text, at + 1, _TEMPORAL)
    if char == "$":
        return run_end(text, at + 1, WORD)
    if char not in "'\"`":
        return at + 1
    close = _closing(text, at)
    newline = text.find("\n", at)
    return close + 1 if close >= 0 else newline if newline >= 0 else len(text)
