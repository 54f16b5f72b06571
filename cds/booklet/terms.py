"""What expressions rest on, in words: the described names they reach, and the settings they read.

A name in FHIRPath is described by the `description` of its expression, a define or parameter in CQL by the comment
right above it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cds import fhir
from cds.apply.scope import Expression, Name, Parameter, Scope
from cds.definitions.logic import Logic
from cds.definitions.scope import libraries_of
from cds.definitions.snapshot import Snapshot
from cds.expr.cql_expression import CqlExpression
from cds.expr.elm.code import Place

_OURS = re.compile(r"\s*\((ours[^)]*)\)")
#: Where a word begins within a name such as `hasLowBackPain`.
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Setting:
    """A parameter of a library with its value where the site gives none. `ours` says that no source states it."""

    name: str
    value: str
    meaning: str
    ours: bool


class Words:
    """The descriptions of one definition's names and those of its libraries."""

    def __init__(self, snapshot: Snapshot, definition: fhir.Resource) -> None:
        self._logic: Logic = snapshot.registry.logic
        self._described: dict[str, str] = {}
        self._documented: dict[str, str] = {}
        for owner in (definition, *libraries_of(definition, snapshot.registry)):
            for item in fhir.extensions(owner, fhir.VARIABLE):
                expression = item["valueExpression"]
                self._described[expression["name"]] = _one_line(expression.get("description", ""))
            for parameter in fhir.as_list(owner.get("parameter")):
                self._documented[parameter["name"]] = _one_line(parameter.get("documentation", ""))

    def terms(self, expressions: Iterable[tuple[Expression, Scope]]) -> dict[str, str]:
        """The described names that the expressions reach, as words, and what is said of each; nearest first."""
        found: dict[str, str] = {}
        for reached in _reached(expressions):
            if isinstance(reached, Name):
                found[_words(reached.name)] = self._described.get(reached.name, "")
            elif not reached.is_parameter:
                found[_words(reached.node["name"])] = self._comment(reached.place)
        return {name: _OURS.sub(r" *(\1)*", text) for name, text in found.items() if text}

    def settings(self, expressions: Iterable[tuple[Expression, Scope]]) -> list[Setting]:
        """The settings the expressions read, by name."""
        found: dict[str, Setting] = {}
        for reached in _reached(expressions):
            if isinstance(reached, Name):
                if isinstance(reached.meaning, Parameter) and reached.meaning.default:
                    value = ", ".join(map(str, reached.meaning.default))
                    found[reached.name] = self._setting(reached.name, value, "")
            elif isinstance(default := reached.node.get("default"), dict) and default.get("type") == "Literal":
                name = reached.node["name"]
                found[name] = self._setting(name, str(default["value"]), self._comment(reached.place))
        return [found[name] for name in sorted(found)]

    def _setting(self, name: str, value: str, comment: str) -> Setting:
        said = self._documented.get(name) or comment
        return Setting(name, value, _OURS.sub("", said), bool(_OURS.search(said)))

    def _comment(self, place: Place) -> str:
        """The comment right above a place in CQL; rulers and a blank line end it."""
        for source in self._logic.sources.values():
            if source.name == place.library:
                lines: list[str] = []
                number = place.line - 1
                while (text := (source.text.line(number) or "").strip()).startswith("//") and not text.endswith("---"):
                    lines.insert(0, text.removeprefix("//").strip())
                    number -= 1
                return _one_line(" ".join(lines))
        return ""


@dataclass(frozen=True, slots=True)
class _Define:
    """A define or parameter in CQL."""

    place: Place
    node: Mapping[str, Any]

    @property
    def is_parameter(self) -> bool:
        return "expression" not in self.node


def _reached(expressions: Iterable[tuple[Expression, Scope]]) -> Iterator[Name | _Define]:
    """Every name, define and parameter below the expressions, each once, in order of first mention, nearest first."""
    seen: set[object] = set()
    pending = list(expressions)
    while pending:
        expression, scope = pending.pop(0)
        if isinstance(expression, CqlExpression):
            for place, node in expression.mentions():
                if id(node) not in seen:
                    seen.add(id(node))
                    yield _Define(place, node)
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


def _words(name: str) -> str:
    """`hasLowBackPain` as `has low back pain`; a name that is words already stays."""
    return name if " " in name else _WORD.sub(" ", name).lower()


def _one_line(text: str) -> str:
    return " ".join(text.split())
