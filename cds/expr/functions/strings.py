"""String manipulation and the additional string functions (FHIRPath 5.6)."""

from __future__ import annotations

import base64
import binascii
import html
import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import re2

from cds.errors import EvaluationError, PatternLimitError, SizeLimitError
from cds.expr import ast
from cds.expr.code import BOOLEAN, INTEGER, STRING, Code, Function
from cds.expr.evaluation import MAX_PATTERN, MAX_STRING, MAX_SUBJECT, Evaluation, capped, capped_text
from cds.expr.types import Types
from cds.expr.values import describe

if TYPE_CHECKING:
    from cds.expr.compiler import Compiler


def _options(*, never_capture: bool = False) -> Any:
    options = re2.Options()
    options.dot_nl = True  # FHIRPath 5.6.9: single line mode
    options.log_errors = False
    options.never_capture = never_capture
    return options


_OPTIONS = _options()
#: A set of one pattern answers in a third of the time. Its automaton must have room in the memory that a pattern may
#: take, for it has no other way to match: it needs some twenty states, and of one of this size hundreds fit.
_LARGEST_PROGRAM = 2_000
#: What a set of hundreds of patterns may take.
_SET_MEMORY = 64 << 20
_TESTS = _options(never_capture=True)  # for those that only ask whether there is a match
#: What Markdown gives a meaning to; a backslash before it takes the meaning away.
_MARKDOWN = frozenset("\\`*_{}[]()<>#+-.!|~&:@$^=\"'")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u2028\u2029")
_SHOWN: dict[int, str | None] = {
    **dict.fromkeys([*range(32), *range(127, 160)], " "),
    **dict.fromkeys(map(ord, _BIDI)),
    **{ord(char): "\\" + char for char in _MARKDOWN},
}
_SHOWN_OTHERWISE = frozenset(map(chr, _SHOWN))


def _need_text(value: Any, name: str) -> str:
    if type(value) is not str:
        raise EvaluationError(f"{name}() needs a string argument, not {describe(value)}")
    return value


def _need_count(value: Any, name: str) -> int:
    if type(value) is not int:
        raise EvaluationError(f"{name}() needs an integer argument, not {describe(value)}")
    return value


# --- simple ones -------------------------------------------------------------------------------------------------


def _index_of(text: str, part: Any) -> int:
    return text.find(_need_text(part, "indexOf"))


def _last_index_of(text: str, part: Any) -> int:
    return text.rfind(_need_text(part, "lastIndexOf"))


def _starts_with(text: str, prefix: Any) -> bool:
    return text.startswith(_need_text(prefix, "startsWith"))


def _ends_with(text: str, suffix: Any) -> bool:
    return text.endswith(_need_text(suffix, "endsWith"))


def _contains(text: str, part: Any) -> bool:
    return _need_text(part, "contains") in text


def _trim(text: str) -> str:
    return text.strip(" \t\r\n")


def _replace(text: str, part: Any, substitute: Any) -> str:
    part, substitute = _need_text(part, "replace"), _need_text(substitute, "replace")
    grown = len(text) + max(len(substitute) - len(part), 0) * (text.count(part) if part else len(text) + 1)
    if grown > MAX_STRING:
        raise SizeLimitError(f"a string grew beyond {MAX_STRING} characters")
    return text.replace(part, substitute)


def _substring(_: Evaluation, items: list[Any], starts: list[Any], lengths: list[Any] | None = None) -> list[Any]:
    if not items or not starts:
        return []
    for part in (items, starts, lengths or []):
        if len(part) > 1:
            raise EvaluationError(f"substring() needs single items, found {len(part)}")
    text, start = _need_text(items[0], "substring"), _need_count(starts[0], "substring")
    if not 0 <= start < len(text):
        return []
    if not lengths:
        return [text[start:]]
    return [text[start : start + max(_need_count(lengths[0], "substring"), 0)]]


# --- regular expressions: linear time, bounded (security.md E1) --------------------------------------------------


