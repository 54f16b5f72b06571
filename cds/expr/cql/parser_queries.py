"""Retrieves and queries."""

from __future__ import annotations

from typing import Literal, cast

from cds.expr.cql import ast
from cds.expr.cql.lexer import NAME, NUMBER, QUOTED, STRING
from cds.expr.cql.parser_base import REFERENTIAL
from cds.expr.cql.parser_timing import TimingParser

ALIASES = frozenset({NAME, QUOTED})
_COMPARATORS = frozenset({"in", "=", "~"})
_DIRECTIONS: dict[str, ast.Direction] = {"asc": "asc", "ascending": "asc", "desc": "desc", "descending": "desc"}


class QueryParser(TimingParser):
    """The part that reads retrieves and queries."""

    def expression(self, minimum: int = 0) -> ast.Expression:
        """Any expression whose operators bind at least as close as `minimum`."""
        raise NotImplementedError

    def term(self) -> ast.Expression:
        """An expressionTerm."""
        raise NotImplementedError

    # --- retrieves ---

    def retrieve(self) -> ast.Retrieve:
        """`[context -> type: path in terminology]`."""
        at, context = self.require("[").at, None
        if self.peek(self.path_end()).kind == "->":
            context = self.qualified_identifier_expression()
            self.require("->")
        kind = self.named_type_specifier()
        path, comparator, terminology = None, None, None
        if self.accept(":"):
            if self.peek(self._simple_path_end()).kind in _COMPARATORS:
                path = self._simple_path()
                comparator = cast('Literal["in", "=", "~"]', self.advance().kind)
            terminology = self.expression()
        if self.token.kind != "]":
            raise self.unexpected("']'" if terminology else "':' or ']'")
        self.advance()
        return ast.Retrieve(at, self.end, context, kind, path, comparator, terminology)

    def qualified_identifier_expression(self) -> ast.Expression:
        """`name.name` (qualifiedIdentifierExpression)."""
        at = self.token.at
        node: ast.Expression = ast.MemberInvocation(at, self.token.end, self.referential_identifier())
        while self.accept("."):
            name = self.referential_identifier()
            node = ast.QualifiedMemberInvocation(at, self.end, node, name)
        return node

    def _simple_path_end(self) -> int:
        """How far ahead the token behind a simple path is; 0 when none is next."""
        ahead = self.path_end()
        while ahead and self.peek(ahead).kind == "[" and self.peek(ahead + 2).kind == "]":
            ahead += 3
            if self.peek(ahead).kind == ".":
                ahead = self.path_end(ahead + 1)
        return ahead

    def _simple_path(self) -> str:
        """`name.name[0]` as it would be written without quotes (simplePath)."""
        path = self.referential_identifier()
        while True:
            if self.accept("."):
                path += f".{self.referential_identifier()}"
            elif self.accept("["):
                if self.token.kind not in (STRING, NUMBER):
                    raise self.unexpected("a number or string")
                path += f"[{self.text[self.token.at : self.advance().end]}]"
                self.require("]")
            else:
                return path

    # --- queries ---

    def source_begins(self) -> bool:
        """True when a name with an alias behind it is next: the source of a query."""
        return (
            self.token.kind in REFERENTIAL
            and self.peek(self.path_end()).kind in ALIASES
            and not self.definition_begins(self.index)
        )

    def query(self, source: ast.Expression | None = None) -> ast.Expression:
        """The query at the next token, or behind its first `source`."""
        at, several = self.token.at if source is None else source.at, False
        if source is None:
            several = self.accept("from")
        sources = [self._aliased(source or self._source())]
        while several and self.token.kind == "," and self._source_follows():
            self.advance()
            sources.append(self._aliased(self._source()))
        lets = self._lets() if self.accept("let") else ()
        inclusions = self._inclusions()
        where = self.expression() if self.accept("where") else None
        aggregate = returns = None
        if self.token.kind == "aggregate":
            aggregate = self._aggregate()
        elif self.token.kind == "return":
            returns = self._return()
        sort = self._sort() if self.token.kind == "sort" else None
        return ast.Query(at, self.end, tuple(sources), lets, inclusions, where, aggregate, returns, sort)

    def _source(self) -> ast.Expression:
        """A retrieve, a name or an expression in parentheses (querySource)."""
        if self.token.kind == "[":
            return self.retrieve()
        if self.accept("("):
            node = self.expression()
            self.require(")")
            return node
        if self.token.kind in REFERENTIAL:
            return self.qualified_identifier_expression()
        raise self.unexpected("the source of a query: a retrieve, a name or an expression in parentheses")

    def _source_follows(self) -> bool:
        """True when a source with its alias follows the comma that is next."""
        ahead, depth = 1, 0
        if self.peek(ahead).kind not in ("[", "("):
            return self.peek(self.path_end(ahead)).kind in ALIASES
        while True:
            kind = self.peek(ahead).kind
            depth += (kind in ("(", "[", "{")) - (kind in (")", "]", "}"))
            ahead += 1
            if depth <= 0 or self.index + ahead >= len(self.tokens):
                return self.peek(ahead).kind in ALIASES

    def _aliased(self, source: ast.Expression) -> ast.AliasedQuerySource:
        alias = self.identifier("an alias")
        return ast.AliasedQuerySource(source.at, self.end, source, alias)

    def _lets(self) -> tuple[ast.LetClauseItem, ...]:
        items = []
        while True:
            at, name = self.token.at, self.identifier()
            self.require(":")
            value = self.expression()
            items.append(ast.LetClauseItem(at, self.end, name, value))
            if not self.accept(","):
                return tuple(items)

    def _inclusions(self) -> tuple[ast.WithClause | ast.WithoutClause, ...]:
        clauses = []
        while self.token.kind in ("with", "without"):
            token = self.advance()
            source = self._aliased(self._source())
            self.require("such that")
            condition = self.expression()
            kind = ast.WithClause if token.kind == "with" else ast.WithoutClause
            clauses.append(kind(token.at, self.end, source, condition))
        return tuple(clauses)

    def _modifier(self) -> Literal["all", "distinct"] | None:
        if self.accept("all"):
            return "all"
        return "distinct" if self.accept("distinct") else None

    def _return(self) -> ast.ReturnClause:
        at, modifier = self.require("return").at, self._modifier()
        value = self.expression()
        return ast.ReturnClause(at, self.end, modifier, value)

    def _aggregate(self) -> ast.AggregateClause:
        at, modifier = self.require("aggregate").at, self._modifier()
        name = self.identifier("the name of the accumulator")
        starting = self._starting() if self.accept("starting") else None
        self.require(":")
        value = self.expression()
        return ast.AggregateClause(at, self.end, modifier, name, starting, value)

    def _starting(self) -> ast.Expression:
        """A string, number, quantity or expression in parentheses (startingClause)."""
        at = self.token.at
        if self.token.kind == STRING:
            return ast.StringLiteral(at, self.token.end, self.string())
        if self.token.kind == NUMBER:
            quantity = self.quantity()
            if quantity.unit is not None:
                return quantity
            return ast.NumberLiteral(at, self.end, quantity.value)
        if self.accept("("):
            node = self.expression()
            self.require(")")
            return node
        raise self.unexpected("a literal or an expression in parentheses")

    def _sort(self) -> ast.SortClause:
        at = self.require("sort").at
        if not self.accept("by"):
            if self.token.kind not in _DIRECTIONS:
                raise self.unexpected("'by', 'asc' or 'desc'")
            direction = _DIRECTIONS[self.advance().kind]
            return ast.SortClause(at, self.end, direction, ())
        items = [self._sort_item()]
        while self.accept(","):
            items.append(self._sort_item())
        return ast.SortClause(at, self.end, None, tuple(items))

    def _sort_item(self) -> ast.SortByItem:
        at, value = self.token.at, self.term()
        direction = _DIRECTIONS[self.advance().kind] if self.token.kind in _DIRECTIONS else "asc"
        return ast.SortByItem(at, self.end, value, direction)
