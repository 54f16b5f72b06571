"""Characters to tokens of CQL (lexical rules of cql.g4 and fhirpath.g4), each with its offsets."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from cds.errors import ExpressionSyntaxError
from cds.expr import temporal
from cds.expr.lexer import syntax_error

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
_DATE_FORMAT = r"@\d{4}(?:-\d\d(?:-\d\d)?)?"
_TIME_FORMAT = r"\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?"
_OFFSET_FORMAT = r"(?:Z|[+-]\d\d:\d\d)"
# Keywords of two words (PAIR) are one token where nothing else can be meant.
_TOKEN = re.compile(
    rf"""[ \t\r\n]*(?:
      (?P<PAIR>(?:such\s+that|included\s+in)\b|on\s+or(?=\s+(?:before|after)\b)|(?:less|more)\s+than(?=\s+\d))
    | (?P<NAME>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<OPERATOR>->|<=|>=|!=|!~|/(?![/*])|[()\[\]{{}}<>=~.,:+*^&|%-]|\$(?:this|index|total)\b)
    | (?P<QUOTED>"[^"\\]*(?:\\.[^"\\]*)*"|`[^`\\]*(?:\\.[^`\\]*)*`)
    | (?P<STRING>'[^'\\]*(?:\\.[^'\\]*)*')
    | (?P<COMMENT>//[^\r\n]*|/\*.*?\*/)
    | (?P<LONG>\d+L)
    | (?P<NUMBER>\d+(?:\.\d+)?)
    | (?P<DATETIME>{_DATE_FORMAT}T(?:{_TIME_FORMAT})?{_OFFSET_FORMAT}?)
    | (?P<DATE>{_DATE_FORMAT})
    | (?P<TIME>@T{_TIME_FORMAT})
    | (?P<END>\Z)
    | (?P<ERROR>['"`][^\n]*|/\*.*|.)
    )""",
    re.ASCII | re.DOTALL | re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"'": "'", '"': '"', "`": "`", "\\": "\\", "/": "/", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LITERALS = (QUOTED, STRING, DATE, DATETIME, TIME)


class Token(NamedTuple):
    """`kind` is one of the kinds above, or the text of a keyword or operator; `value` the name, text or item."""

    kind: str
    value: Any
    at: int
    end: int


def tokens(text: str) -> tuple[list[Token], list[ExpressionSyntaxError]]:
    """The tokens of `text`, closed by an END token, and an error for all that is none: what is wrong is left out, or
    read as the nearest thing that parses on."""
    result: list[Token] = []
    errors: list[ExpressionSyntaxError] = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or END
        value: Any = match[kind]
        start, end = match.span(kind)
        if kind == "COMMENT":
            continue
        if kind == "ERROR":
            errors.append(_error(text, start))
            if len(errors) < MAX_ERRORS:
                continue
            kind = END
        elif kind == "OPERATOR" or value in KEYWORDS:
            kind = value
        elif kind == "PAIR":
            value = kind = " ".join(value.split())
        elif kind in _LITERALS:
            try:
                value = _value(text, kind, value, start)
            except ExpressionSyntaxError as error:
                errors.append(error)
        result.append(Token(kind, value, start, end))
        if kind == END:
            break
    return result, errors


def _value(text: str, kind: str, written: str, at: int) -> Any:
    if kind in (QUOTED, STRING):
        return _unescaped(text, written[1:-1], at)
    value = _temporal(kind, written[1:])
    if value is None:
        hint = "write @2020-03-31, @2020-03-31T14:05:00+02:00 or @T14:05"
        raise syntax_error(text, at, f"{written} is not a date, dateTime or time", hint)
    return value


def _unescaped(text: str, body: str, at: int) -> str:
    """`body` with its escapes resolved; a backslash before another character stands for itself."""
    if "\\" not in body:
        return body
    value = _ESCAPE.sub(lambda match: _character(match[1]), body)
    if value.isascii():
        return value
    try:  # escaped surrogate pairs are one character
        return value.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise syntax_error(text, at, "half of a surrogate pair stands for no character") from None


def _character(escape: str) -> str:
    if len(escape) == 5:
        return chr(int(escape[1:], 16))
    return _ESCAPES.get(escape, f"\\{escape}")


def _temporal(kind: str, written: str) -> temporal.Temporal | None:
    if kind == DATE:
        return temporal.parse_date(written)
    if kind == TIME:
        return temporal.parse_time(written[1:])
    day, _, rest = written.partition("T")
    if rest[:1] not in ("Z", "+", "-"):
        return temporal.parse_datetime(written)
    # the grammar lets an offset stand where no time of day does: read it beside a time
    date, clock = temporal.parse_date(day), temporal.parse_datetime(f"2000-01-01T00{rest}")
    return temporal.DateTime(date.parts, clock.offset) if date is not None and clock is not None else None


def _error(text: str, at: int) -> ExpressionSyntaxError:
    char = text[at]
    if char in "'\"`":
        return syntax_error(text, at, f"this {char} is never closed", f"close it with {char}")
    if char == "/":
        return syntax_error(text, at, "this comment is never closed", "close it with */")
    if char == "@":
        return syntax_error(text, at, "@ begins no date or time", "write @2020-03-31 or @T14:05")
    if char == "$":
        return syntax_error(text, at, "unknown name behind $", "the names are $this, $index, $total")
    return syntax_error(text, at, f"unexpected character {char!r}")