def read_pattern(pattern: Any, text: str, flags: Any, name: str, options: Any = _OPTIONS) -> Any:
    """A compiled regular expression to be used on `text`. EvaluationError when it cannot be read, PatternLimitError
    when it or the text is too long."""
    pattern = _need_text(pattern, name)
    if len(pattern) > MAX_PATTERN:
        raise PatternLimitError(f"a regular expression has more than {MAX_PATTERN} characters")
    if len(text) > MAX_SUBJECT:
        raise PatternLimitError(f"a string of more than {MAX_SUBJECT} characters cannot be matched")
    modes = _need_text(flags, name) if flags is not None else ""
    if not set(modes) <= {"i", "m"}:
        raise EvaluationError(f"{name}() does not know these flags", hint="they are i and m")
    try:
        return _compiled(f"(?{modes}){pattern}" if modes else pattern, options)
    except re2.error:
        beyond = "(?" in pattern or any(f"\\{digit}" in pattern for digit in range(1, 10))
        hint = "look-around and back-references are not supported" if beyond else None
        raise EvaluationError(f"{name}() cannot read this regular expression", hint=hint) from None


def _check_pattern(compiler: Compiler, call: ast.Call, args: tuple[Code, ...]) -> None:
    """A regular expression that is written out is read when the expression is compiled."""
    constant = args[0].constant
    if constant and type(constant[0]) is str:
        try:
            read_pattern(constant[0], "", None, call.name)
        except EvaluationError as error:
            raise compiler.semantic(call.args[0], error.message, error.hint) from None


@lru_cache(maxsize=256)
def _compiled(pattern: str, options: Any) -> Any:
    # The library's own cache spends more on its key than a match costs.
    return re2.compile(pattern, options)


def _matches(text: str, pattern: Any, flags: Any = None) -> bool:
    return read_pattern(pattern, text, flags, "matches", _TESTS).search(_encoded(text)) is not None


def matches_full(text: str, pattern: Any, flags: Any = None) -> bool:
    """Whether the whole text matches."""
    return read_pattern(pattern, text, flags, "matchesFull", _TESTS).fullmatch(_encoded(text)) is not None


def full_matcher(pattern: str) -> Callable[[str], bool]:
    """matches_full() for one pattern, which is read once. EvaluationError when it cannot be read."""
    read = read_pattern(pattern, "", None, "matchesFull", _TESTS)
    if read.programsize > _LARGEST_PROGRAM:
        return lambda text: matches_full(text, pattern)
    alone = re2.Set.FullMatchSet(_TESTS)
    alone.Add(pattern)
    alone.Compile()
    match = alone.Match

    def matcher(text: str) -> bool:
        if len(text) > MAX_SUBJECT:
            return matches_full(text, pattern)
        return bool(match(text.encode("utf-8", "surrogatepass")))

    return matcher


def set_matcher(patterns: Iterable[str]) -> Callable[[str], list[int] | None]:
    """matches_full() for several patterns in one pass: the numbers of those that match the text, beside others from
    their count on; None when that could not be found out. EvaluationError when a pattern cannot be read."""
    options = _options(never_capture=True)
    options.max_mem = _SET_MEMORY
    together = re2.Set.FullMatchSet(options)
    for pattern in patterns:
        read_pattern(pattern, "", None, "matchesFull", _TESTS)
        together.Add(pattern)
    always = together.Add(".*")  # the library says nothing matches when it runs out of memory; this one does
    together.Compile()
    match = together.Match

    def matcher(text: str) -> list[int] | None:
        found: list[int] | None = match(_encoded(text))
        return found if found and always in found else None

    return matcher


def _encoded(text: str) -> bytes:
    # On bytes the library need not tell characters' places, which costs more than the match.
    return text.encode("utf-8", "surrogatepass")


def _replace_matches(text: str, pattern: Any, substitution: Any, flags: Any = None) -> str:
    """`$1`, `${name}` and `$0` in the substitution stand for groups."""
    if pattern == "":
        return text
    compiled = read_pattern(pattern, text, flags, "replaceMatches")
    return replaced(text, compiled, substitution_pieces(_need_text(substitution, "replaceMatches"), compiled))


