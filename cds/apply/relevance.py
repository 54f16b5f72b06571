"""Which actions of a service are settled by what is drafted alone: none of the drafts has a code or words that their
conditions ask for, so that they are not applicable, and nothing need be evaluated to know it.

What each condition asks for is read from its CQL once, at load (cds.expr.elm.relevance). A call looks over its drafts
once for all actions, where judging would look at each draft for each action.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cds.apply.plan import CompiledAction, CompiledPlan
from cds.apply.scope import DRAFTED
from cds.apply.tree import AppliedAction, Outcome, paths_by_outcome
from cds.chart import Chart
from cds.errors import EvaluationError
from cds.expr.cql_expression import CqlExpression
from cds.expr.elm.relevance import Reader, Signs, UnclearError
from cds.expr.evaluation import MAX_SUBJECT
from cds.expr.functions.strings import read_pattern, set_matcher
from cds.expr.types import model
from cds.fhir import Resource
from cds.terminology import Terminology


@dataclass(frozen=True, slots=True)
class _Gate:
    """What opens an action: one of the `codes` (without their systems) or of the patterns of these numbers in a draft,
    or an appointment. Closed, it comes to `applied`."""

    action: CompiledAction
    codes: frozenset[str]
    patterns: frozenset[int]
    by_appointments: bool
    applied: AppliedAction


#: Every gate open.
_ALL = -1
#: So many combinations of open gates are kept, the latest: a call is about one decision or two.
_LEAVINGS = 256


@dataclass(frozen=True, slots=True)
class Settled:
    """What the drafts of a call leave of the actions that are `asked`: the `open` ones are to be judged, of the others
    it is known what they come to, which is no card, and on which `paths` by outcome. The same object in many calls."""

    asked: Sequence[CompiledAction]
    open: Sequence[CompiledAction]
    closed: Mapping[CompiledAction, AppliedAction]
    paths: Mapping[str, Sequence[str]]

    def among(self, judged: Iterable[AppliedAction]) -> list[AppliedAction]:
        """All that was applied, the actions that were `judged` and the others, in the order of the plan."""
        by_action = {action: [applied] for action, applied in self.closed.items()}
        for applied in judged:
            assert applied.source is not None  # noqa: S101 - what a plan applies has one
            by_action.setdefault(applied.source, []).append(applied)
        return [applied for action in self.asked for applied in by_action.get(action, ())]


class Relevance:
    """The gates of one service: of the top actions of a plan as one hook asks them. Immutable."""

    def __init__(self, plan: CompiledPlan, hook: str, terminology: Terminology) -> None:
        self._terminology = terminology
        self._numbers: dict[str, int] = {}
        self._texts: set[str] = set()
        self._references: set[str] = set()
        self._asked = [a for a in plan.actions if a.hooks_asked is None or hook in a.hooks_asked]
        self._gates = [gate for action in self._asked if (gate := self._gate(plan, action, hook)) is not None]
        self._texts, self._references = _keys(self._texts), _keys(self._references)
        self._matching: Callable[[str], list[int] | None] = set_matcher(self._numbers)
        #: the gates that a code, a pattern or an appointment opens, a bit for each
        self._by_code: dict[str, int] = defaultdict(int)
        self._by_pattern: dict[int, int] = defaultdict(int)
        self._by_appointment = 0
        for place, gate in enumerate(self._gates):
            for code in gate.codes:
                self._by_code[code] |= 1 << place
            for number in gate.patterns:
                self._by_pattern[number] |= 1 << place
            self._by_appointment |= gate.by_appointments << place
        self._codes_asked = frozenset(self._by_code)
        self._left = lru_cache(_LEAVINGS)(self._leave)

    def settled(self, chart: Chart) -> Settled:
        """What the drafts of a call leave to be judged."""
        found = self._look(chart) if self._gates else None
        if found is None:
            return self._left(_ALL)
        strings, patterns = found
        opened = self._by_appointment if chart.orders.appointments else 0
        for code in self._codes_asked & strings:
            opened |= self._by_code[code]
        for number in patterns:
            opened |= self._by_pattern.get(number, 0)
        return self._left(opened)

    def _leave(self, opened: int) -> Settled:
        """What is left when these gates are open."""
        closed = {gate.action: gate.applied for place, gate in enumerate(self._gates) if not opened >> place & 1}
        judged = [action for action in self._asked if action not in closed]
        return Settled(self._asked, judged, closed, paths_by_outcome(closed.values()))

    def _look(self, chart: Chart) -> tuple[set[str], set[int]] | None:
        """Every string in the drafts of the call and in what they refer to, and the patterns that match one; None where
        something is not as FHIR has it, so that judging must see to it."""
        texts, references = self._texts, self._references
        strings: set[str] = set()
        words: set[str] = set()
        seen: set[int] = set()
        pending: list[dict[str, Any]] = [*chart.orders.drafts, *chart.orders.appointments]
        for element in pending:  # grows as it is gone through
            for key, value in element.items():
                kind = value.__class__
                if kind is str:
                    strings.add(value)
                    if key in texts:
                        words.add(value)
                elif kind is dict:
                    pending.append(value)
                    if key in references and (named := _named(value, chart)) is not None and id(named) not in seen:
                        seen.add(id(named))
                        pending.append(named)
                elif kind is list:
                    pending += [{key: item} for item in value]
                    if list in map(type, value):
                        return None
                elif key in texts:
                    return None
        found: set[int] = set()
        for word in words:
            matched = self._matching(word) if len(word) <= MAX_SUBJECT else None
            if matched is None:
                return None
            found.update(matched)
        return strings, found

    def _gate(self, plan: CompiledPlan, action: CompiledAction, hook: str) -> _Gate | None:
        try:
            signs, applied = self._closed(plan, action, hook, action.id)
            codes = frozenset(code for url in signs.value_sets for code in self._codes(url))
            patterns = frozenset(self._numbers.setdefault(pattern, len(self._numbers)) for pattern in signs.patterns)
        except (UnclearError, EvaluationError):
            return None
        if signs.parameters - {"appointments"}:
            return None  # there are drafts in every call that has a use for it
        return _Gate(action, codes, patterns, bool(signs.parameters), applied)

    def _closed(
        self, plan: CompiledPlan, action: CompiledAction, hook: str, identity: str
    ) -> tuple[Signs, AppliedAction]:
        """What opens an action, and what it comes to when nothing does, as the walk would have it. Raises
        UnclearError."""
        if action.for_each is not None:
            raise UnclearError
        if action.conditions:
            condition = action.conditions[0]  # those after a false one are not evaluated
            refuted = (condition.results[False],)
            applied = AppliedAction(
                identity, action.element, Outcome.NOT_APPLICABLE, refuted, plan=plan.url, source=action
            )
            return self._signs(condition.expression, hook), applied
        if action.is_filled or action.element.get("title"):  # a title has a card, whatever is below it
            raise UnclearError
        signs = Signs()
        applied = AppliedAction(identity, action.element, Outcome.FIRED, plan=plan.url, source=action)
        below = action.plan or plan
        for child in action.plan.actions if action.plan is not None else action.children:
            if child.hooks_asked is None or hook in child.hooks_asked:
                needed, closed = self._closed(below, child, hook, f"{identity}/{child.id}")
                signs |= needed
                applied.children.append(closed)
        return signs, applied

    def _signs(self, expression: Any, hook: str) -> Signs:
        if not isinstance(expression, CqlExpression):
            raise UnclearError
        library, node = expression.elm
        reader = Reader(library, frozenset(DRAFTED), {"%hook": hook})
        signs = reader.signs(node.get("expression"))
        for pattern in signs.patterns:
            read_pattern(pattern, "", None, "matchesFull")
        self._texts |= reader.texts
        self._references |= reader.references
        return signs

    def _codes(self, url: str) -> frozenset[str]:
        found = self._terminology.expansion(url)
        if found is None:
            raise UnclearError
        return found.bare_codes | {code for _, code in found.codes}


def _keys(names: Iterable[str]) -> set[str]:
    """The JSON members that elements of these names may stand in."""
    choices: Mapping[str, Mapping[str, str]] = model().choices
    return {key for name in names for key in (name, *choices.get(name, ()))}


def _named(element: dict[str, Any], chart: Chart) -> Resource | None:
    """What a Reference names; what is contained in a draft is gone through with the draft."""
    reference = element.get("reference")
    return chart.resolve(reference) if isinstance(reference, str) and not reference.startswith("#") else None
