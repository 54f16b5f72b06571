"""Codes that a code system of the content does not have, outside of value sets: the topic of a card, what an activity
orders, a code that CQL declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cds.definitions.element import Element
from cds.definitions.registry import Registry
from cds.errors import Problem, did_you_mean
from cds.lint.libraries import texts

_KINDS = ("PlanDefinition", "ActivityDefinition", "Questionnaire")
#: The elements of a Coding; a Quantity, which has a system and a code too, has more.
_CODING = frozenset({"id", "extension", "system", "version", "code", "display", "userSelected"})


def check_codings(registry: Registry) -> Iterator[Problem]:
    """Codings of definitions and codes of CQL whose system is loaded with all its codes, and lacks this one."""
    systems = {
        url: frozenset(_codes(root))
        for root in (Element.root(document) for document in registry.documents if document.kind == "CodeSystem")
        if root.text("content") == "complete" and (url := root.text("url"))
    }
    for document in registry.documents:
        pending = [Element.root(document)] if document.kind in _KINDS else []
        while pending:
            element = pending.pop()
            pending.extend(element.children())
            if element.value.keys() <= _CODING:
                system, code = element.text("system") or "", element.text("code")
                if code is not None and (told := _unknown(systems, system, code)):
                    yield element.problem("code-unknown", told[0], "code", hint=told[1], severity="warning")
    for library in texts(registry):
        for node in library.declared("code"):
            found = library.library.codes[node["name"]]
            if told := _unknown(systems, found.system or "", found.code or ""):
                yield library.problem(Problem("code-unknown", told[0], library.at(node), told[1], "warning"))


def _unknown(systems: Mapping[str, frozenset[str]], system: str, code: str) -> tuple[str, str] | None:
    known = systems.get(system)
    if known is None or code in known:
        return None
    hint = did_you_mean(code, known) or "correct the code, or add it to the CodeSystem"
    return f"'{code}' is not a code of {system}", hint


def _codes(owner: Element) -> Iterator[str]:
    for concept in owner.each("concept"):
        if code := concept.text("code"):
            yield code
        yield from _codes(concept)
