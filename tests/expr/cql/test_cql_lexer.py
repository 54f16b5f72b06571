"""Tokens of CQL: literals, escapes, keywords of two words, and what is no token."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cds.expr import temporal
from cds.expr.cql.lexer import KEYWORD_IDENTIFIERS, MAX_ERRORS, RESERVED, tokens


def read(text: str) -> list[tuple[str, object]]:
    """Kinds and values of the tokens before the end; no errors."""
    found, errors = tokens(text)
    assert errors == []
    return [(token.kind, token.value) for token in found[:-1]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"'it\'s'", "it's"),
        (r"'a\\b\/c\"\`'", 'a\\b/c"`'),
        (r"'\f\n\r\t'", "\f\n\r\t"),
        (r"'\u00e9\u2264'", "é≤"),
        (r"'\ud83d\ude00'", "😀"),
        (r"'\d+'", r"\d+"),
        ("'two\nlines'", "two\nlines"),
    ],
)
def test_strings_resolve_their_escapes(text: str, value: str) -> None:
    assert read(text) == [("STRING", value)]


def test_names_are_plain_or_delimited_by_quotes_or_backticks() -> None:
    assert read(r'a_1 "b \"c\"" `d \`e\``') == [("NAME", "a_1"), ("QUOTED", 'b "c"'), ("QUOTED", "d `e`")]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("@2014", "DATE", temporal.Date((2014,))),
        ("@2014-01-25", "DATE", temporal.Date((2014, 1, 25))),
        ("@2014T", "DATETIME", temporal.DateTime((2014,))),
        ("@2014-01-25T14:30", "DATETIME", temporal.DateTime((2014, 1, 25, 14, 30))),
        ("@2014-01-25T14:30+01:00", "DATETIME", temporal.DateTime((2014, 1, 25, 14, 30), 60)),
        ("@T14:30:14.559", "TIME", temporal.Time((14, 30, 14_559_000))),
    ],
)
def test_dates_and_times_keep_the_precision_they_are_written_with(text: str, kind: str, value: object) -> None:
    assert read(text) == [(kind, value)]


@pytest.mark.parametrize(("text", "offset"), [("@2014T+01:30", 90), ("@2014-01TZ", 0), ("@2014-01-25T-05:00", -300)])
def test_an_offset_may_stand_without_a_time_of_day(text: str, offset: int) -> None:
    value = tokens(text)[0][0].value
    assert isinstance(value, temporal.DateTime)
    assert value.offset == offset


def test_numbers_are_kept_as_they_are_written() -> None:
    assert read("1 1.50 10L 1.a") == [
        ("NUMBER", "1"),
        ("NUMBER", "1.50"),
        ("LONG", "10"),
        ("NUMBER", "1"),
        (".", ""),
        ("NAME", "a"),
    ]
    assert Decimal("1.50").as_tuple().exponent == -2


@pytest.mark.parametrize("text", ["such that", "included in", "such\n  that"])
def test_keywords_of_two_words_are_one_token(text: str) -> None:
    assert read(text) == [(" ".join(text.split()), " ".join(text.split()))]


def test_words_of_such_keywords_are_names_elsewhere() -> None:
    """`on`, `less` and `more` are no keywords of their own."""
    assert read("'included' in a")[0] == ("STRING", "included")
    kinds = [kind for kind, _ in read("on or x less than y more such thatch on or before less than 3")]
    assert kinds[:9] == ["NAME", "or", "NAME", "NAME", "NAME", "NAME", "NAME", "NAME", "NAME"]
    assert kinds[9:] == ["on or", "before", "less than", "NUMBER"]


def test_comments_and_white_space_are_passed_over() -> None:
    assert read("a // b\n/* c\n * d */ + /**/ e") == [("NAME", "a"), ("+", ""), ("NAME", "e")]


def test_keywords_are_reserved_or_names_in_references() -> None:
    assert not KEYWORD_IDENTIFIERS & RESERVED


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("1 ? 2", 3, "unexpected character '?'"),
        ("a = 'b", 5, "this ' is never closed"),
        ('"b', 1, 'this " is never closed'),
        ("1 /* 2", 3, "this comment is never closed"),
        ("@12:30", 1, "@ is not a date, dateTime or time"),
        ("@2014-02-30", 1, "@2014-02-30 is not a date, dateTime or time"),
        ("$that", 1, "unknown name behind $"),
        (r"'\ud83d'", 1, "half of a surrogate pair stands for no character"),
    ],
)
def test_what_is_no_token_is_an_error_at_its_place(text: str, column: int, message: str) -> None:
    errors = tokens(text)[1]
    assert [(error.line, error.column, error.message) for error in errors] == [(1, column, message)]


def test_reading_goes_on_behind_what_is_no_token() -> None:
    found, errors = tokens("a ? b\n'c\nd")
    assert [token.value for token in found] == ["a", "b", "d", ""]
    assert [(error.line, error.column) for error in errors] == [(1, 3), (2, 1)]


def test_a_text_full_of_errors_is_not_read_to_its_end() -> None:
    found, errors = tokens("?" * 100_000)
    assert len(errors) == MAX_ERRORS
    assert [token.kind for token in found] == ["END"]