def replaced(text: str, compiled: Any, pieces: list[str | tuple[int | str]]) -> str:
    """`text` with every match replaced by the pieces; SizeLimitError when it grows too long."""
    size = 0

    def put(match: Any) -> str:
        nonlocal size
        found = "".join(piece if isinstance(piece, str) else match.group(piece[0]) or "" for piece in pieces)
        size += len(found)
        if size > MAX_STRING:
            raise SizeLimitError(f"a string grew beyond {MAX_STRING} characters")
        return found

    return capped_text(str(compiled.sub(put, text)))


def substitution_pieces(template: str, compiled: Any) -> list[str | tuple[int | str]]:
    """The template as text and one-tuples naming groups. EvaluationError for a group that there is not."""
    pieces: list[str | tuple[int | str]] = []
    at = 0
    while (dollar := template.find("$", at)) >= 0:
        pieces.append(template[at:dollar])
        name, at = _group_name(template, dollar + 1)
        if name is None:
            pieces.append("$")
        elif name in compiled.groupindex or (isinstance(name, int) and name <= compiled.groups):
            pieces.append((name,))
        else:
            raise EvaluationError("replaceMatches() names a group that the regular expression lacks")
    return [*pieces, template[at:]]


def _group_name(template: str, at: int) -> tuple[int | str | None, int]:
    char = template[at : at + 1]
    if char.isascii() and char.isdigit():
        return int(char), at + 1
    close = template.find("}", at) if char == "{" else -1
    if close < 0:
        return None, at
    name = template[at + 1 : close]
    return int(name) if name.isascii() and name.isdigit() and len(name) < 4 else name, close + 1


# --- joining and splitting ---------------------------------------------------------------------------------------


def _join(_: Evaluation, items: list[Any], separators: list[Any] | None = None) -> list[Any]:
    separator = separators[0] if separators else ""
    if type(separator) is not str:
        _need_text(separator, "join")
    if not items:
        return []
    size = len(separator) * (len(items) - 1)
    for item in items:
        size += len(item if type(item) is str else _need_text(item, "join"))
    if size > MAX_STRING:
        raise SizeLimitError(f"a string grew beyond {MAX_STRING} characters")
    return [separator.join(items)] if len(items) > 1 else items


def _split(_: Evaluation, items: list[Any], separators: list[Any]) -> list[Any]:
    if not items or not separators:
        return []
    if len(items) > 1:
        raise EvaluationError(f"split() needs one string, found {len(items)}")
    text, separator = _need_text(items[0], "split"), _need_text(separators[0], "split")
    return capped(text.split(separator)) if separator else capped(list(text))


def _to_chars(_: Evaluation, items: list[Any]) -> list[Any]:
    if len(items) > 1:
        raise EvaluationError(f"toChars() needs one string, found {len(items)}")
    return capped(list(_need_text(items[0], "toChars"))) if items else []


# --- encoding and escaping ---------------------------------------------------------------------------------------

_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "hex": binascii.hexlify,
    "base64": base64.b64encode,
    "urlbase64": base64.urlsafe_b64encode,
}
_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "hex": binascii.unhexlify,
    "base64": base64.b64decode,
    "urlbase64": base64.urlsafe_b64decode,
}


def _encode(text: str, target: Any) -> str | None:
    if target == "ascii":
        return text.encode("ascii", "replace").decode("ascii")
    encoder = _ENCODERS.get(_need_text(target, "encode"))
    return None if encoder is None else capped_text(encoder(text.encode("utf-8", "surrogatepass")).decode("ascii"))


def _decode(text: str, target: Any) -> str | None:
    decoder = _DECODERS.get(_need_text(target, "decode"))
    if decoder is None:
        return None
    try:
        return decoder(text.encode("ascii")).decode("utf-8")
    except ValueError:
        return None


