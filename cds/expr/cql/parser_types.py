"""Type specifiers."""

from __future__ import annotations

from cds.expr.cql import ast
from cds.expr.cql.lexer import KEYWORD_IDENTIFIERS, NAME, QUOTED
from cds.expr.cql.parser_base import REFERENTIAL, TokenStream

#: Kinds that may end a type name (referentialOrTypeNameIdentifier).
TYPE_NAMES = REFERENTIAL | {"Code", "Concept"}
_TYPE_BEGINS = frozenset({NAME, QUOTED, "List", "Interval", "Tuple", "Choice", "Code", "Concept"}) | (
    KEYWORD_IDENTIFIERS - {"default"}
)


class TypeParser(TokenStream):
    """The part that reads types."""

    def type_begins(self) -> bool:
        """True when a type may begin at the next token."""
        return self.token.kind in _TYPE_BEGINS and not self.definition_begins(self.index)

    def type_specifier(self) -> ast.TypeSpecifier:
        """Any type (typeSpecifier)."""
        at, kind = self.token.at, self.token.kind
        if kind not in ("List", "Interval", "Tuple", "Choice"):
            return self.named_type_specifier()
        self.advance()
        if kind == "Tuple":
            return self._tuple_type(at)
        self.require("<")
        self.deeper()
        types = [self.type_specifier()]
        while kind == "Choice" and self.accept(","):
            types.append(self.type_specifier())
        self.require(">")
        self.depth -= 1
        if kind == "List":
            return ast.ListTypeSpecifier(at, self.end, types[0])
        if kind == "Interval":
            return ast.IntervalTypeSpecifier(at, self.end, types[0])
        return ast.ChoiceTypeSpecifier(at, self.end, tuple(types))

    def named_type_specifier(self) -> ast.NamedTypeSpecifier:
        """`Name` or `Model.Name` (namedTypeSpecifier)."""
        at, parts = self.token.at, [self._type_name()]
        while self.token.kind == "." and self.peek().kind in TYPE_NAMES:
            self.advance()
            parts.append(self._type_name())
        return ast.NamedTypeSpecifier(at, self.end, tuple(parts))

    def _type_name(self) -> str:
        if self.token.kind in TYPE_NAMES:
            return str(self.advance().value)
        raise self.unexpected("the name of a type")

    def _tuple_type(self, at: int) -> ast.TypeSpecifier:
        self.require("{")
        self.deeper()
        elements = [self._tuple_element()]
        while self.accept(","):
            elements.append(self._tuple_element())
        self.require("}")
        self.depth -= 1
        return ast.TupleTypeSpecifier(at, self.end, tuple(elements))

    def _tuple_element(self) -> ast.TupleElementDefinition:
        at, name = self.token.at, self.referential_identifier("the name of an element")
        kind = self.type_specifier()
        return ast.TupleElementDefinition(at, self.end, name, kind)
