"""Quantities, and the phrases that put one time in relation to another (intervalOperatorPhrase)."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, cast

from cds.expr.cql import ast
from cds.expr.cql.lexer import KEYWORD_IDENTIFIERS, NAME, NUMBER, QUOTED, STRING
from cds.expr.cql.parser_types import TypeParser
from cds.expr.lexer import syntax_error
from cds.expr.quantity import CALENDAR

#: Kinds of tokens that begin a timing phrase where an operator may stand.
TIMING_BEGINS = frozenset(
    {NUMBER, "starts", "ends", "occurs", "same", "properly", "includes", "during", "included in", "less than"}
    | {"more than", "before", "after", "on or", "within", "meets", "overlaps"}
)
PRECISIONS = frozenset({"year", "month", "week", "day", "hour", "minute", "second", "millisecond"})
#: Plural of a precision -> the precision.
PLURALS = {f"{word}s": cast("ast.Precision", word) for word in PRECISIONS}
_BOUNDARIES: dict[str, ast.Boundary] = {"starts": "start", "ends": "end"}
_RELATIONS = frozenset({"before", "after", "on or"})
#: What can follow `starts` and `ends` when they do not stand for themselves.
_AFTER_BOUNDARY = _RELATIONS | {"same", "properly", "during", "included in", "less than", "more than", "within"}
#: Names that are operators or clauses when they follow `start` or `end`, which is then a name itself.
_CONTINUE = frozenset(
    "asc ascending contains define desc descending div end except implies in includes intersect meets mod overlaps "
    "starts ends union where xor".split()
)
_BEGIN_EXPRESSION = (KEYWORD_IDENTIFIERS - _CONTINUE) | frozenset(
    {NAME, QUOTED, STRING, NUMBER, "DATE", "DATETIME", "TIME", "LONG", "(", "[", "{", "%", "$this", "$index", "$total"}
    | {"Interval", "List", "Tuple", "Code", "Concept", "if", "case", "convert", "cast", "from", "null"}
    | {"maximum", "minimum", "singleton", "point", "start", "end"}
)
_MAX_INTEGER, _MAX_LONG = 2**31 - 1, 2**63 - 1
_MAX_DIGITS, _MAX_FRACTION_DIGITS = 28, 8


class TimingParser(TypeParser):
    """The part that reads quantities and timing phrases."""

    # --- numbers and quantities ---

    def number(self, *, negative: bool = False) -> int | Decimal:
        """The number that must be next; out of the range of Integer it is an error."""
        token = self.require(NUMBER)
        if "." in token.value:
            return Decimal(token.value)
        return self._integer(token.value, token.at, _MAX_INTEGER + negative, "the largest Integer is 2147483647")

    def check_decimal(self, value: Decimal, at: int) -> None:
        """An error for a Decimal with too many digits. A quantity may have more: it says what was measured."""
        if value.adjusted() >= _MAX_DIGITS or -int(value.as_tuple().exponent) > _MAX_FRACTION_DIGITS:
            message = f"a Decimal has at most {_MAX_DIGITS} digits before the point and {_MAX_FRACTION_DIGITS} after it"
            self.errors.append(syntax_error(self.text, at, message))

    def long(self, *, negative: bool = False) -> int:
        """The Long that is next."""
        token = self.advance()
        return self._integer(token.value, token.at, _MAX_LONG + negative, "the largest Long is 9223372036854775807L")

    def _integer(self, digits: str, at: int, largest: int, message: str) -> int:
        digits = digits.lstrip("0") or "0"
        value = int(digits) if len(digits) < 20 else largest + 1
        if value > largest:
            self.errors.append(syntax_error(self.text, at, message))
        return min(value, largest)

    def unit(self) -> str | None:
        """The calendar word or the string that is next, if one is (unit)."""
        if self.token.kind == STRING or self.token.kind in CALENDAR:
            return str(self.advance().value)
        return None

    def quantity(self) -> ast.QuantityLiteral:
        """A number, with its unit if there is one (quantity)."""
        at, value = self.token.at, self.number()
        unit = self.unit()
        return ast.QuantityLiteral(at, self.end, value, unit)

    # --- precisions ---

    def precision(self) -> ast.Precision | None:
        """The precision that is next, if one is."""
        return cast("ast.Precision", self.advance().kind) if self.token.kind in PRECISIONS else None

    def precision_of(self) -> ast.Precision | None:
        """`day of`, if it is next (dateTimePrecisionSpecifier)."""
        if self.token.kind not in PRECISIONS or self.peek().kind != "of":
            return None
        precision = self.precision()
        self.require("of")
        return precision

    def plural_precision(self) -> ast.Precision:
        """`days` (pluralDateTimePrecision)."""
        if self.token.kind not in PLURALS:
            raise self.unexpected("years, months, weeks, days, hours, minutes, seconds or milliseconds")
        return PLURALS[self.advance().kind]

    def duration_operator(self) -> Literal["duration", "difference"]:
        """The word `duration` or `difference`, which is next."""
        return "duration" if self.advance().kind == "duration" else "difference"

    # --- phrases ---

    def timing_phrase(self) -> ast.TimingPhrase:
        """The phrase that begins at the next token, which is one of TIMING_BEGINS."""
        at, word = self.token.at, self.token.kind
        left = None
        if word in ("starts", "ends", "occurs"):
            self.advance()
            left = _BOUNDARIES.get(word)
            if word != "occurs" and self.token.kind not in _AFTER_BOUNDARY and not self.offset_follows():
                precision = self.precision_of()
                kind = ast.Starts if word == "starts" else ast.Ends
                return kind(at, self.end, precision)
        elif word in ("meets", "overlaps"):
            return self._meets_or_overlaps(at)
        if self.token.kind == "same":
            return self._concurrent_with(at, left)
        proper = self.accept("properly")
        if self.token.kind == "includes" and word in ("includes", "properly"):
            self.advance()
            precision, right = self.precision_of(), self._boundary()
            return ast.Includes(at, self.end, proper, precision, right)
        if self.accept("during") or self.accept("included in"):
            precision = self.precision_of()
            return ast.IncludedIn(at, self.end, left, proper, precision)
        if self.accept("within"):
            quantity = self.quantity()
            self.require("of")
            right = self._boundary()
            return ast.Within(at, self.end, left, proper, quantity, right)
        if proper:
            raise self.unexpected("'includes', 'during', 'included in', 'within' or 'between'")
        return self._before_or_after(at, left)

    def _meets_or_overlaps(self, at: int) -> ast.TimingPhrase:
        kind = ast.Meets if self.advance().kind == "meets" else ast.Overlaps
        relation = self._relation() if self.token.kind in ("before", "after") else None
        precision = self.precision_of()
        return kind(at, self.end, relation, precision)

    def _concurrent_with(self, at: int, left: ast.Boundary | None) -> ast.TimingPhrase:
        self.require("same")
        precision = self.precision()
        relation: Literal["as", "or before", "or after"] = "as"
        if self.accept("or"):
            relation = "or before" if self._relation() == "before" else "or after"
        elif not self.accept("as"):
            raise self.unexpected("'as', 'or before' or 'or after'" + ("" if precision else ", or a precision"))
        right = self._boundary()
        return ast.ConcurrentWith(at, self.end, left, precision, relation, right)

    def _before_or_after(self, at: int, left: ast.Boundary | None) -> ast.TimingPhrase:
        offset = self._offset() if self.token.kind in (NUMBER, "less than", "more than") else None
        inclusive = self.accept("on or")
        relation = self._relation()
        if not inclusive and self.token.kind == "or" and self.peek().value == "on":
            self.advance()
            self.advance()
            inclusive = True
        precision, right = self.precision_of(), self._boundary()
        return ast.BeforeOrAfter(at, self.end, left, offset, relation, inclusive, precision, right)

    def _relation(self) -> Literal["before", "after"]:
        if self.accept("before"):
            return "before"
        if self.accept("after"):
            return "after"
        raise self.unexpected("'before' or 'after'")

    def _offset(self) -> ast.QuantityOffset:
        """`3 days or more`, `less than 3 days` (quantityOffset)."""
        at = self.token.at
        qualifier: Literal["or more", "or less", "less than", "more than"] | None = None
        if self.token.kind in ("less than", "more than"):
            qualifier = "less than" if self.advance().kind == "less than" else "more than"
            quantity = self.quantity()
        else:
            quantity = self.quantity()
            if self.token.kind == "or" and self.peek().value in ("more", "less"):
                self.advance()
                qualifier = "or more" if self.advance().value == "more" else "or less"
        return ast.QuantityOffset(at, self.end, quantity, qualifier)

    def offset_follows(self) -> bool:
        """True when the next tokens are a quantity and then `before` or `after`."""
        if self.token.kind != NUMBER:
            return False
        ahead = 2 if self.peek().kind == STRING or self.peek().kind in CALENDAR else 1
        if self.peek(ahead).kind == "or" and self.peek(ahead + 1).value in ("more", "less"):
            ahead += 2
        return self.peek(ahead).kind in _RELATIONS

    def _boundary(self) -> ast.Boundary | None:
        """`start` or `end` of the right operand; a name or `start of` is left to the operand."""
        kind = self.token.kind
        if kind not in ("start", "end") or self.peek().kind not in _BEGIN_EXPRESSION:
            return None
        self.advance()
        return "start" if kind == "start" else "end"