def markdown_escaped(text: str) -> str:
    """Text that Markdown shows as it is: punctuation behind backslashes, line breaks and control characters as one
    space, bidirectional controls gone."""
    if not _SHOWN_OTHERWISE.isdisjoint(text):  # most words have none, and looking is quicker than translating
        text = text.translate(_SHOWN)
    return " ".join(text.split())


def _escape(text: str, target: Any) -> str | None:
    if target == "markdown":
        escaped = markdown_escaped(text)
    elif target == "html":
        escaped = html.escape(text, quote=True).replace("&#x27;", "&#39;")
    elif target == "json":
        escaped = json.dumps(text, ensure_ascii=False)[1:-1]
    else:
        return None
    return escaped if len(escaped) <= MAX_STRING else capped_text(escaped)


def _unescape(text: str, target: Any) -> str | None:
    if target == "html":
        return html.unescape(text)
    if target == "json":
        return _unescape_json(text)
    if target != "markdown":
        return None
    return "".join(char for char, previous in _unescaped(text) if not previous)


def _unescape_json(text: str) -> str:
    """The text a JSON string holds; quotes and control characters may stand as they are."""
    pieces: list[str] = []
    for piece in text.split("\\\\"):
        raw = piece.replace('\\"', '"').replace('"', '\\"')
        try:
            pieces.append(str(json.loads(f'"{raw}"', strict=False)))
        except ValueError:
            raise EvaluationError("unescape() found text that is not JSON") from None
    return "\\".join(pieces)


def _unescaped(text: str) -> list[tuple[str, bool]]:
    """Characters, each with whether it is the backslash of an escape."""
    result, skip = [], False
    for position, char in enumerate(text):
        escape = char == "\\" and not skip and text[position + 1 : position + 2] in _MARKDOWN
        result.append((char, escape and position + 1 < len(text)))
        skip = escape
    return result


def _text(name: str, arguments: str, handler: Callable[..., Any], summary: str, types: Types = STRING) -> Function:
    check = _check_pattern if arguments.startswith("regex") else None
    return Function(name, arguments, "scalar", handler, "5.6", summary, types=types, text=True, check=check)


FUNCTIONS = (
    _text("indexOf", "substring", _index_of, "Position of the first occurrence, -1 for none", INTEGER),
    _text("lastIndexOf", "substring", _last_index_of, "Position of the last occurrence, -1 for none", INTEGER),
    Function("substring", "start length?", "collection", _substring, "5.6", "Part of a string", types=STRING),
    _text("startsWith", "prefix", _starts_with, "True when it starts with the argument", BOOLEAN),
    _text("endsWith", "suffix", _ends_with, "True when it ends with the argument", BOOLEAN),
    _text("contains", "substring", _contains, "True when the argument occurs in it", BOOLEAN),
    _text("upper", "", str.upper, "In upper case"),
    _text("lower", "", str.lower, "In lower case"),
    _text("replace", "pattern substitution", _replace, "With every occurrence replaced"),
    _text("matches", "regex flags?", _matches, "True when the regular expression occurs in it", BOOLEAN),
    _text("matchesFull", "regex flags?", matches_full, "True when the regular expression covers it", BOOLEAN),
    _text("replaceMatches", "regex substitution flags?", _replace_matches, "With every match replaced"),
    _text("length", "", len, "The number of characters", INTEGER),
    Function("toChars", "", "collection", _to_chars, "5.6", "Its characters", types=STRING),
    _text("trim", "", _trim, "Without surrounding white space"),
    Function("split", "separator", "collection", _split, "5.6", "Its parts between the separator", types=STRING),
    Function("join", "separator?", "collection", _join, "5.6", "The strings of a collection as one", types=STRING),
    _text("encode", "format", _encode, "Encoded as hex, base64, urlbase64 or (lossy) ascii"),
    _text("decode", "format", _decode, "Decoded from hex, base64 or urlbase64"),
    _text("escape", "target", _escape, "Escaped for html, json or (ours) markdown"),
    _text("unescape", "target", _unescape, "Unescaped from html, json or (ours) markdown"),
)
