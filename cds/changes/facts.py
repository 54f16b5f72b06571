"""What a content folder says, as facts that can be compared: each with its definition, its subject and its words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cds import fhir
from cds.definitions.logic import Source
from cds.definitions.snapshot import Snapshot
from cds.expr.cql.lexer import tokens
from cds.expr.elm.code import text_of
from cds.expr.elm.library import Library
from cds.fhir import Resource
from cds.formatting.cql_text import format_cql

#: What is said of a definition itself and changes no answer.
_ABOUT = frozenset({"resourceType", "id", "meta", "text", "date", "publisher", "contact", "experimental", "extension"})
#: Elements of an action that have facts of their own.
_OWN = frozenset({"id", "action", "condition", "dynamicValue", "documentation", "trigger", "extension", "type"})


@dataclass(frozen=True, slots=True)
class Fact:
    """`about` is a definition (`PlanDefinition bed-rest`), `subject` a part of it (`condition 1 of bed-rest`)."""

    about: str
    subject: str


Facts = dict[Fact, str]


def facts(snapshot: Snapshot) -> Facts:
    """Everything the definitions of a folder say that can change an answer. Members of value sets are apart."""
    found: Facts = {}
    for document in snapshot.documents:
        about = f"{document.kind} {document.resource.get('id') or document.url or document.file}"
        said = _SAID.get(document.kind, _whole)(document.resource)
        found |= {Fact(about, subject): _oneline(words) for subject, words in said}
    for key, library in snapshot.registry.logic.compiled.items():
        source = snapshot.registry.logic.sources.get(key)
        if source is not None:
            about = f"Library {source.document.resource.get('id') or library.name}"
            found |= {Fact(about, subject): words for subject, words in _logic(library, source)}
    return found


def members(snapshot: Snapshot) -> dict[str, frozenset[tuple[str, str]]]:
    """The (system, code) pairs of each value set, by id."""
    found = {}
    for document in snapshot.documents:
        if document.kind == "ValueSet":
            codes = snapshot.terminology.codes(str(document.url))
            found[str(document.resource.get("id") or document.url)] = codes or frozenset()
    return found


def _plan(plan: Resource) -> Iterator[tuple[str, str]]:
    yield from _whole({name: value for name, value in plan.items() if name != "action"})
    for action in fhir.as_list(plan.get("action")):
        yield from _action(action, "")


def _action(action: dict[str, Any], above: str) -> Iterator[tuple[str, str]]:
    name = f"{above}{action.get('id') or action.get('title') or '?'}"
    for element, value in action.items():
        if element not in _OWN:
            yield from _leaves(value, f"{element} of {name}")
    hooks = sorted(str(item.get("name")) for item in fhir.as_list(action.get("trigger")))
    if hooks:
        yield f"hooks of {name}", ", ".join(hooks)
    for number, condition in enumerate(fhir.as_list(action.get("condition")), 1):
        expression = condition.get("expression", {})
        yield f"condition {number} of {name}", str(expression.get("expression"))
    for value in fhir.as_list(action.get("dynamicValue")):
        yield f"value of {value.get('path')} of {name}", str(value.get("expression", {}).get("expression"))
    for item in fhir.as_list(action.get("documentation")):
        said = ": ".join(str(item[part]) for part in ("display", "citation", "url") if item.get(part))
        yield f"row {item.get('label') or '?'} of {name}", said
    for item in (*fhir.as_list(action.get("extension")), *fhir.as_list(action.get("type"))):
        yield from _leaves(item, f"{str(item.get('url', 'type')).rpartition('/')[2]} of {name}")
    for child in fhir.as_list(action.get("action")):
        yield from _action(child, f"{name}/")


def _library(library: Resource) -> Iterator[tuple[str, str]]:
    for parameter in fhir.as_list(library.get("parameter")):
        default = next((value for name, value in parameter.items() if name.startswith("default")), None)
        yield f"parameter {parameter.get('name')}", str(default)
    rest = {name: value for name, value in library.items() if name not in ("parameter", "content")}
    yield from _whole(rest)


def _value_set(value_set: Resource) -> Iterator[tuple[str, str]]:
    rest = {name: value for name, value in value_set.items() if name not in ("compose", "expansion")}
    yield from _whole(rest)


def _whole(resource: Resource) -> Iterator[tuple[str, str]]:
    for element, value in resource.items():
        if element not in _ABOUT:
            yield from _leaves(value, element)


_SAID = {"PlanDefinition": _plan, "Library": _library, "ValueSet": _value_set}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(part, f"{path}.{name}")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _leaves(part, f"{path}[{index}]" if len(value) > 1 else path)
    else:
        yield path, str(value)


def _logic(library: Library, source: Source) -> Iterator[tuple[str, str]]:
    """Defines, functions and parameters of CQL, as they are written: their tokens, without comments and layout."""
    for name, define in library.defines.items():
        yield f"define {name}", _written(define.node, source)
    for name, overloads in library.functions.items():
        for overload in overloads:
            kinds = ", ".join(str(kind) for _, kind in overload.operands)
            yield f"function {name}({kinds})", _written(overload.node, source)
    for name, parameter in library.parameters.items():
        yield f"parameter {name} of the CQL", _written(parameter.node, source)


def _written(node: dict[str, Any], source: Source) -> str:
    written = text_of(node, source.text.text) if isinstance(source.code, str) else None
    if written is None:
        return str({name: part for name, part in node.items() if name not in ("locator", "annotation")})
    return format_cql(" ".join(written[token.at : token.end] for token in tokens(written)[0][:-1])).rstrip()


def _oneline(text: str) -> str:
    return " ".join(text.split())
