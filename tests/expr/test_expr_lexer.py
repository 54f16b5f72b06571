"""Characters to tokens, and the places of what is wrong."""

from __future__ import annotations

import pytest

from cds.errors import ExpressionSyntaxError
from cds.expr.lexer import place, tokens


def test_every_kind_of_token_is_read() -> None:
    """Names, delimited names, literals, operators and specials keep their text and offset."""
    read = [(token.kind, str(token.value), token.at) for token in tokens("a.`b c` <= 'd\\u0065' $this @2020-02 1.50")]
    assert read == [
        ("name", "a", 0),
        ("operator", ".", 1),
        ("quoted", "b c", 2),
        ("operator", "<=", 8),
        ("literal", "de", 11),
        ("special", "$this", 21),
        ("literal", "2020-02", 27),
        ("literal", "1.50", 36),
        ("end", "", 40),
    ]


@pytest.mark.parametrize(
    ("literal", "shown"),
    [
        ("@2020", "2020"),
        ("@2020T", "2020"),
        ("@2020-02-29T10", "2020-02-29T10"),
        ("@2020-02-29T10:11:12.345+02:00", "2020-02-29T10:11:12.345+02:00"),
        ("@2020-02-29T10:11Z", "2020-02-29T10:11Z"),
        ("@T23:59:59.9", "23:59:59.9"),
    ],
)
def test_dates_and_times_keep_the_precision_they_were_written_with(literal: str, shown: str) -> None:
    """Partial dates, times, fractions and offsets survive reading (R5)."""
    assert str(tokens(literal)[0].value) == shown


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a +\n 'b", 2, 2, "never closed"),
        ("a /* b", 1, 3, "comment"),
        ("'\\q'", 1, 2, "escape"),
        ("'\\u12'", 1, 2, "four hexadecimal"),
        ("a # b", 1, 3, "unexpected character"),
        ("@2021-02-29", 1, 1, "not a date"),
        ("@2021-13", 1, 1, "not a date"),
        ("@T25", 1, 1, "not a date"),
        ("1" * 29, 1, 1, "at most 28 digits"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(text: str, line: int, column: int, words: str) -> None:
    """Line and column are 1-based, and the message says what is wrong (security E4)."""
    with pytest.raises(ExpressionSyntaxError, match=words) as caught:
        tokens(text)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_comments_and_white_space_separate_tokens() -> None:
    """Both kinds of comment are passed over."""
    assert [token.value for token in tokens("1 // one\n/* two\n */ 2")] == [1, 2, ""]


def test_an_offset_becomes_line_and_column() -> None:
    """Counting starts at 1 on every line."""
    assert [place("ab\ncd", at) for at in (0, 1, 3, 4)] == [(1, 1), (1, 2), (2, 1), (2, 2)]
