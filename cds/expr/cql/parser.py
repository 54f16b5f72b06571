"""Text of CQL 1.5.3 to its syntax tree: a recursive descent parser over the whole grammar (cql.g4)."""

from __future__ import annotations

from cds.errors import DefinitionError, ExpressionSyntaxError, Location, Problem
from cds.expr.cql import ast
from cds.expr.cql.lexer import END, MAX_ERRORS
from cds.expr.cql.parser_base import DEFINITION_WORDS
from cds.expr.cql.parser_expressions import ExpressionParser
from cds.expr.lexer import place, syntax_error

_DECLARATIONS = frozenset({"using", "include", "codesystem", "valueset", "code", "concept", "parameter"})


def parse_library(text: str) -> ast.Library:
    """The syntax tree of a library. Raises DefinitionError with every syntax error found, one `expression-syntax`
    Problem each: after an error the reading goes on at the next definition or statement."""
    try:
        parser = LibraryParser(text)
    except ExpressionSyntaxError as error:
        raise DefinitionError([_problem(text, error)]) from None
    library = parser.library()
    if parser.errors:
        errors = sorted(parser.errors, key=lambda error: (error.line, error.column))
        raise DefinitionError(_problem(text, error) for error in errors)
    return library


def parse_expression(text: str) -> ast.Expression:
    """The syntax tree of one expression. Raises ExpressionSyntaxError with line and column."""
    parser = LibraryParser(text)
    if parser.errors:
        raise parser.errors[0]
    try:
        node = parser.expression()
    except RecursionError:
        raise parser.too_deep() from None
    if parser.token.kind != END:
        raise parser.unexpected("an operator or the end of the expression")
    if parser.errors:
        raise parser.errors[0]
    return node


def _problem(text: str, error: ExpressionSyntaxError) -> Problem:
    source = text.splitlines()[error.line - 1 : error.line]
    place = Location(line=error.line, column=error.column)
    return Problem("expression-syntax", error.message, place, error.hint, source=source[0] if source else None)


