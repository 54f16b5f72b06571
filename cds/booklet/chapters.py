"""What there is to say of each decision: when it speaks, its settings, the cards as its cases show them, the rows it
rests on, and where the choice of a guideline changes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from cds import fhir
from cds.apply.plan import CompiledAction, CompiledPlan, DynamicValue
from cds.booklet.terms import Setting, Words
from cds.cases.compare import decision_of
from cds.cases.model import Case
from cds.cases.run import answer_of
from cds.config import Settings
from cds.errors import RequestError
from cds.hooks.cards import Card
from cds.service import Engine

GUIDELINES: tuple[str, ...] = get_args(Settings.model_fields["guideline"].annotation)
#: What a decision says under a setting when it gives no card.
SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Shown:
    """A card as one case shows it, and the settings of that case."""

    case: str
    settings: Mapping[str, Any]
    card: Card


@dataclass(frozen=True, slots=True)
class Option:
    """A suggestion that is not always offered, and when it is."""

    title: str
    conditions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A case on which the guidelines differ: guideline -> indicator, or SILENT."""

    case: str
    indicators: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Chapter:
    """One decision. `terms` are what its conditions rest on, `findings` what its indicator rests on besides; `rows` are
    (label, who says it, what it says)."""

    decision: str
    title: str
    description: str
    hooks: tuple[str, ...]
    conditions: tuple[str, ...]
    options: tuple[Option, ...]
    terms: Mapping[str, str]
    findings: Mapping[str, str]
    settings: tuple[Setting, ...]
    cards: tuple[Shown, ...]
    rows: tuple[tuple[str, str, str], ...]
    conflicts: tuple[Conflict, ...]


@dataclass(frozen=True, slots=True)
class Pathway:
    """A plan that services answer with, and its decisions in its order."""

    title: str
    description: str
    chapters: tuple[Chapter, ...]


def pathways(engine: Engine, cases: Sequence[Case]) -> list[Pathway]:
    """Every plan that services answer with."""
    plans = {id(service.plan): service.plan for service in engine.services.values()}
    return [
        Pathway(
            _title(plan.definition),
            str(plan.definition.get("description", "")),
            tuple(_chapter(engine, action, owner, cases) for action, owner in decisions(plan, plan.actions)),
        )
        for plan in plans.values()
    ]


def _title(definition: fhir.Resource) -> str:
    return str(definition.get("title") or definition.get("name") or definition["url"])


def decisions(plan: CompiledPlan, actions: Iterable[CompiledAction]) -> Iterator[tuple[CompiledAction, CompiledPlan]]:
    """The actions that name a decision, each with the plan it stands in."""
    for action in actions:
        if decision_named(action):
            yield action, plan
        elif action.plan is not None:
            yield from decisions(action.plan, action.plan.actions)
        else:
            yield from decisions(plan, action.children)


def decision_named(action: CompiledAction) -> str:
    """The decision that an action names, else nothing."""
    return fhir.decision_code(action.element.get("code"))


def _chapter(engine: Engine, action: CompiledAction, plan: CompiledPlan, cases: Sequence[Case]) -> Chapter:
    decision = decision_named(action)
    own = _own(engine, plan, [case for case in cases if case.decision == decision and not case.defines])
    words = Words(engine.snapshot, plan.definition)
    every = [expression for part in parts_of(action) for expression in part.expressions()]
    documentation = fhir.as_list(action.element.get("documentation"))
    terms = words.terms((condition.expression, action.scope) for condition in action.conditions)
    findings = words.terms((value.expression, action.scope) for value in action.dynamic_values if _is_priority(value))
    return Chapter(
        decision,
        _title(plan.definition),
        " ".join(str(plan.definition.get("description", "")).split()),
        tuple(sorted(action.hooks or ())),
        _said(action),
        tuple(Option(str(part.element["title"]), _said(part)) for part in action.children if part.conditions),
        terms,
        {name: text for name, text in findings.items() if name not in terms},
        tuple(words.settings(every)),
        tuple(_shown(engine, decision, own)),
        tuple((d.get("label", ""), d.get("display", ""), d.get("citation", "")) for d in documentation),
        tuple(_conflicts(engine, decision, own)),
    )


def _is_priority(value: DynamicValue) -> bool:
    return value.on_action and [segment.name for segment in value.place.path] == ["priority"]


def _own(engine: Engine, plan: CompiledPlan, cases: Iterable[Case]) -> list[Case]:
    """The cases of a decision, those that stand beside its plan first."""
    origin = next(d.origin for d in engine.snapshot.documents if d.resource is plan.definition)
    folder = origin.resolve().parent
    return sorted(cases, key=lambda case: not Path(case.location.file).resolve().is_relative_to(folder))


def parts_of(action: CompiledAction) -> Iterator[CompiledAction]:
    """An action and all below it."""
    yield action
    for child in action.children:
        yield from parts_of(child)


def _said(action: CompiledAction) -> tuple[str, ...]:
    """The conditions of an action in words, or as they are written."""
    return tuple(condition.description or f"`{condition.expression.text}`" for condition in action.conditions)


def _cards(engine: Engine, case: Case, decision: str, **settings: str) -> list[Card]:
    try:
        answer = answer_of(engine, case, settings)
    except RequestError:
        return []
    return [card for card in answer.cards if decision_of(card) == decision]


def _shown(engine: Engine, decision: str, cases: Iterable[Case]) -> list[Shown]:
    """Each summary with each indicator once: the first case with the most kinds of suggestions, best without settings
    of its own."""
    best: dict[tuple[str, str], Shown] = {}
    for case in cases:
        for card in _cards(engine, case, decision):
            found = Shown(case.name, case.settings, card)
            key = (card["summary"], card["indicator"])
            if key not in best or _weight(found) > _weight(best[key]):
                best[key] = found
    return list(best.values())


def _weight(shown: Shown) -> tuple[bool, int]:
    suggestions = shown.card.get("suggestions", ())
    kinds = {tuple(action["description"] for action in suggestion.get("actions", ())) for suggestion in suggestions}
    return not shown.settings, len(kinds)


def _conflicts(engine: Engine, decision: str, cases: Iterable[Case]) -> list[Conflict]:
    """Each way in which the guidelines differ, with the first case that shows it."""
    found: dict[tuple[str, ...], Conflict] = {}
    for case in cases:
        if "guideline" in case.settings or not case.expect:
            continue
        indicators = {name: _indicators(_cards(engine, case, decision, guideline=name)) for name in GUIDELINES}
        pattern = tuple(indicators.values())
        if len(set(pattern)) > 1 and pattern not in found:
            found[pattern] = Conflict(case.name, indicators)
    return list(found.values())


def _indicators(cards: Iterable[Card]) -> str:
    return ", ".join(card["indicator"] for card in cards) or SILENT
