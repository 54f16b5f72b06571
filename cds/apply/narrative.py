"""The applied tree for people to read: the `text` of a CarePlan or RequestGroup (FHIR R4, Narrative).

What is suggested comes first, with what it makes; then what could not be decided, what does not apply and what failed,
each with its reason. All text is escaped, whoever wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any

from cds.apply import words
from cds.apply.tree import AppliedAction, ConditionResult, Outcome
from cds.fhir import Resource, as_list

_XHTML = "http://www.w3.org/1999/xhtml"
#: Characters that XML 1.0 does not have.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKED = re.compile(r"\*\*(.+?)\*\*|`([^`]+)`")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def narrative(
    definition: Resource, actions: Sequence[AppliedAction], goals: Sequence[Resource], subject: str, moment: str
) -> dict[str, str]:
    """The Narrative of a plan applied to `subject` (a reference) at a `moment` (a FHIR dateTime), with the patient's
    `goals`."""
    every = list(_decisions(actions, ""))
    parts = [
        _tag("h2", _text(definition.get("title") or definition.get("name") or "Plan")),
        *_blocks(definition.get("description")),
        _tag("p", _text(f"Proposed for {subject} on {words.day(moment)}. Nothing here has been ordered.")),
        *_section("Goals", map(_goal, goals)),
    ]
    suggested = [block for name, one in every if _is_suggested(one) for block in _suggestion(name, one)]
    parts += [_tag("h3", "Suggested"), *(suggested or [_tag("p", "Nothing.")])]
    parts += _section("Not decided, because this is not known", _because(every, Outcome.UNKNOWN, None))
    parts += _section("Does not apply, because this is not so", _because(every, Outcome.NOT_APPLICABLE, value=False))
    failed = (f"{_bold(name)}: {_text(error)}" for name, one in every for error in _errors(one))
    parts += _section("Could not be carried out", failed)
    return {"status": "generated", "div": f'<div xmlns="{_XHTML}">{"".join(parts)}</div>'}


def _decisions(actions: Iterable[AppliedAction], name: str) -> Iterator[tuple[str, AppliedAction]]:
    """The actions that are decisions, each with its name: that of the nested plan it is the one action of, else its
    own. An action that only stands for a plan is none."""
    actions = list(actions)
    for action in actions:
        source = action.source
        own = str(action.element.get("title") or "")
        if source is not None and source.plan is not None and action.outcome in (Outcome.FIRED, Outcome.FAILED):
            title = own or str(source.plan.definition.get("title") or source.plan.definition.get("name") or "")
            yield from _decisions(action.children, title)
            if action.error is not None:
                yield title, action
        else:
            yield (name if name and len(actions) == 1 else own or action.id), action


def _is_suggested(action: AppliedAction) -> bool:
    plan = action.source is not None and action.source.plan is not None
    return action.outcome is Outcome.FIRED or (action.outcome is Outcome.FAILED and not plan and not _stopped(action))


def _stopped(action: AppliedAction) -> bool:
    return any(condition.error is not None for condition in action.conditions)


def _suggestion(name: str, action: AppliedAction) -> Iterator[str]:
    element = action.element
    yield _tag("h4", _text(element.get("title") or name))
    yield from _blocks(element.get("description") or element.get("textEquivalent"))
    yield from (_tag("p", _text(text)) for text in _facts(action))
    yield _list(_item(child) for child in action.children if child.outcome is not Outcome.NOT_APPLICABLE)
    sources = dict.fromkeys(_sources(element))
    if sources:
        yield _tag("p", f"Sources: {_text('; '.join(sources))}")


def _item(action: AppliedAction) -> str:
    """One action below a decision, with those below it."""
    element = action.element
    said = [_text(element[name]) for name in ("title", "description") if isinstance(element.get(name), str)]
    lines = [": ".join(said), *map(_text, _facts(action))]
    if action.outcome is Outcome.UNKNOWN:
        lines += [f"Not decided: {reason}" for reason in _reasons(action, None)]
    below = _list(_item(child) for child in action.children if child.outcome is not Outcome.NOT_APPLICABLE)
    return "<br/>".join(line for line in lines if line) + below


def _facts(action: AppliedAction) -> Iterator[str]:
    """What the action makes, and when."""
    element = action.element
    if "timingTiming" in element:
        yield words.timing(element["timingTiming"])
    if "timingDateTime" in element:
        yield words.day(element["timingDateTime"])
    if isinstance(element.get("timingPeriod"), dict):
        yield words.span(element["timingPeriod"])
    if action.resource is not None:
        yield words.resource(action.resource)


def _sources(element: dict[str, Any]) -> Iterator[str]:
    for document in as_list(element.get("documentation")):
        if isinstance(document, dict) and (text := document.get("display") or document.get("citation")):
            yield str(text)


def _goal(goal: Resource) -> str:
    targets = [target for target in as_list(goal.get("target")) if isinstance(target, dict)]
    said = [_text(words.concept(goal.get("description")) or "A goal that is not described"), *map(_target, targets)]
    return "; ".join(part for part in said if part)


def _target(target: dict[str, Any]) -> str:
    detail = target.get("detailQuantity")
    value = words.quantity(detail) if detail else words.concept(target.get("detailCodeableConcept"))
    due = words.quantity(target.get("dueDuration"))
    parts = [words.concept(target.get("measure")), value, f"within {due}" if due else ""]
    return _text(" ".join(part for part in parts if part))


def _because(every: Iterable[tuple[str, AppliedAction]], outcome: Outcome, value: bool | None) -> Iterator[str]:
    for name, action in every:
        if action.outcome is outcome:
            yield f"{_bold(name)}: {' '.join(_reasons(action, value)) or 'there is nothing to repeat it for'}"


def _reasons(action: AppliedAction, value: bool | None) -> Iterator[str]:
    """What the conditions that came to `value` say, in their authors' words where they gave any."""
    said = action.source.conditions if action.source is not None else ()
    for found, compiled in zip(action.conditions, said, strict=False):  # none is judged after a false one
        if found.value is value and found.error is None:
            yield _inline(compiled.description) or _tag("code", _text(found.expression))


