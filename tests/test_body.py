"""Guards between bytes and JSON values."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.body import decode, too_deep
from cds.errors import RequestError


def _refusal(body: bytes) -> str | None:
    with pytest.raises(RequestError) as caught:
        decode(body)
    assert caught.value.status == 400
    return caught.value.issues[0].diagnostics


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"NaN",
        b'{"a": Infinity}',
        b'{"a": 1e400}',
        b'"\\ud800"',
        b'{"\\udc00": 1}',
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        "{}".encode("utf-16-le"),
        b'"\xff"',
        b'"\xc0\xaf"',
        b"{} {}",
        b"{}x",
        b'{"a": 1,}',
        b"// c\n{}",
        b"{'a': 1}",
        b'"\x00"',
        b'{"a": 01}',
        b'"open',
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """Text that RFC 8259 does not allow is 400, whatever other parsers make of it (security B5, D5)."""
    assert _refusal(body) == "bad-json"


@pytest.mark.parametrize("text", [b'"\\u0000"', b'{"a\\u0000": 1}', b'["\\\\\\u0000"]', b'"x\\\\\\\\\\u0000"'])
def test_the_nul_character_is_refused(text: bytes) -> None:
    """An escaped NUL is 400 in keys and values: databases refuse it later (security B5)."""
    assert _refusal(text) == "nul-character"


@pytest.mark.parametrize("text", [b'"\\\\u0000"', b'"\\\\\\\\u0000"', b'"\\u00001"'[:6] + b'1"'])
def test_text_that_only_looks_like_nul_is_kept(text: bytes) -> None:
    """A backslash that is itself escaped starts no NUL (security B5)."""
    assert decode(text) == orjson.loads(text)


@pytest.mark.parametrize(
    "number",
    [
        "18446744073709551616",
        "-9223372036854775809",
        "-9999999999999999999",
        "99999999999999999999999999",
        "1" + "0" * 200,
        "-" + "9" * 40,
    ],
)
@pytest.mark.parametrize(
    "template", ["%s", "[%s]", '{"a":%s}', '{"a": %s , "b": 1}', "[1,\n%s]", '{"pad":"xyz","a":%s}']
)
def test_integers_beyond_64_bits_are_refused(template: str, number: str) -> None:
    """The parser would turn them into floats without a word, so they are 400 at every offset in the text (security
    B5)."""
    for padding in range(4):
        assert _refusal(b" " * padding + (template % number).encode()) == "long-integer"


@pytest.mark.parametrize(
    "text",
    [
        "18446744073709551615",
        "-9223372036854775808",
        "0.12345678901234567890123456789",
        "1.5e0000000000000000000000000001",
        "123456789012345678.12345678901234567890",
        '"123456789012345678901234567890"',
        '["a\\"", "99999999999999999999999", 3]',
        '{"99999999999999999999999": 1}',
        '{"a":"urn:oid:2.16.840.1.113883.99999999999999999999","b":-9}',
    ],
)
def test_other_long_digits_are_kept(text: str) -> None:
    """Long decimals, and digits in strings, are no long integers."""
    assert decode(text.encode()) == orjson.loads(text)


@given(
    st.lists(st.integers(-(2**70), 2**70) | st.text('0123456789:,[- \\"', max_size=40), max_size=5), st.integers(0, 3)
)
def test_long_integers_are_found_exactly(values: list[Any], padding: int) -> None:
    """Among any values, refused are the bodies with an integer beyond 64 bits and no others (security B5)."""
    body = b" " * padding + str_json(values)
    if any(isinstance(value, int) and not -(2**63) <= value < 2**64 for value in values):
        assert _refusal(body) == "long-integer"
    else:
        assert decode(body) == values


def str_json(values: list[Any]) -> bytes:
    return b"[" + b",".join(str(v).encode() if isinstance(v, int) else orjson.dumps(v) for v in values) + b"]"


def _nested(depth: int, innermost: bytes) -> list[bytes]:
    lists = b"[" * depth + innermost + b"]" * depth
    objects = b'{"a":' * (depth - 1) + b"{" + (b'"a":' + innermost if innermost else b"") + b"}" * depth
    mixed = b'[{"a":' * (depth // 2) + b"[" * (depth % 2) + innermost + b"]" * (depth % 2) + b"}]" * (depth // 2)
    return [lists, objects] + ([mixed] if innermost or depth % 2 else [])


@pytest.mark.parametrize("innermost", [b"", b"1", b'"x"', b"null"])
def test_depth_64_passes_and_65_does_not(innermost: bytes) -> None:
    """The limit is exact for lists and objects, whatever stands innermost (security B3)."""
    for body in _nested(64, innermost):
        assert decode(body) == orjson.loads(body)
    for body in _nested(65, innermost):
        assert _refusal(body) == "too-deep"


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 1025 + b"]" * 1025, b"[" * 1000 + b"]" * 1000]
)
def test_great_depth_is_refused_as_such(body: bytes) -> None:
    """Depth beyond what the parser itself takes is the same refusal, and nothing recurses into it (security B3)."""
    assert _refusal(body) == "too-deep"


def test_brackets_in_strings_hide_no_depth() -> None:
    """Brackets inside strings neither count as levels nor cancel real ones (security B3)."""
    body = b'["]",' * 65 + b"1" + b',"["]' * 65
    assert _refusal(body) == "too-deep"
    assert decode(b'["' + b"[" * 500 + b'"]') == ["[" * 500]


@given(
    st.recursive(
        st.none() | st.integers(0, 9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    ),
    st.integers(0, 6),
)
def test_depth_agrees_with_a_plain_count(value: Any, limit: int) -> None:
    """The fast count of levels equals the recursive definition."""
    assert too_deep(value, limit) is (_depth(value) > limit)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def test_the_last_of_duplicate_keys_counts() -> None:
    """Duplicate keys are taken, the last one counts (security B4)."""
    assert decode(b'{"hook": "a", "hook": "b"}') == {"hook": "b"}


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    """Arbitrary bytes are a value or a RequestError, never another exception (security B5)."""
    with contextlib.suppress(RequestError):
        decode(body)
