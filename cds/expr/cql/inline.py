"""One CQL expression outside of any library, in the scope of libraries: text to ELM."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from cds.errors import DefinitionError, ExpressionSemanticError
from cds.expr.cql import ast
from cds.expr.cql.interface import FHIR_HELPERS, Function, Interface, Symbol, fhir_helpers, interface_of
from cds.expr.cql.model import fhir_model
from cds.expr.cql.nodes import Elm
from cds.expr.cql.parser import parse_expression
from cds.expr.cql.translate import HANDLERS, Resolve
from cds.expr.cql.translator import NotTranslatedError, Translator
from cds.expr.cql.types import Type

_NOTHING = Interface("")


class Surroundings:
    """The names an expression sees: all of the first library unqualified, those of every library behind its name, and
    the libraries that the first one includes. `libraries` are their ELM by name."""

    def __init__(self, libraries: Mapping[str, Mapping[str, Any]], resolve: Resolve) -> None:
        self.includes: dict[str, Interface] = {}
        self.own = _NOTHING
        for elm in list(libraries.values())[:1]:
            self.own = interface_of(elm, "")
            for include in (elm.get("library", elm).get("includes") or {}).get("def", ()):
                alias, name = include["localIdentifier"], include["path"].rpartition("/")[2]
                if name == FHIR_HELPERS:
                    self.includes[alias] = fhir_helpers()
                elif (found := resolve(name, include.get("version"))) is not None:
                    self.includes[alias] = interface_of(found, alias)
        for name, elm in libraries.items():
            self.includes.setdefault(name, interface_of(elm, name))


class InlineTranslator(Translator):
    """Translates one expression. External constants (`%name`) become operands."""

    def __init__(self, text: str, surroundings: Surroundings, constants: Mapping[str, Type]) -> None:
        super().__init__(ast.Library(0, len(text), text, (), None, (), ()), HANDLERS)
        self.models["FHIR"] = fhir_model()
        self.includes |= surroundings.includes
        self.operands = {f"%{name}": kind for name, kind in constants.items()}
        self.context = "Patient"
        self._own = surroundings.own

    def symbol(self, name: str) -> Symbol | None:
        return self._own.symbols.get(name)

    def symbol_names(self) -> Iterable[str]:
        return self._own.symbols

    def own_functions(self, name: str) -> tuple[Function, ...]:
        return tuple(replace(function, library=None) for function in self._own.functions.get(name, ()))

    def function_names(self) -> Iterable[str]:
        return self._own.functions


def translate_expression(text: str, surroundings: Surroundings, constants: Mapping[str, Type]) -> Elm:
    """The ELM of an expression; constants are `OperandRef`s named `%name`. Raises ExpressionSyntaxError or
    ExpressionSemanticError with the first problem and its place."""
    node = parse_expression(text)
    translator = InlineTranslator(text, surroundings, constants)
    try:
        made = translator.expression(node)
    except NotTranslatedError:
        made = None
    except DefinitionError as error:
        translator.problems.extend(error.problems)
    for problem in sorted(translator.problems, key=lambda problem: problem.location):
        place = problem.location
        raise ExpressionSemanticError(problem.message, line=place.line, column=place.column, hint=problem.hint)
    if made is None:
        raise ExpressionSemanticError("a definition that this needs has problems", line=1, column=1)
    return made
