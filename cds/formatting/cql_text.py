"""CQL in canonical form: the blanks between the words of a line. Lines stay broken and indented as they are written."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from cds.expr.cql.lexer import END, NAME, QUOTED, Token, tokens

#: Operators with a blank on both sides.
_BINARY = frozenset({"=", "!=", "~", "!~", "<", "<=", ">", ">=", "+", "-", "*", "/", "&", "|", "->"})
#: What ends an operand: a sign behind it is an operator of two.
_CLOSING = frozenset({")", "]", "}"})
_TYPES = frozenset({"List", "Interval", "Choice"})
_TIGHT_BEFORE = frozenset({")", "]", ",", "."})
#: What stands right behind the `>` of a type.
_BEHIND_TYPE = _TIGHT_BEFORE | {"(", ":"}
_TIGHT_BEHIND = frozenset({"(", "[", ".", "%"})


def format_cql(text: str) -> str:
    """The canonical text. Raises ExpressionSyntaxError for what is no CQL token."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    found, errors = tokens(text)
    if errors:
        raise errors[0]
    pieces = [_margin(text[: found[0].at])]
    tight, signs = _type_brackets(found), _signs(found)
    for index, (token, following) in enumerate(pairwise(found)):
        pieces.append(text[token.at : token.end])
        between = text[token.end : following.at]
        if following.kind == END or "\n" in between or between.strip():
            pieces.append(_margin(between))
        else:
            pieces.append(_blank(found, index, between, tight, signs))
    return "".join(pieces).lstrip("\n").rstrip() + "\n"


def _margin(between: str) -> str:
    """Comments and line breaks: no blanks at the ends of lines, no tabs before them, one blank line at most."""
    lines = between.split("\n")
    kept = [line.rstrip() if number < len(lines) - 1 else line for number, line in enumerate(lines)]
    kept = [line.replace("\t", "  ") if not line.strip() else line for line in kept]
    result: list[str] = []
    for number, line in enumerate(kept):
        if line or number in (0, len(kept) - 1) or result[-1] or len(result) < 2:
            result.append(line)
    return "\n".join(result)


def _blank(found: Sequence[Token], index: int, between: str, tight: frozenset[int], signs: frozenset[int]) -> str:
    """What stands between a token and the next one in its line."""
    kind, following = found[index].kind, found[index + 1].kind
    if index in tight and kind == ">" and index + 1 not in tight and following not in _BEHIND_TYPE:
        return " "
    if index in tight or index + 1 in tight or index in signs:
        return ""
    if kind in _TIGHT_BEHIND or following in _TIGHT_BEFORE:
        return ""
    if following == ":":
        return ""
    if kind in ("{", "}") or following in ("{", "}"):
        return "" if (kind, following) == ("{", "}") and not between else " "
    if following == "(" and kind in (NAME, QUOTED):
        return ""
    if following in ("(", "["):  # a keyword may be a function, and begin a retrieve
        return " " if between or kind in _BINARY or kind in (",", ":") else ""
    return " "


def _type_brackets(found: Sequence[Token]) -> frozenset[int]:
    """The `<` and `>` of types."""
    brackets: set[int] = set()
    depth = 0
    for index, token in enumerate(found):
        if token.kind == "<" and index and found[index - 1].kind in _TYPES:
            brackets.add(index)
            depth += 1
        elif token.kind == ">" and depth:
            brackets.add(index)
            depth -= 1
    return frozenset(brackets)


def _signs(found: Sequence[Token]) -> frozenset[int]:
    """The `-` and `+` before a single operand."""
    return frozenset(
        index
        for index, token in enumerate(found)
        if token.kind in ("+", "-") and (index == 0 or not _ends_operand(found[index - 1]))
    )


def _ends_operand(token: Token) -> bool:
    return token.kind in _CLOSING or token.kind.isupper() or token.kind in ("null", "true", "false", "$this", "$index")
