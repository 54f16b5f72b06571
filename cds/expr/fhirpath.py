"""Text of FHIRPath to its syntax tree: a precedence climbing parser that says where it stopped and what it expected."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from cds.errors import ExpressionLimitError, ExpressionSyntaxError
from cds.expr import ast, hints
from cds.expr.lexer import Token, place, syntax_error, tokens
from cds.expr.quantity import CALENDAR, Quantity, calendar_quantity
from cds.expr.values import decimal

#: Guards of security.md E4.
MAX_LENGTH = 10_000
MAX_DEPTH = 100

#: operator -> binding power; a higher one binds closer (FHIRPath 6.8).
PRECEDENCE = {
    "implies": 1,
    "or": 2,
    "xor": 2,
    "and": 3,
    "in": 4,
    "contains": 4,
    "=": 5,
    "~": 5,
    "!=": 5,
    "!~": 5,
    "<": 6,
    ">": 6,
    "<=": 6,
    ">=": 6,
    "|": 7,
    "is": 8,
    "as": 8,
    "+": 9,
    "-": 9,
    "&": 9,
    "*": 10,
    "/": 10,
    "div": 10,
    "mod": 10,
}
_ASSOCIATIVE = frozenset({"|", "and", "or", "&", "+"})
_KEYWORD_OPERATORS = frozenset(word for word in PRECEDENCE if word[0].isalpha())
#: Keywords that may still be element names.
_NAMES_TOO = frozenset({"as", "is", "in", "contains"})
_TYPE_FUNCTIONS = frozenset({"is", "as", "ofType"})
_SPECIALS = ("$this", "$index", "$total")


def parse(text: str) -> ast.Node:
    """The syntax tree of one expression. Raises ExpressionSyntaxError with line and column."""
    if len(text) > MAX_LENGTH:
        raise ExpressionLimitError(f"the expression is longer than {MAX_LENGTH} characters", line=1, column=1)
    return Parser(text).whole()


class Parser:
    """One pass over the tokens of `text`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.index = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        """The next token."""
        return self.tokens[self.index]

    def whole(self) -> ast.Node:
        """The expression up to the end of the text."""
        node = self.expression(0)
        if self.token.kind != "end":
            closing = self.token.kind == "operator" and self.token.value in (")", "]", "}")
            hint = f"no bracket is open for this {self.token.value}" if closing else None
            raise self.unexpected("an operator or the end of the expression", hint)
        return node

    # --- helpers ---

    def unexpected(self, expected: str, hint: str | None = None) -> ExpressionSyntaxError:
        """An error at the next token."""
        token = self.token
        before = self.tokens[self.index - 1] if self.index else None
        written = self.text[token.at : token.end][:40]
        found = "the end" if token.kind == "end" else written if written[0] in "'`" else f"'{written}'"
        hint = hint or hints.token(self.text, before, token)
        return syntax_error(self.text, token.at, f"expected {expected}, found {found}", hint)

    def at_operator(self, operator: str) -> bool:
        """True when the next token is this operator."""
        return self.token.kind == "operator" and self.token.value == operator

    def accept(self, operator: str) -> bool:
        """Pass over an operator when it is next."""
        if self.at_operator(operator):
            self.index += 1
            return True
        return False

    def require(self, operator: str, opened: int, expected: str = "") -> None:
        """Pass over the bracket that must be next; the one it closes stands at `opened`."""
        if not self.accept(operator):
            line, column = place(self.text, opened)
            hint = f"it closes the {self.text[opened]} at {line}:{column}" if self.token.kind == "end" else None
            raise self.unexpected(expected or f"'{operator}'", hint)

    def deeper(self, *nodes: ast.Node) -> int:
        """The depth of a node above `nodes`; an error beyond MAX_DEPTH."""
        depth = 1 + max((node.depth for node in nodes), default=0)
        if depth > MAX_DEPTH:
            raise self.too_deep()
        return depth

    def too_deep(self) -> ExpressionLimitError:
        """The error for nesting beyond MAX_DEPTH."""
        message = f"the expression is nested deeper than {MAX_DEPTH} levels"
        line, column = place(self.text, self.token.at)
        return ExpressionLimitError(message, line=line, column=column, hint="split it into named expressions")

    # --- expressions, one method per level of binding ---

    def expression(self, minimum: int) -> ast.Node:
        """Binary operators that bind at least as close as `minimum`."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.too_deep()
        left = self.unary()
        while True:
            token = self.token
            power = PRECEDENCE.get(token.value, -1) if token.kind in ("operator", "name") else -1
            if power < minimum or power < 0:
                self.depth -= 1
                return left
            self.index += 1
            left = self.binary(left, token, power)

    def binary(self, left: ast.Node, token: Token, power: int) -> ast.Node:
        """The node of an operator whose left side has been read."""
        operator = str(token.value)
        if operator in ("is", "as"):
            kind = self.type_specifier()
            return ast.Call(token.at, self.deeper(left), left, operator, (kind,), operator=True)
        right = self.expression(power + 1)
        if operator in _ASSOCIATIVE:
            if isinstance(left, ast.Chain) and left.operator == operator:
                depth, operands = max(left.depth, self.deeper(right)), (*left.operands, right)
                return ast.Chain(left.at, depth, operator, operands, (*left.places, token.at))
            return ast.Chain(token.at, self.deeper(left, right), operator, (left, right), (token.at,))
        return ast.Binary(token.at, self.deeper(left, right), operator, left, right)

    def unary(self) -> ast.Node:
        """Signs, which bind looser than `.` and `[ ]`."""
        token = self.token
        if token.kind == "operator" and token.value in ("+", "-"):
            self.index += 1
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise self.too_deep()
            operand = self.unary()
            self.depth -= 1
            return ast.Unary(token.at, self.deeper(operand), str(token.value), operand)
        return self.postfix()

    def postfix(self) -> ast.Node:
        """A term with its `.name`, `.name()` and `[index]` suffixes."""
        node = self.term()
        while True:
            if self.accept("."):
                node = self.invocation(node, after_dot=True)
            elif self.at_operator("["):
                at = self.token.at
                self.index += 1
                index = self.expression(0)
                self.require("]", at)
                node = ast.Index(at, self.deeper(node, index), node, index)
            else:
                return node

    def invocation(self, base: ast.Node, *, after_dot: bool = False) -> ast.Node:
        """An element or function of `base`. Behind a dot every word is a name: a Narrative has an element `div`."""
        token = self.token
        if token.kind == "special":
            return self.special(base)
        name = self.identifier("an element or function name", any_word=after_dot)
        if self.at_operator("(") and token.kind == "name":
            return self.call(base, name, token.at)
        # a path of members is compiled in one loop, so its length does not nest
        return ast.Member(token.at, base.depth, base, name)

    def special(self, base: ast.Node) -> ast.Node:
        """`$this`, `$index` or `$total`."""
        token = self.token
        if token.value not in _SPECIALS:
            hint = f"the names are {', '.join(_SPECIALS)}"
            raise syntax_error(self.text, token.at, f"unknown name {token.value}", hint)
        self.index += 1
        if token.value != "$this" and not isinstance(base, ast.Special):
            raise syntax_error(self.text, token.at, f"{token.value} stands alone")
        return base if token.value == "$this" else ast.Special(token.at, 1, str(token.value))

    def call(self, base: ast.Node, name: str, at: int) -> ast.Node:
        """The arguments of a function."""
        opened = self.token.at
        self.index += 1
        args: list[ast.Node] = []
        if not self.accept(")"):
            if name in _TYPE_FUNCTIONS:
                args.append(self.type_specifier())
            else:
                argument = self.sort_key if name == "sort" else self.whole_argument
                args.append(argument())
                while self.accept(","):
                    args.append(argument())
            self.require(")", opened, "',' or ')'")
        return ast.Call(at, self.deeper(base, *args), base, name, tuple(args))

    def whole_argument(self) -> ast.Node:
        """An argument of any function but sort()."""
        return self.expression(0)

    def sort_key(self) -> ast.Node:
        """A key of sort() with its direction: `desc` is a sign before it."""
        key, token = self.expression(0), self.token
        if token.kind == "name" and token.value in ("asc", "desc"):
            self.index += 1
            return key if token.value == "asc" else ast.Unary(token.at, self.deeper(key), "-", key)
        return key

    def term(self) -> ast.Node:
        """A literal, name, variable or parenthesised expression."""
        token = self.token
        if token.kind == "literal":
            self.index += 1
            return self.literal(token)
        if token.kind in ("name", "quoted"):
            return self.named(token)
        if token.kind == "faulty":
            self.index += 1
            return ast.Faulty(token.at, 1, token.value, "write it without, such as @T14:05")
        if token.kind == "special":
            return self.special(ast.Special(token.at, 1, "$this"))
        if self.accept("("):
            node = self.expression(0)
            self.require(")", token.at)
            return node
        if self.accept("{"):
            if not self.accept("}"):
                raise self.unexpected("'}'", "braces only write the empty collection { }; join values with |")
            return ast.Literal(token.at, 1, None)
        if self.accept("%"):
            return self.variable(token.at)
        raise self.unexpected("a value, name or '('")

    def named(self, token: Token) -> ast.Node:
        """true, false, or a path from the implicit focus."""
        if token.kind == "name" and token.value in ("true", "false"):
            self.index += 1
            return ast.Literal(token.at, 1, token.value == "true")
        return self.invocation(ast.Special(token.at, 1, "$this", implicit=True))

    def variable(self, at: int) -> ast.Node:
        """The name behind `%`."""
        token = self.token
        if token.kind == "literal" and isinstance(token.value, str):  # %'name' is the older form of %`name`
            self.index += 1
            return ast.Variable(at, 1, token.value)
        name = self.identifier("the name of a variable")
        return ast.Variable(at, 1, name)

    def identifier(self, expected: str, *, any_word: bool = False) -> str:
        """A name; keywords that may be element names are names too."""
        token = self.token
        reserved = not any_word and token.value in _KEYWORD_OPERATORS and token.value not in _NAMES_TOO
        if token.kind == "quoted" or (token.kind == "name" and not reserved):
            self.index += 1
            return str(token.value)
        raise self.unexpected(expected)

    def type_specifier(self) -> ast.TypeName:
        """A type name with its namespace."""
        at = self.token.at
        name, namespace = self.identifier("a type name"), ""
        if self.accept("."):
            namespace, name = name, self.identifier("a type name")
        return ast.TypeName(at, 1, namespace, name)

    def literal(self, token: Token) -> ast.Node:
        """A literal, with its unit when it has one."""
        value: Any = token.value
        if type(value) in (int, Decimal):
            value = self.quantity(value)
        return ast.Literal(token.at, 1, value)

    def quantity(self, number: int | Decimal) -> Any:
        """The number, or a Quantity when a unit follows."""
        token = self.token
        if token.kind == "literal" and isinstance(token.value, str):
            self.index += 1
            if token.value in CALENDAR:
                return calendar_quantity(decimal(number), token.value)
            return Quantity(decimal(number), token.value)
        if token.kind == "name" and token.value in CALENDAR:
            self.index += 1
            return calendar_quantity(decimal(number), token.value)
        return number
