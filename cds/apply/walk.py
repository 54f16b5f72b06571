"""PlanDefinition `$apply`: a compiled plan walked for one call into an applied tree.

Conditions are three-valued: an action applies only when all are true; unknown is kept apart from false, and an
expression that fails takes down its own card only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cds.apply.activity import draft_resource
from cds.apply.scope import Scope, Session
from cds.apply.tree import AppliedAction, ConditionResult, Outcome
from cds.errors import CdsError, EvaluationError, ExpressionError, RequestError
from cds.expr.elm.values import Tuple
from cds.fhir import Resource, is_id

if TYPE_CHECKING:
    from cds.apply.plan import CompiledAction, DynamicValue, ForEach


def _mark(item: Any, index: int) -> str:
    """What tells one item of a for-each from the others: its type and id, or its place. A Tuple is known by the first
    resource among its elements."""
    if type(item) is Tuple:
        parts = (part for part in item.elements.values() if isinstance(part, dict) and "resourceType" in part)
        item = next(parts, None)
    if isinstance(item, dict) and is_id(item.get("id")):
        return f"{item.get('resourceType', '')}.{item['id']}"
    return str(index)


class Walk:
    """One application of a plan, and of those it names. `plan` is the url of the one at hand."""

    def __init__(self, session: Session, plan: str) -> None:
        self.session = session
        self.plan = plan
        #: `$apply` is no hook: every action is asked, and what fails of one stops nothing else of it
        self.is_whole = not session.hook

    def actions(
        self, actions: Sequence[CompiledAction], prefix: str, bindings: Mapping[str, list[Any]]
    ) -> list[AppliedAction]:
        """Apply siblings. One that has no trigger of its own answers whenever the action above it does."""
        applied: list[AppliedAction] = []
        hook = self.session.hook
        for action in actions:
            hooks = action.hooks_asked
            if hooks is None or self.is_whole or hook in hooks:
                if action.for_each is None:
                    applied.append(self._action(action, prefix + action.id, bindings))
                else:
                    applied += self._repeated(action, action.for_each, prefix, bindings)
        return applied

    def _repeated(
        self, action: CompiledAction, for_each: ForEach, prefix: str, bindings: Mapping[str, list[Any]]
    ) -> list[AppliedAction]:
        try:
            items = for_each.expression.items(self.session.bound(action.scope, bindings))
        except EvaluationError as error:
            failed = AppliedAction(
                f"{prefix}{action.id}", action.element, Outcome.FAILED, plan=self.plan, source=action
            )
            return [self._failed(failed, str(error))]
        if not items and self.is_whole:
            nothing = Outcome.NOT_APPLICABLE
            return [AppliedAction(f"{prefix}{action.id}", action.element, nothing, plan=self.plan, source=action)]
        applied = []
        for index, item in enumerate(items):
            bound = {**bindings, for_each.name: [item]}
            applied.append(self._action(action, f"{prefix}{action.id}[{_mark(item, index)}]", bound))
        return applied

    def _failed(self, applied: AppliedAction, error: str | None) -> AppliedAction:
        if applied.outcome is not Outcome.FAILED or error is None:
            self.session.failed.append(applied)
        applied.outcome = Outcome.FAILED
        applied.error = error if applied.error is None else f"{applied.error}; {error}"
        return applied

    def _action(self, action: CompiledAction, identity: str, bindings: Mapping[str, list[Any]]) -> AppliedAction:
        outcome, results = self._judge(action, bindings) if action.conditions else (Outcome.FIRED, ())
        applied = AppliedAction(identity, action.element, outcome, results, plan=self.plan, source=action)
        if outcome is not Outcome.FIRED:
            return self._failed(applied, None) if outcome is Outcome.FAILED else applied
        if action.is_filled:
            try:
                self._fill(action, applied, bindings)
            except RequestError:  # data that is read now, and is none: no fault of the rule
                raise
            except CdsError as error:
                self._failed(applied, str(error))
                if not self.is_whole:
                    return applied
        if action.plan is not None:
            outer, self.plan = self.plan, action.plan.url
            applied.children = self.actions(action.plan.actions, f"{identity}/", {})
            self.plan = outer
        elif action.children:
            applied.children = self.actions(action.children, f"{identity}/", bindings)
        return applied

    def _judge(
        self, action: CompiledAction, bindings: Mapping[str, list[Any]]
    ) -> tuple[Outcome, tuple[ConditionResult, ...]]:
        """All conditions in order, up to the first that is not true: what follows a false one is not evaluated."""
        results: list[ConditionResult] = []
        outcome, session = Outcome.FIRED, self.session
        watch = session.watch
        for condition in action.conditions:
            expression = condition.expression
            try:
                if expression.is_rooted:
                    evaluation = session.root
                else:
                    evaluation = session.bound(action.scope, bindings) if bindings else session.evaluation(action.scope)
                value = expression.truth(evaluation)
            except ExpressionError as error:
                results.append(condition.result(None, str(error)))
                if watch is not None:
                    results[-1].why = watch(action, condition, evaluation)
                return Outcome.FAILED, tuple(results)
            if watch is None:
                results.append(condition.results[value])
            else:
                results.append(condition.result(value))
                results[-1].why = watch(action, condition, evaluation)
            if value is False:
                return Outcome.NOT_APPLICABLE, tuple(results)
            if value is None:
                outcome = Outcome.UNKNOWN
        return outcome, tuple(results)

    def _fill(self, action: CompiledAction, applied: AppliedAction, bindings: Mapping[str, list[Any]]) -> None:
        """Dynamic values of the action, and the resource it creates or changes."""
        session = self.session
        if action.problem is not None:
            self._failed(applied, action.problem)
        if action.target is not None:
            applied.target = self._draft(action.target.items(session.bound(action.scope, bindings)))
            if action.kind != "remove":
                applied.resource = applied.target
        elif action.template is not None:
            applied.resource = draft_resource(
                action.template,
                subject=session.subject or session.chart.patient.reference,
                today=session.today,
                identity=f"{session.identity}|{applied.id}",
                people=session.people,
            )
            if action.activity_values:
                self._set(action.activity_values, action.activity_scope or action.scope, applied, {})
        if action.dynamic_values:
            self._set(action.dynamic_values, action.scope, applied, bindings)

    def _draft(self, items: list[Any]) -> Resource:
        """The one draft of this call that a target names: nothing else is ever changed or removed (C28)."""
        if len(items) != 1 or not isinstance(items[0], dict):
            raise EvaluationError(f"the target names {len(items)} resources, not one")
        draft = items[0]
        if not is_id(draft.get("id")) or (draft.get("resourceType"), draft["id"]) not in self.session.chart.orders.ids:
            raise EvaluationError("the target is no draft of this call that can be referred to")
        return draft

    def _set(
        self, values: tuple[DynamicValue, ...], scope: Scope, applied: AppliedAction, bindings: Mapping[str, list[Any]]
    ) -> None:
        patient = self.session.patient
        evaluation = self.session.bound(scope, {**bindings, "action": [applied.element]}, applied.resource)
        for value in values:
            resource = applied.resource
            if value.context is not None:
                evaluation.context = value.context
            try:
                items = value.expression.items(evaluation)
                if not items:
                    continue
                # what it sets is there for the values after it
                if not value.on_action and resource is not None:
                    resource = value.place[resource["resourceType"]](resource, items)
                    applied.resource = evaluation.resource = resource
                elif value.place.path[0].name == "action":
                    raise EvaluationError("a dynamic value sets elements of its own action, not of those below it")
                else:
                    applied.element = value.place["PlanDefinitionAction"](applied.element, items)
                    evaluation.known["action"] = [applied.element]
            except CdsError as error:
                if not self.is_whole:
                    raise
                self._failed(applied, str(error))
            finally:
                evaluation.context = patient
