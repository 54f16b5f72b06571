"""What expressions rest on: every name of FHIRPath, and every define and parameter of CQL, that they reach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cds.apply.scope import Expression, Name, Parameter, Scope
from cds.expr.cql_expression import CqlExpression
from cds.expr.elm.code import Place


@dataclass(frozen=True, slots=True)
class Define:
    """A define or parameter in CQL: its place and its ELM."""

    place: Place
    node: Mapping[str, Any]

    @property
    def is_parameter(self) -> bool:
        return "expression" not in self.node


def reached(expressions: Iterable[tuple[Expression, Scope]]) -> Iterator[Name | Define]:
    """Every name, define and parameter below the expressions, each once, in order of first mention, nearest first."""
    seen: set[object] = set()
    pending = list(expressions)
    while pending:
        expression, scope = pending.pop(0)
        if isinstance(expression, CqlExpression):
            for place, node in expression.mentions():
                if id(node) not in seen:
                    seen.add(id(node))
                    yield Define(place, node)
            continue
        for mentioned in sorted(expression.variables):
            name = scope.names.get(mentioned)
            if name is None or name in seen:
                continue
            seen.add(name)
            if not isinstance(name.meaning, CqlExpression):
                yield name
            if isinstance(name.meaning, Expression):
                pending.append((name.meaning, name.scope))


def parameters(expressions: Iterable[tuple[Expression, Scope]]) -> Iterator[str]:
    """The parameters that the expressions read, as `Library.name`, each once."""
    for found in reached(expressions):
        if isinstance(found, Define):
            if found.is_parameter:
                yield f"{found.place.library}.{found.node['name']}"
        elif isinstance(found.meaning, Parameter):
            yield found.meaning.key
