"""The bytes of a request as JSON values, guarded against what parsers let through (security.md B3-B5).

The parser refuses bad UTF-8, byte order marks, lone surrogates, NaN, infinities, comments and trailing bytes by itself.
Three things it does not, and each is found here without walking the values one by one in Python. Of duplicate keys the
last one counts (B4).
"""

from __future__ import annotations

import gc
import json
import re
from decimal import Decimal
from typing import Any

import orjson
import re2

from cds.errors import Issue, RequestError

_BYTES = re2.Options()
_BYTES.encoding = re2.Options.Encoding.LATIN1
_BYTES.never_capture = True

_NUL = rb"\u0000"
_NUL_NOT_ESCAPED = re2.compile(rb"(?:^|[^\\])(?:\\\\)*\\u0000", _BYTES)

_DIGITS_TO_ZERO = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
_SHORTEST_LONG = 19  # digits of the smallest integer that may not fit in 64 bits
#: `re` finds them in half the time that `in` takes.
_ZEROS = {step: re.compile(b"0" * (_SHORTEST_LONG // step)).search for step in (4, 2, 1)}
_ONLY_SHORT_INTEGERS = re2.compile(rb'(?s)(?:[0-9]{0,18}(?:[^"0-9.]|\.[0-9]*|"(?:[^"\\]|\\.)*"))*[0-9]{0,18}', _BYTES)


#: A decimal written longer, or further from the point, is read as a float: nobody means its digits.
_LONGEST_DECIMAL = 64


def decode(body: bytes, *, max_depth: int = 64, exact: bool = False) -> Any:
    """The JSON value that `body` holds. Raises RequestError (400) when it is no JSON, is nested deeper than `max_depth`
    arrays and objects, or holds a NUL character or an integer beyond 64 bits.

    `exact` gives decimals as Decimal with the digits they were written with, in some times the time."""
    value = decode_part(body, max_depth)
    return json.loads(body, parse_float=_written) if exact else value


def decode_part(text: bytes, max_depth: int, above: int = 0) -> Any:
    """As decode(), for a part of a body that has so many levels `above` it; lines and columns count from its start."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _unreadable(error, "A part of the body" if above else "The body") from None
    if too_deep(value, max_depth - above):
        raise _refused("too-deep", f"The body is nested deeper than {max_depth} levels")
    if b"\\" in text and _NUL in text and _NUL_NOT_ESCAPED.search(text) is not None:  # one byte is found far quicker
        raise _refused("nul-character", "The body holds the character U+0000")
    if _may_have_long_integer(text) and _has_long_integer(text):
        raise _refused("long-integer", "The body holds an integer beyond 64 bits")
    return value


def _written(text: str) -> Decimal | float:
    value = Decimal(text)
    return value if len(text) <= _LONGEST_DECIMAL and abs(value.adjusted()) <= _LONGEST_DECIMAL else float(text)


def too_deep(value: Any, limit: int) -> bool:
    """Whether parsed JSON is nested deeper than `limit` levels; a scalar is at level 0, `[]` at level 1."""
    # The garbage collector lists the members of all containers of a level in one call, five times as fast as a loop.
    level = [value]
    for _ in range(limit):
        level = gc.get_referents(*level)
        if not level:
            return False
    return any(isinstance(item, (dict, list)) for item in level)


def _may_have_long_integer(body: bytes) -> bool:
    # 19 digits in a row show as 4 in every fourth byte, as 9 in every second: a look at a part is enough to say no.
    return all(_ZEROS[step](body[::step].translate(_DIGITS_TO_ZERO)) for step in (4, 2, 1))


class _LongIntegerError(Exception):
    pass


def _has_long_integer(body: bytes) -> bool:
    if _ONLY_SHORT_INTEGERS.fullmatch(body) is not None:
        return False
    try:
        json.loads(body, parse_int=_short_integer)
    except _LongIntegerError:
        return True
    return False


def _short_integer(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= int(text) < 2**64:
        raise _LongIntegerError
    return int(text)


def _unreadable(error: orjson.JSONDecodeError, what: str) -> RequestError:
    # The parser's message quotes nothing of the body; only its own depth limit needs another name.
    if error.msg.startswith("depth limit"):
        return _refused("too-deep", "The body is nested too deeply")
    return _refused("bad-json", f"{what} is not JSON: line {error.lineno}, column {error.colno}")


def _refused(code: str, text: str) -> RequestError:
    return RequestError(400, Issue("structure", text, diagnostics=code))
