"""What expressions rest on, in words: the described names they reach, and the settings they read.

A name in FHIRPath is described by the `description` of its expression, a define or parameter in CQL by the comment
right above it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cds import fhir
from cds.apply.reached import reached
from cds.apply.scope import Expression, Name, Parameter, Scope
from cds.definitions.logic import Logic
from cds.definitions.scope import libraries_of
from cds.definitions.snapshot import Snapshot
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
        for one in reached(expressions):
            if isinstance(one, Name):
                found[_words(one.name)] = self._described.get(one.name, "")
            elif not one.is_parameter:
                found[_words(one.node["name"])] = self._comment(one.place)
        return {name: _OURS.sub(r" *(\1)*", text) for name, text in found.items() if text}

    def settings(self, expressions: Iterable[tuple[Expression, Scope]]) -> list[Setting]:
        """The settings the expressions read, by name."""
        found: dict[str, Setting] = {}
        for one in reached(expressions):
            if isinstance(one, Name):
                if isinstance(one.meaning, Parameter) and one.meaning.default:
                    value = ", ".join(map(str, one.meaning.default))
                    found[one.name] = self._setting(one.name, value, "")
            elif isinstance(default := one.node.get("default"), dict) and default.get("type") == "Literal":
                name = one.node["name"]
                found[name] = self._setting(name, str(default["value"]), self._comment(one.place))
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


def _words(name: str) -> str:
    """`hasLowBackPain` as `has low back pain`; a name that is words already stays."""
    return name if " " in name else _WORD.sub(" ", name).lower()


def _one_line(text: str) -> str:
    return " ".join(text.split())