class LibraryParser(ExpressionParser):
    """The part that reads definitions and statements."""

    def library(self) -> ast.Library:
        """The whole text (library). Errors are collected."""
        name: tuple[str, ...] = ()
        version: str | None = None
        definitions: list[ast.Definition] = []
        statements: list[ast.Statement] = []
        while self.token.kind != END and len(self.errors) < MAX_ERRORS:
            start, kind = self.index, self.token.kind
            self.depth = self.height = 0
            try:
                if kind == "library" and start == 0:
                    self.advance()
                    name, version = self.qualified_identifier(), self._version()
                elif kind == "define":
                    statements.append(self._define())
                elif kind == "context":
                    statements.append(self._context())
                else:
                    definitions.append(self._definition(after_statement=bool(statements)))
            except ExpressionSyntaxError as error:
                self._resynchronise(start, error)
            except RecursionError:  # the caller's stack was deep already
                self._resynchronise(start, self.too_deep())
        return ast.Library(0, len(self.text), self.text, name, version, tuple(definitions), tuple(statements))

    def _resynchronise(self, start: int, error: ExpressionSyntaxError) -> None:
        """Keep the error of the definition that began at token `start`, and go to the one behind it. The error is left
        out where characters that are no token explain it."""
        begin = place(self.text, self.tokens[start].at)
        unreadable = self.errors[: self.unreadable]
        if not any(begin <= (known.line, known.column) <= (error.line, error.column) for known in unreadable):
            self.errors.append(error)
        index, last = start + 1, len(self.tokens) - 1
        while index < last and not (self.definition_begins(index) or self._seems_to_begin(index)):
            index += 1
        self.index = min(index, last)
        self.token = self.tokens[self.index]

    def _seems_to_begin(self, index: int) -> bool:
        """True for the word of a definition in front of a line: good enough to go on behind an error."""
        return self.tokens[index].kind in DEFINITION_WORDS and self.first_of_line(index)

    # --- definitions ---

    def _definition(self, *, after_statement: bool) -> ast.Definition:
        """Any declaration (definition)."""
        at = self.token.at
        access = self._access()
        kind = self.token.kind
        if kind not in _DECLARATIONS:
            raise self.unexpected("'define', 'context' or a declaration")
        if after_statement:
            message = f"'{kind}' stands before the first context and define"
            self.errors.append(syntax_error(self.text, at, message, "move it up to the other declarations"))
        self.advance()
        if kind == "using" or kind == "include":
            return self._model_or_library(at, kind)
        if kind == "parameter":
            return self._parameter(at, access)
        name = self.identifier()
        self.require(":")
        if kind == "codesystem":
            identity, version = self.string(), self._version()
            return ast.CodesystemDefinition(at, self.end, access, name, identity, version)
        if kind == "valueset":
            return self._valueset(at, access, name)
        if kind == "code":
            return self._code_definition(at, access, name)
        return self._concept_definition(at, access, name)

    def _access(self) -> ast.Access:
        if self.accept("private"):
            return "private"
        self.accept("public")
        return "public"

    def _version(self) -> str | None:
        return self.string() if self.accept("version") else None

    def _model_or_library(self, at: int, kind: str) -> ast.UsingDefinition | ast.IncludeDefinition:
        name, version = self.qualified_identifier(), self._version()
        called = self.identifier() if self.accept("called") else None
        if kind == "using":
            return ast.UsingDefinition(at, self.end, name, version, called)
        return ast.IncludeDefinition(at, self.end, name, version, called)

    def _parameter(self, at: int, access: ast.Access) -> ast.ParameterDefinition:
        name = self.identifier()
        kind = self.type_specifier() if self.type_begins() else None
        default = self.expression() if self.accept("default") else None
        return ast.ParameterDefinition(at, self.end, access, name, kind, default)

    def _valueset(self, at: int, access: ast.Access, name: str) -> ast.ValuesetDefinition:
        identity, version = self.string(), self._version()
        codesystems = self._identifiers() if self.accept("codesystems") else ()
        return ast.ValuesetDefinition(at, self.end, access, name, identity, version, codesystems)

    def _code_definition(self, at: int, access: ast.Access, name: str) -> ast.CodeDefinition:
        identity = self.string()
        self.require("from")
        codesystem, display = self.terminology_identifier(), self.display()
        return ast.CodeDefinition(at, self.end, access, name, identity, codesystem, display)

    def _concept_definition(self, at: int, access: ast.Access, name: str) -> ast.ConceptDefinition:
        codes, display = self._identifiers(), self.display()
        return ast.ConceptDefinition(at, self.end, access, name, codes, display)

    def _identifiers(self) -> tuple[ast.TerminologyIdentifier, ...]:
        """`{ name, ... }`."""
        self.require("{")
        names = [self.terminology_identifier()]
        while self.accept(","):
            names.append(self.terminology_identifier())
        self.require("}")
        return tuple(names)

    # --- statements ---

    def _context(self) -> ast.ContextDefinition:
        at, model, name = self.advance().at, None, self.identifier("the name of a context")
        if self.accept("."):
            model, name = name, self.identifier("the name of a context")
        return ast.ContextDefinition(at, self.end, model, name)

    def _define(self) -> ast.ExpressionDefinition | ast.FunctionDefinition:
        at = self.advance().at
        access, fluent = self._access(), self.accept("fluent")
        if self.accept("function"):
            return self._function(at, access, fluent)
        if fluent:
            raise self.unexpected("'function'")
        name = self.identifier("the name of the definition")
        self.require(":")
        expression = self.expression()
        self._complete()
        return ast.ExpressionDefinition(at, self.end, access, name, expression)

    def _function(self, at: int, access: ast.Access, fluent: bool) -> ast.FunctionDefinition:
        name = self.function_identifier()
        self.require("(")
        operands = self.items(self._operand_definition, ")")
        returns = self.type_specifier() if self.accept("returns") else None
        self.require(":")
        body = None if self.accept("external") else self.expression()
        self._complete()
        return ast.FunctionDefinition(at, self.end, access, fluent, name, operands, returns, body)

    def _operand_definition(self) -> ast.OperandDefinition:
        at, name = self.token.at, self.referential_identifier("the name of an operand")
        kind = self.type_specifier()
        return ast.OperandDefinition(at, self.end, name, kind)

    def _complete(self) -> None:
        """An error unless the expression that was read ends its definition."""
        if self.token.kind != END and self.token.kind not in DEFINITION_WORDS:
            raise self.unexpected("an operator or the next definition")
