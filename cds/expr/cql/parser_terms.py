"""Terms: literals, selectors, invocations, arithmetic and the prefix operators of expressionTerm."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Literal, TypeVar

from cds.expr.cql import ast
from cds.expr.cql.lexer import DATE, DATETIME, KEYWORD_IDENTIFIERS, LONG, NUMBER, RESERVED, STRING, TIME
from cds.expr.cql.parser_base import REFERENTIAL
from cds.expr.cql.parser_queries import QueryParser
from cds.expr.cql.parser_timing import PRECISIONS

T = TypeVar("T")

#: operator -> binding power; a higher one binds closer.
_ARITHMETIC = {"^": 3, "*": 2, "/": 2, "div": 2, "mod": 2, "+": 1, "-": 1, "&": 1}
#: Prefix operators of two words.
_PREFIXES = {
    "start": "of",
    "end": "of",
    "width": "of",
    "successor": "of",
    "predecessor": "of",
    "singleton": "from",
    "point": "from",
}
_COMPONENTS = PRECISIONS | {"date", "time", "timezone", "timezoneoffset"}
_CLASS_NAMES = REFERENTIAL | {"Code", "Concept"}


class TermParser(QueryParser):
    """The part that reads terms."""

    def term(self) -> ast.Expression:
        """An expressionTerm."""
        return self.arithmetic(self.unary(), 1)

    def arithmetic(self, left: ast.Expression, minimum: int) -> ast.Expression:
        """The arithmetic operators behind `left` that bind at least as close as `minimum`."""
        while (power := _ARITHMETIC.get(self.token.kind, 0)) >= minimum:
            token, height, self.height = self.advance(), self.height, 0
            right = self.arithmetic(self.unary(), power + 1)
            self.rise(height)
            left = ast.BinaryExpression(left.at, right.end, token.kind, left, right, token.at)
        return left

    def unary(self) -> ast.Expression:
        """The prefix operators, which all bind closer than arithmetic, and what they stand before."""
        token, kind = self.token, self.token.kind
        following = self.peek().kind
        if kind in ("+", "-"):
            if following in (NUMBER, LONG):
                return self._signed(token.at, kind)
            self.advance()
            operand = self._prefixed()
            return ast.UnaryExpression(token.at, operand.end, kind, operand)
        if (word := _PREFIXES.get(kind)) and (following == word or kind in RESERVED):
            self.advance()
            self.require(word)
            operand = self._prefixed()
            return ast.UnaryExpression(token.at, operand.end, f"{kind} {word}", operand)
        if kind in _COMPONENTS and (following == "from" or kind in RESERVED):
            return self._time_unit()
        if kind in ("duration", "difference"):
            return self._duration()
        return self.suffixes(self.primary())

    def _prefixed(self) -> ast.Expression:
        """The operand of a prefix operator."""
        self.deeper()
        operand = self.unary()
        self.depth -= 1
        self.rise(0)
        return operand

    def _signed(self, at: int, sign: str) -> ast.Expression:
        """A number behind its sign: the only place of the smallest Integer and Long."""
        self.advance()
        number = self._number(negative=sign == "-")
        operand = self.suffixes(number)
        return ast.UnaryExpression(at, operand.end, sign, operand)

    def _time_unit(self) -> ast.Expression:
        token = self.advance()
        self.require("from")
        operand = self._prefixed()
        return ast.TimeUnitExpression(token.at, operand.end, token.kind, operand)

    def _duration(self) -> ast.Expression:
        """`duration in days of`; the form with `between` is an expression, not a term."""
        at, operator = self.token.at, self.duration_operator()
        self.require("in")
        precision = self.plural_precision()
        self.require("of")
        operand = self._prefixed()
        return ast.DurationExpression(at, operand.end, operator, precision, operand)

    def suffixes(self, node: ast.Expression) -> ast.Expression:
        """`.name`, `.name()` and `[index]` behind a primary."""
        while True:
            height, self.height = self.height, 0
            if self.accept("."):
                node = self._member(node)
            elif self.accept("["):
                index = self.expression()
                self.require("]")
                node = ast.IndexedExpression(node.at, self.end, node, index)
            else:
                self.height = height
                return node
            self.rise(height)

    def _member(self, source: ast.Expression) -> ast.Expression:
        if self.peek().kind == "(":
            name = self.function_identifier()
            arguments = self._arguments()
            return ast.QualifiedFunctionInvocation(source.at, self.end, source, name, arguments)
        name = self.referential_identifier("the name of an element or function")
        return ast.QualifiedMemberInvocation(source.at, self.end, source, name)

    def _arguments(self) -> tuple[ast.Expression, ...]:
        self.require("(")
        return self.items(self.expression, ")")

    def items(self, item: Callable[[], T], close: str) -> tuple[T, ...]:
        """Items divided by commas up to `close`, which is passed over; there may be none."""
        if self.accept(close):
            return ()
        items = [item()]
        while self.accept(","):
            items.append(item())
        if not self.accept(close):
            raise self.unexpected(f"',' or '{close}'")
        return tuple(items)

    # --- primaries ---

    def primary(self) -> ast.Expression:
        """A literal, selector, invocation or one of the forms with their own end."""
        kind = self.token.kind
        if (reader := _PRIMARIES.get(kind)) is not None:
            return reader(self)
        if kind in REFERENTIAL and not (kind in KEYWORD_IDENTIFIERS and self.definition_begins(self.index)):
            return self._named()
        hint = "a retrieve that is an operand stands in parentheses" if kind == "[" else None
        raise self.unexpected("an expression", hint)

    def _named(self) -> ast.Expression:
        """A name, a function call, or an instance where a type name is followed by `{`."""
        token, following = self.token, self.peek().kind
        if following == "{" or (following == "." and self._instance_follows()):
            return self._instance()
        self.advance()
        if following == "(":
            arguments = self._arguments()
            return ast.FunctionInvocation(token.at, self.end, token.value, arguments)
        return ast.MemberInvocation(token.at, token.end, token.value)

    def _instance_follows(self) -> bool:
        ahead = 0
        while self.peek(ahead + 1).kind == "." and self.peek(ahead + 2).kind in _CLASS_NAMES:
            ahead += 2
        return self.peek(ahead + 1).kind == "{"

    def _instance(self) -> ast.Expression:
        kind = self.named_type_specifier()
        elements = self._elements()
        return ast.InstanceSelector(kind.at, self.end, kind, elements)

    def _elements(self) -> tuple[ast.ElementSelector, ...]:
        """The inside of a tuple or instance; `:` where it has no elements."""
        self.require("{")
        if self.accept(":"):
            self.require("}")
            return ()
        if self.token.kind == "}":
            raise self.unexpected("an element, or ':' for none")
        return self.items(self._element, "}")

    def _element(self) -> ast.ElementSelector:
        at, name = self.token.at, self.referential_identifier("the name of an element")
        self.require(":")
        value = self.expression()
        return ast.ElementSelector(at, self.end, name, value)

    def _string(self) -> ast.Expression:
        token = self.advance()
        return ast.StringLiteral(token.at, token.end, token.value)

    def _number(self, *, negative: bool = False) -> ast.Expression:
        """A Long, an Integer or Decimal, a quantity or a ratio."""
        at = self.token.at
        if self.token.kind != NUMBER:
            return ast.LongNumberLiteral(at, self.token.end, self.long(negative=negative))
        value = self.number(negative=negative)
        unit, end = self.unit(), self.end
        if self.token.kind == ":" and self.peek().kind == NUMBER:
            self.advance()
            denominator = self.quantity()
            return ast.RatioLiteral(at, self.end, ast.QuantityLiteral(at, end, value, unit), denominator)
        if unit is not None:
            return ast.QuantityLiteral(at, end, value, unit)
        if isinstance(value, Decimal):
            self.check_decimal(value, at)
        return ast.NumberLiteral(at, end, value)

    def _date(self) -> ast.Expression:
        token = self.advance()
        return ast.DateLiteral(token.at, token.end, token.value)

    def _datetime(self) -> ast.Expression:
        token = self.advance()
        return ast.DateTimeLiteral(token.at, token.end, token.value)

    def _time(self) -> ast.Expression:
        token = self.advance()
        return ast.TimeLiteral(token.at, token.end, token.value)

    def _word(self) -> ast.Expression:
        token = self.advance()
        if token.kind == "null":
            return ast.NullLiteral(token.at, token.end)
        return ast.BooleanLiteral(token.at, token.end, token.kind == "true")

    def _special(self) -> ast.Expression:
        token = self.advance()
        kinds = {"$this": ast.ThisInvocation, "$index": ast.IndexInvocation, "$total": ast.TotalInvocation}
        return kinds[token.kind](token.at, token.end)

    def _external_constant(self) -> ast.Expression:
        at = self.advance().at
        name = self.string() if self.token.kind == STRING else self.referential_identifier()
        return ast.ExternalConstant(at, self.end, name)

    def _parenthesized(self) -> ast.Expression:
        self.require("(")
        node = self.expression()
        if not self.accept(")"):
            raise self.unexpected("an operator or ')'")
        return node

    def _interval(self) -> ast.Expression:
        at = self.advance().at
        low_closed = self.token.kind == "["
        if not low_closed and self.token.kind != "(":
            raise self.unexpected("'[' or '('")
        self.advance()
        low = self.expression()
        self.require(",")
        high = self.expression()
        high_closed = self.token.kind == "]"
        if not high_closed and self.token.kind != ")":
            raise self.unexpected("']' or ')'")
        self.advance()
        return ast.IntervalSelector(at, self.end, low, high, low_closed, high_closed)

    def _tuple(self) -> ast.Expression:
        at = self.token.at
        self.accept("Tuple")
        elements = self._elements()
        return ast.TupleSelector(at, self.end, elements)

    def _list(self) -> ast.Expression:
        at, kind = self.token.at, None
        if self.accept("List") and self.accept("<"):
            kind = self.type_specifier()
            self.require(">")
        self.require("{")
        elements = self.items(self.expression, "}")
        return ast.ListSelector(at, self.end, kind, elements)

    def _braces(self) -> ast.Expression:
        """A tuple or a list."""
        following = self.peek().kind
        is_tuple = following == ":" or (following in REFERENTIAL and self.peek(2).kind == ":")
        return self._tuple() if is_tuple else self._list()

    def _code(self) -> ast.Expression:
        return self._code_selector() if self.peek().kind == STRING else self._instance()

    def _code_selector(self) -> ast.CodeSelector:
        at, code = self.require("Code").at, self.string()
        self.require("from")
        codesystem = self.terminology_identifier()
        display = self.display()
        return ast.CodeSelector(at, self.end, code, codesystem, display)

    def display(self) -> str | None:
        """`display 'text'`, if it is next (displayClause)."""
        return self.string() if self.accept("display") else None

    def _concept(self) -> ast.Expression:
        if self.peek().kind != "{" or self.peek(2).kind != "Code" or self.peek(3).kind != STRING:
            return self._instance()
        at = self.advance().at
        self.require("{")
        codes = self.items(self._code_selector, "}")
        display = self.display()
        return ast.ConceptSelector(at, self.end, codes, display)

    # --- forms with words of their own ---

    def _convert(self) -> ast.Expression:
        at = self.advance().at
        operand = self.expression()
        self.require("to")
        if (unit := self.unit()) is not None:
            return ast.ConversionExpression(at, self.end, operand, None, unit)
        kind = self.type_specifier()
        return ast.ConversionExpression(at, self.end, operand, kind, None)

    def _if(self) -> ast.Expression:
        at = self.advance().at
        condition = self.expression()
        self.require("then")
        consequent = self.expression()
        self.require("else")
        alternative = self.expression()
        return ast.IfThenElse(at, self.end, condition, consequent, alternative)

    def _case(self) -> ast.Expression:
        at = self.advance().at
        comparand = None if self.token.kind == "when" else self.expression()
        items = [self._case_item()]
        while self.token.kind == "when":
            items.append(self._case_item())
        self.require("else")
        alternative = self.expression()
        self.require("end")
        return ast.Case(at, self.end, comparand, tuple(items), alternative)

    def _case_item(self) -> ast.CaseItem:
        at = self.require("when").at
        condition = self.expression()
        self.require("then")
        result = self.expression()
        return ast.CaseItem(at, self.end, condition, result)

    def _aggregate_term(self) -> ast.Expression:
        """`distinct` and `flatten`, whose operand is a whole expression."""
        token = self.advance()
        operand = self.expression()
        return ast.UnaryExpression(token.at, operand.end, token.kind, operand)

    def _set_aggregate(self) -> ast.Expression:
        token = self.advance()
        operand = self.expression()
        per: ast.Expression | None = None
        if self.accept("per"):
            at = self.token.at
            if self.token.kind in PRECISIONS and self.peek().kind != "from":
                unit = self.unit()
                per = ast.QuantityLiteral(at, self.end, 1, unit)
            else:
                per = self.expression()
        kind: Literal["expand", "collapse"] = "expand" if token.kind == "expand" else "collapse"
        return ast.SetAggregateExpression(token.at, self.end, kind, operand, per)

    def _type_extent(self) -> ast.Expression:
        token = self.advance()
        kind = self.named_type_specifier()
        extent: Literal["minimum", "maximum"] = "minimum" if token.kind == "minimum" else "maximum"
        return ast.TypeExtentExpression(token.at, self.end, extent, kind)


_PRIMARIES: dict[str, Callable[[TermParser], ast.Expression]] = {
    STRING: TermParser._string,
    NUMBER: TermParser._number,
    LONG: TermParser._number,
    DATE: TermParser._date,
    DATETIME: TermParser._datetime,
    TIME: TermParser._time,
    "null": TermParser._word,
    "true": TermParser._word,
    "false": TermParser._word,
    "$this": TermParser._special,
    "$index": TermParser._special,
    "$total": TermParser._special,
    "%": TermParser._external_constant,
    "(": TermParser._parenthesized,
    "{": TermParser._braces,
    "Interval": TermParser._interval,
    "Tuple": TermParser._tuple,
    "List": TermParser._list,
    "Code": TermParser._code,
    "Concept": TermParser._concept,
    "convert": TermParser._convert,
    "if": TermParser._if,
    "case": TermParser._case,
    "distinct": TermParser._aggregate_term,
    "flatten": TermParser._aggregate_term,
    "expand": TermParser._set_aggregate,
    "collapse": TermParser._set_aggregate,
    "minimum": TermParser._type_extent,
    "maximum": TermParser._type_extent,
}
