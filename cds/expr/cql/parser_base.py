"""What every part of the parser stands on: the tokens, the errors, names and the guard against deep nesting."""

from __future__ import annotations

from difflib import get_close_matches

from cds.errors import ExpressionSyntaxError
from cds.expr.cql import ast
from cds.expr.cql.lexer import END, KEYWORD_IDENTIFIERS, KEYWORDS, NAME, QUOTED, STRING, Token, tokens
from cds.expr.lexer import syntax_error

#: Guards of security.md E4.
MAX_LENGTH = 1_000_000
MAX_DEPTH = 100

#: How a kind of token is called in messages.
_CALLED = {STRING: "a string in single quotes", NAME: "a name", QUOTED: "a name", END: "the end"}
_DECLARATIONS = frozenset({"codesystem", "valueset", "code", "concept"})
_NAMES = frozenset({NAME, QUOTED})
#: Keywords that begin a definition or statement.
DEFINITION_WORDS = _DECLARATIONS | frozenset(
    {"library", "using", "include", "parameter", "context", "define", "public", "private"}
)
_LOWER = {word.lower(): word for word in sorted(KEYWORDS)}
#: Kinds that are names where a reference may stand (referentialIdentifier).
REFERENTIAL = _NAMES | KEYWORD_IDENTIFIERS


def _nearest_keyword(name: str) -> str | None:
    """The keyword that `name` may have been meant to be."""
    matches = get_close_matches(name.lower(), _LOWER, n=1, cutoff=0.75)
    return _LOWER[matches[0]] if matches else None


class TokenStream:
    """The tokens of `text` and how far they have been read. `errors` are those that did not stop the reading; the first
    `unreadable` of them are about characters that are no token."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise ExpressionSyntaxError(f"the text is longer than {MAX_LENGTH} characters", line=1, column=1)
        self.text = text
        self.tokens, self.errors = tokens(text)
        self.unreadable = len(self.errors)
        self.index = 0
        self.token = self.tokens[0]
        self.depth = 0
        self.height = 0

    # --- tokens ---

    def advance(self) -> Token:
        """Pass over the next token and return it."""
        token = self.token
        if token.kind != END:
            self.index += 1
            self.token = self.tokens[self.index]
        return token

    def peek(self, ahead: int = 1) -> Token:
        """The token `ahead` of the next one."""
        index = self.index + ahead
        return self.tokens[index if index < len(self.tokens) else -1]

    def accept(self, kind: str) -> bool:
        """Pass over a token of this kind when it is next."""
        if self.token.kind != kind:
            return False
        self.advance()
        return True

    def require(self, kind: str) -> Token:
        """Pass over the token of this kind that must be next."""
        if self.token.kind != kind:
            raise self.unexpected(_CALLED.get(kind, f"'{kind}'"))
        return self.advance()

    def string(self) -> str:
        """The string that must be next."""
        return str(self.require(STRING).value)

    @property
    def end(self) -> int:
        """The offset behind the token that was read last."""
        return self.tokens[self.index - 1].end if self.index else 0

    # --- names ---

    def identifier(self, expected: str = "a name") -> str:
        """A plain or quoted name (identifier)."""
        if self.token.kind in _NAMES:
            return str(self.advance().value)
        raise self.unexpected(expected)

    def referential_identifier(self, expected: str = "a name") -> str:
        """A name, which may be a keyword that is not reserved (referentialIdentifier)."""
        if self.token.kind in REFERENTIAL:
            return str(self.advance().value)
        raise self.unexpected(expected)

    def function_identifier(self) -> str:
        """The name of a function, which may be any keyword (identifierOrFunctionIdentifier)."""
        if self.token.kind in _NAMES or self.token.kind in KEYWORDS:
            return str(self.advance().value)
        raise self.unexpected("the name of a function")

    def qualified_identifier(self) -> tuple[str, ...]:
        """`a.b.c` (qualifiedIdentifier)."""
        parts = [self.identifier()]
        while self.accept("."):
            parts.append(self.identifier())
        return tuple(parts)

    def terminology_identifier(self) -> ast.TerminologyIdentifier:
        """The name of a code system or code (codesystemIdentifier, codeIdentifier)."""
        at, library, name = self.token.at, None, self.identifier()
        if self.accept("."):
            library, name = name, self.identifier()
        return ast.TerminologyIdentifier(at, self.end, library, name)

    def path_end(self, ahead: int = 0) -> int:
        """How far ahead the token behind `name.name...` is, which begins `ahead`; `ahead` itself when no name does."""
        if self.peek(ahead).kind not in REFERENTIAL:
            return ahead
        while self.peek(ahead + 1).kind == "." and self.peek(ahead + 2).kind in REFERENTIAL:
            ahead += 2
        return ahead + 1

    def definition_begins(self, index: int) -> bool:
        """True when the token at `index` begins a definition or statement, not an expression of that name."""
        if self.tokens[index].kind not in DEFINITION_WORDS:
            return False
        kinds = [token.kind for token in self.tokens[index : index + 5]] + [END] * 5
        first = kinds.pop(0)
        if first in ("public", "private"):
            first = kinds.pop(0)
            if first in ("parameter", *_DECLARATIONS):
                return kinds[0] in _NAMES
        if first == "define":
            while kinds[0] in ("public", "private", "fluent", "function"):
                if kinds.pop(0) == "function":
                    return kinds[1] == "("
            return kinds[0] in _NAMES and kinds[1] in (":", "(")
        if first in _DECLARATIONS:
            return kinds[0] in _NAMES and kinds[1] == ":"
        if first in ("library", "using", "include", "parameter", "context"):
            return kinds[0] in _NAMES and self.first_of_line(index)
        return False

    def first_of_line(self, index: int) -> bool:
        """True when no token stands before the one at `index` in its line."""
        return index == 0 or "\n" in self.text[self.tokens[index - 1].end : self.tokens[index].at]

    # --- errors ---

    def unexpected(self, expected: str, hint: str | None = None) -> ExpressionSyntaxError:
        """An error at the next token."""
        token = self.token
        written = self.text[token.at : token.end][:40].partition("\n")[0]
        found = "the end" if token.kind == END else written if token.kind == STRING else f"'{written}'"
        return syntax_error(self.text, token.at, f"expected {expected}, found {found}", hint or self._hint(expected))

    def _hint(self, expected: str) -> str | None:
        """What may have been meant: a keyword with a slip, or a keyword as a name."""
        token, before = self.token, self.tokens[self.index - 1]
        if token.kind in KEYWORDS and "name" in expected:
            return f'"{token.value}" in double quotes is a name'
        if token.kind == NAME and (word := _nearest_keyword(token.value)):
            return f"did you mean '{word}'?"
        # a keyword with a slip may have been taken for an alias
        if before.kind == NAME and (word := _nearest_keyword(before.value)):
            return f"did you mean '{word}' instead of '{before.value}'?"
        return None

    # --- depth ---

    def deeper(self) -> None:
        """Go one level down; an error beyond MAX_DEPTH."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.too_deep()

    def rise(self, height: int) -> None:
        """The node that is made next stands above parts of this height and of those read since."""
        self.height = max(self.height, height) + 1
        if self.height > MAX_DEPTH:
            raise self.too_deep()

    def too_deep(self) -> ExpressionSyntaxError:
        """The error for nesting beyond MAX_DEPTH."""
        message = f"the expression is nested deeper than {MAX_DEPTH} levels"
        return syntax_error(self.text, self.token.at, message, "split it into definitions of their own")