def _errors(action: AppliedAction) -> Iterator[str]:
    for one in action.walk():
        found: list[ConditionResult] = [condition for condition in one.conditions if condition.error is not None]
        yield from (f"{condition.expression}: {condition.error}" for condition in found)
        if one.error is not None:
            yield one.error


def _section(title: str, items: Iterable[str]) -> list[str]:
    found = list(items)
    return [_tag("h3", _text(title)), _list(found)] if found else []


def _list(items: Iterable[str]) -> str:
    made = "".join(_tag("li", item) for item in items if item)
    return _tag("ul", made) if made else ""


def _blocks(markdown: Any) -> Iterator[str]:
    """Paragraphs and lists of plain Markdown; of what else there is in it the text."""
    for block in re.split(r"\n\s*\n", markdown) if isinstance(markdown, str) else ():
        lines = [line.strip() for line in block.splitlines() if line.strip()]
        items = [line for line in lines if line.startswith("- ")]
        if items and len(items) == len(lines):
            yield _list(_inline(line[2:]) for line in items)
        elif lines:
            yield _tag("p", _inline(" ".join(lines)))


def _inline(text: str) -> str:
    marked = _MARKED.sub(lambda found: _tag("b", found[1]) if found[1] else _tag("code", found[2]), _text(text))
    return _ESCAPED.sub(r"\1", marked)


def _bold(text: str) -> str:
    return _tag("b", _text(text))


def _text(text: Any) -> str:
    return escape(_NO_XML.sub("", str(text or "")))


def _tag(name: str, inner: str) -> str:
    return f"<{name}>{inner}</{name}>"
