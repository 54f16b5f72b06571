"""Positions: lines and columns of offsets, and of characters inside strings however they are written."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cds.definitions.read_json import read_json
from cds.definitions.read_yaml import read_yaml
from cds.definitions.source import ReadError, SourceText, scalar


def _one(text: str, read: Any = read_yaml) -> tuple[Any, Any]:
    ((value, place),) = read(text)
    return value, place


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("~", None),
        ("null", None),
        ("12", 12),
        ("-1.50", -1.5),
        ("1e3", 1000.0),
        ("yes", "yes"),
        ("on", "on"),
        ("True", "True"),
        ("0123", "0123"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-01-01", "2026-01-01"),
        (".5", ".5"),
        (".inf", ".inf"),
        ("=", "="),
        ("'12'", "12"),
        ('"true"', "true"),
    ],
)
def test_plain_scalars_follow_the_rules_of_json(written: str, value: Any) -> None:
    """Only true, false, null and JSON numbers are special; words, dates and codes stay text."""
    found = _one(f"a: {written}\n")[0]["a"]
    assert found == value
    assert type(found) is type(value)


def test_numbers_that_json_cannot_carry_are_refused() -> None:
    """security B5 for content: no infinity and no integer beyond 64 bits comes out of a definition."""
    assert scalar("18446744073709551615", 0) == 2**64 - 1
    for text in ("18446744073709551616", "-9223372036854775809", "1e400", "9" * 400):
        with pytest.raises(ReadError):
            scalar(text, 0)


JSON_SCALARS = st.none() | st.booleans() | st.integers(-99, 99) | st.text('aé"\\\n☃😀/', max_size=5)
JSON_VALUES = st.recursive(
    JSON_SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab"', max_size=2), inner, max_size=3),
)


@given(JSON_VALUES)
def test_json_reader_agrees_with_the_standard_one(value: Any) -> None:
    """Any JSON value reads as json.loads reads it, and each place spans its own text."""
    text = json.dumps(value, indent=1)
    found, place = _one(text, read_json)
    assert found == value
    assert json.loads(text[place.start : place.end]) == value


@pytest.mark.parametrize(
    "text", ["", "{", "[1,]", "[1 2]", '{"a" 1}', "{a: 1}", "01", "1.", "NaN", '"a\nb"', "1 2", "tru"]
)
def test_json_reader_refuses_what_is_not_json(text: str) -> None:
    """Strict RFC 8259: no comments, trailing commas, NaN or second values."""
    with pytest.raises(ReadError) as caught:
        _one(text, read_json)
    assert caught.value.code == "json-syntax"


@given(st.lists(st.text("ab %'\"\\:#é😀", max_size=9).map(str.strip).filter(bool), min_size=1, max_size=4), st.data())
def test_positions_inside_strings_are_exact_for_every_style(lines: list[str], data: st.DataObject) -> None:
    """The n-th visible character of a string stands where the file has it: plain, quoted, folded, block and JSON."""
    style = data.draw(st.sampled_from(["'", '"', "|", ">", "json"]))
    value = "\n".join(lines)
    if style == "json":
        text = json.dumps({"k": value}, indent=2)
        found, place = _one(text, read_json)
    else:
        text = yaml.dump({"k": value}, default_style=style, width=12, allow_unicode=True)
        found, place = _one(text)
    index = data.draw(st.sampled_from([i for i, c in enumerate(found["k"]) if not c.isspace()]))
    line = found["k"].count("\n", 0, index) + 1
    column = index - (found["k"].rfind("\n", 0, index) + 1) + 1
    offset = SourceText(text).offset_in_string(place.children["k"], found["k"], line, column)
    character = found["k"][index]
    assert text[offset] in (character, "\\")


def test_position_after_the_end_of_a_string_is_after_its_last_character() -> None:
    """ "Unexpected end" points behind the last character, not at a neighbour."""
    text = "a: |\n  %x.exists(\n\nb: c\n"
    value, place = _one(text)
    offset = SourceText(text).offset_in_string(place.children["a"], value["a"], 1, 99)
    assert SourceText(text).position(offset) == (2, 13)


def test_lines_are_counted_as_editors_do() -> None:
    """CRLF, CR and LF end a line; Unicode separators, which libyaml counts, do not."""
    source = SourceText("a\r\nb\u2028c\rd\n")
    assert [source.line(number) for number in range(6)] == [None, "a", "b\u2028c", "d", "", None]
    assert source.position(5) == (2, 3)
