"""Habits of a PlanDefinition that break its cards: each is legal FHIR, and the card then lacks something (cds-hooks.md
C)."""

from __future__ import annotations

from collections.abc import Iterator

from cds.definitions.element import Element
from cds.definitions.registry import Registry
from cds.errors import Problem
from cds.fhir import FOR_EACH

#: selectionBehavior by which more than one suggestion may be taken.
_SEVERAL = frozenset({"any", "one-or-more", "all", "all-or-none"})


def check_cards(registry: Registry) -> Iterator[Problem]:
    """Cards that could not say where they come from or what they are about, and choices that cannot be made; retired
    definitions that are in use."""
    for document in registry.documents:
        root = Element.root(document)
        if root.text("status") == "retired":
            message = f"the {document.kind} is retired, and loaded all the same"
            hint = "set another status, or remove the file"
            yield root.problem("definition-retired", message, "status", hint=hint, severity="warning")
        if document.kind == "PlanDefinition":
            for action in root.each("action"):
                yield from _below(action)


def _below(action: Element) -> Iterator[Problem]:
    """The cards of an action: itself when it has a title, else those of the actions below it."""
    if _sets(action, "title"):
        yield from _card(action)
        return
    yield from (found for child in action.each("action") for found in _below(child))
    is_group = "action" in action.value or "definitionCanonical" not in action.value
    if not is_group and "/PlanDefinition/" not in (action.text("definitionCanonical") or ""):
        message = "the action has no title: what it makes is on no card"
        yield action.problem("card-title-missing", message, hint="add `title:`", severity="warning")


def _card(action: Element) -> Iterator[Problem]:
    if not _sets(action, "documentation"):
        message = "the action has no documentation: its card cannot say where the advice comes from"
        hint = "add `documentation:` with type citation, display and citation"
        yield action.problem("card-documentation-missing", message, hint=hint, severity="warning")
    yield from _topic(action)
    yield from _choice(action)


def _topic(action: Element) -> Iterator[Problem]:
    for coding in (coding for code in action.each("code") for coding in code.each("coding")):
        missing = [name for name in ("system", "code") if coding.text(name) is None]
        if missing:
            message = f"the coding has no {' and no '.join(missing)}: the card cannot say which decision it is about"
            hint = " and ".join(f"`{name}:`" for name in missing)
            yield coding.problem("card-topic", message, hint=f"add {hint}", severity="warning")


def _choice(action: Element) -> Iterator[Problem]:
    suggestions = list(action.each("action"))
    behavior = action.text("selectionBehavior")
    several = len(suggestions) > 1 or any(any(child.extensions(FOR_EACH)) for child in suggestions)
    if several and behavior is None:
        message = "several suggestions, and nothing says how many may be taken: one at most is assumed"
        hint = "add `selectionBehavior:` at-most-one, any or all"
        yield action.problem("selection-behavior-missing", message, hint=hint, severity="warning")
    checked = [child for child in suggestions if child.text("precheckBehavior") == "yes"]
    for child in checked[1:] if behavior not in _SEVERAL else ():
        first = checked[0].document.locate((*checked[0].path, "precheckBehavior")).line
        message = f"only one suggestion may be taken, and the one at line {first} is recommended already"
        hint = "keep one `precheckBehavior: yes`, or set selectionBehavior: any"
        yield child.problem("precheck-several", message, "precheckBehavior", hint=hint, severity="warning")


def _sets(action: Element, name: str) -> bool:
    """True when the action has the element, or a dynamic value that sets it."""
    paths = (item.text("path") or "" for item in action.each("dynamicValue"))
    return name in action.value or any(path.removeprefix("%").removeprefix("action.") == name for path in paths)
