"""The CQL of a content folder as the linter reads it: the translated ELM of each library that has text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from cds.definitions.logic import CONTEXT, Source
from cds.definitions.registry import Registry
from cds.errors import Location, Problem
from cds.expr.elm.code import Node, Place
from cds.expr.elm.library import Library

#: The library of conversions that every engine brings; a copy of it in the content is nobody's to correct.
_HELPERS = "FHIRHelpers"
#: The kinds of declarations of a library, each with the member of ELM that lists them, and the classes of references
#: to them.
DECLARATIONS = {
    "define": ("statements", ("ExpressionRef", "FunctionRef")),
    "parameter": ("parameters", ("ParameterRef",)),
    "valueset": ("valueSets", ("ValueSetRef",)),
    "code": ("codes", ("CodeRef",)),
    "concept": ("concepts", ("ConceptRef",)),
    "codesystem": ("codeSystems", ("CodeSystemRef",)),
}


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """One library: its Library resource with the CQL, the compiled library, and its ELM."""

    source: Source
    library: Library
    elm: Node

    def declared(self, kind: str) -> list[Node]:
        """The ELM of the declarations of one of DECLARATIONS."""
        return list((self.elm.get(DECLARATIONS[kind][0]) or {}).get("def", ()))

    def definitions(self) -> Iterator[Node]:
        """The expressions of its defines and functions."""
        return (one["expression"] for one in self.declared("define") if one["name"] != CONTEXT and "expression" in one)

    def problem(self, found: Problem) -> Problem:
        """A problem at a line and column of the CQL, with the place that people see."""
        return replace(self.source.problem(found), code=found.code)

    def at(self, node: Node) -> Location:
        """Where a node of the ELM stands in the CQL."""
        place = Place("").of(node)
        return Location("", place.line, place.column)


def texts(registry: Registry) -> Iterator[Text]:
    """Every library that compiles and has text."""
    logic = registry.logic
    for key, library in logic.compiled.items():
        source = logic.sources[key]
        if isinstance(source.code, str) and source.name != _HELPERS:
            resource = source.document.resource
            elm = logic.libraries.elm(source.name, resource.get("version"))
            yield Text(source, library, elm.get("library", elm))
