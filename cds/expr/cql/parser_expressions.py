"""Expressions: the operators of the rule `expression`, by precedence climbing over terms."""

from __future__ import annotations

from typing import Literal

from cds.expr.cql import ast
from cds.expr.cql.lexer import NUMBER
from cds.expr.cql.parser_queries import ALIASES
from cds.expr.cql.parser_terms import TermParser
from cds.expr.cql.parser_timing import PLURALS, TIMING_BEGINS

#: operator -> binding power; a higher one binds closer (the order of alternatives in cql.g4).
_POWERS = {
    "implies": 1,
    "or": 2,
    "xor": 2,
    "and": 3,
    "in": 4,
    "contains": 4,
    "=": 5,
    "!=": 5,
    "~": 5,
    "!~": 5,
    **dict.fromkeys(TIMING_BEGINS, 6),
    "<": 7,
    "<=": 7,
    ">": 7,
    ">=": 7,
    "|": 8,
    "union": 8,
    "intersect": 8,
    "except": 8,
    "between": 9,
    "is": 12,
    "as": 12,
}
_BETWEEN, _EXISTS, _NOT = 9, 10, 11
_TESTS: dict[str, Literal["null", "true", "false"]] = {"null": "null", "true": "true", "false": "false"}


class ExpressionParser(TermParser):
    """The part that reads expressions."""

    def expression(self, minimum: int = 0) -> ast.Expression:
        """Any expression whose operators bind at least as close as `minimum`."""
        self.deeper()
        outer, self.height = self.height, 0
        left = self._operand()
        while (power := self._power()) and power >= minimum:
            height, self.height = self.height, 0
            left = self._operation(left, power)
            self.rise(height)
        self.rise(0)
        self.height = max(self.height, outer)
        self.depth -= 1
        return left

    def _power(self) -> int:
        """The binding power of the operator that is next; 0 when none is."""
        kind = self.token.kind
        if kind == "properly" and self.peek().kind == "between":
            return _BETWEEN
        if kind == NUMBER and not self.offset_follows():
            return 0
        return _POWERS.get(kind, 0)

    def _operation(self, left: ast.Expression, power: int) -> ast.Expression:
        """The operation on `left` whose operator is next."""
        token, kind = self.token, self.token.kind
        if kind == "is" or kind == "as":
            return self._type_operation(left)
        if power == _BETWEEN:
            return self._between(left)
        if kind in TIMING_BEGINS:
            phrase = self.timing_phrase()
            right = self.expression(power + 1)
            return ast.TimingExpression(left.at, right.end, left, phrase, right)
        self.advance()
        if kind == "in" or kind == "contains":
            precision = self.precision_of()
            right = self.expression(power + 1)
            operator: Literal["in", "contains"] = "in" if kind == "in" else "contains"
            return ast.MembershipExpression(left.at, right.end, operator, precision, left, right, token.at)
        right = self.expression(power + 1)
        return ast.BinaryExpression(left.at, right.end, "union" if kind == "|" else kind, left, right, token.at)

    def _type_operation(self, left: ast.Expression) -> ast.Expression:
        """`is null`, `is type`, `as type`."""
        operator: Literal["is", "as"] = "is" if self.advance().kind == "is" else "as"
        if operator == "is":
            negated = self.accept("not")
            if self.token.kind in _TESTS:
                test = _TESTS[self.advance().kind]
                return ast.BooleanExpression(left.at, self.end, left, negated, test)
            if negated:
                raise self.unexpected("'null', 'true' or 'false'")
        kind = self.type_specifier()
        return ast.TypeExpression(left.at, self.end, operator, left, kind)

    def _between(self, left: ast.Expression) -> ast.Expression:
        proper = self.accept("properly")
        low, high = self._range()
        return ast.BetweenExpression(left.at, self.end, left, proper, low, high)

    def _range(self) -> tuple[ast.Expression, ast.Expression]:
        """`between low and high`."""
        self.require("between")
        low = self.term()
        self.require("and")
        return low, self.term()

    # --- operands ---

    def _operand(self) -> ast.Expression:
        """What the operators of an expression stand between: a term, a retrieve, a query or a prefix operator."""
        token, kind = self.token, self.token.kind
        if kind == "not" or kind == "exists":
            self.advance()
            operand = self.expression(_NOT if kind == "not" else _EXISTS)
            return ast.UnaryExpression(token.at, operand.end, kind, operand)
        if kind == "[":
            return self._perhaps_query(self.retrieve())
        if kind == "(":
            node = self.primary()
            if self.token.kind in ALIASES:
                return self.query(node)
            return self.arithmetic(self.suffixes(node), 1)
        if kind == "from" or self.source_begins():
            return self.query()
        if kind == "cast":
            return self._cast()
        if kind in PLURALS or (kind in ("duration", "difference") and self.peek(3).kind == "between"):
            return self._duration_between()
        return self.term()

    def _perhaps_query(self, source: ast.Expression) -> ast.Expression:
        return self.query(source) if self.token.kind in ALIASES else source

    def _cast(self) -> ast.Expression:
        """`cast operand as type`; the last `as` is the cast's own."""
        at = self.advance().at
        node = self.expression(_POWERS["as"])
        if not isinstance(node, ast.TypeExpression) or node.operator != "as":
            raise self.unexpected("'as' and a type")
        return ast.CastExpression(at, node.end, node.operand, node.type)

    def _duration_between(self) -> ast.Expression:
        at = self.token.at
        operator: Literal["duration", "difference"] = "duration"
        if self.token.kind not in PLURALS:
            operator = self.duration_operator()
            self.require("in")
        precision = self.plural_precision()
        low, high = self._range()
        return ast.DurationBetweenExpression(at, self.end, operator, precision, low, high)
