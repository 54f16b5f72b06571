"""Plans ready to run: PlanDefinitions with all that they name, compiled once when content is loaded. Actions of nested
plans take the place of the action that names them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cds import expr, fhir
from cds.apply.activity import resource_template, unplaced
from cds.apply.path import Place
from cds.apply.scope import Expression, Scope, Scopes, Session
from cds.apply.tree import AppliedAction, ConditionResult
from cds.apply.unusable import Unusable
from cds.apply.walk import Walk
from cds.definitions.constants import Constants, of_call, of_dynamic_value
from cds.definitions.load import Document, in_memory
from cds.definitions.paths import parse_path
from cds.definitions.snapshot import Snapshot
from cds.errors import DefinitionError, EvaluationError, ExpressionError, Location, NotFoundError
from cds.expr.cql_expression import CqlExpression
from cds.fhir import Resource

#: The elements of an action that are carried into the applied tree as they stand.
_CARRIED = (
    "title",
    "description",
    "textEquivalent",
    "priority",
    "code",
    "documentation",
    "selectionBehavior",
    "groupingBehavior",
    "requiredBehavior",
    "precheckBehavior",
    "cardinalityBehavior",
    "type",
    "prefix",
    "reason",
    "goalId",
    "relatedAction",
    "timingDateTime",
    "timingAge",
    "timingPeriod",
    "timingDuration",
    "timingRange",
    "timingTiming",
    "participant",
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled applicability condition, where it stands, and where the define that it names in CQL does;
    `description` is what its author says of it."""

    expression: Expression
    location: Location
    defined: Location | None = None
    description: str = ""
    #: what it comes to by its value, where there is no more to say of it: the same objects in every call
    results: Mapping[bool | None, ConditionResult] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "results", {value: self.result(value) for value in (True, False, None)})

    def result(self, value: bool | None, error: str | None = None) -> ConditionResult:
        """What it came to."""
        return ConditionResult(self.expression.text, self.location, value, error, self.defined)


@dataclass(frozen=True, slots=True)
class DynamicValue:
    """A compiled dynamic value. `on_action` says that its place is an element of the action, not of a resource;
    `context` is the definition it stands in, where the expression asks for it as %context."""

    place: Place
    on_action: bool
    expression: Expression
    context: Resource | None = None


@dataclass(frozen=True, slots=True)
class ForEach:
    """The name and the items an action is repeated for."""

    name: str
    expression: Expression


@dataclass(slots=True, eq=False)
class CompiledAction:
    """One action ready to run. `hooks` is None when the action inherits them. `template`, `plan` and `reference` (to a
    definition that is nothing to apply) are what it names as its definition; `problem` is why that is none of them.
    `definition` is the action as it stands in its plan, at `location`; `unplaced` are elements that its resource has no
    place for."""

    id: str
    element: dict[str, Any]
    scope: Scope
    hooks: frozenset[str] | None
    conditions: tuple[Condition, ...]
    dynamic_values: tuple[DynamicValue, ...]
    for_each: ForEach | None
    target: Expression | None
    kind: str | None
    template: Resource | None = None
    activity_values: tuple[DynamicValue, ...] = ()
    activity_scope: Scope | None = None
    plan: CompiledPlan | None = None
    activity: Resource | None = None
    reference: Resource | str | None = None
    problem: str | None = None
    unplaced: tuple[str, ...] = ()
    definition: dict[str, Any] = field(default_factory=dict)
    location: Location = field(default_factory=Location)
    children: list[CompiledAction] = field(default_factory=list)
    #: the hooks at which it is asked (None: whenever the action above it is)
    hooks_asked: frozenset[str] | None = field(init=False, default=None)
    #: whether firing does anything but go on to what is below it
    is_filled: bool = field(init=False, default=True)

    def settle(self) -> None:
        """What its elements come to, once they are all there."""
        only_stands_for_plan = self.hooks is None and self.plan is not None and not self.conditions
        self.hooks_asked = self.plan.hooks_asked if only_stands_for_plan and self.plan is not None else self.hooks
        makes = (self.template, self.target, self.problem)
        self.is_filled = bool(self.dynamic_values) or any(part is not None for part in makes)

    def expressions(self) -> list[tuple[Expression, Scope]]:
        """Every expression of this action itself, each with the scope it runs in."""
        own = [*(c.expression for c in self.conditions), *(d.expression for d in self.dynamic_values)]
        own += [e for e in (self.for_each.expression if self.for_each else None, self.target) if e is not None]
        found = [(expression, self.scope) for expression in own]
        if self.activity_scope is not None:
            found += [(value.expression, self.activity_scope) for value in self.activity_values]
        return found


@dataclass(slots=True, eq=False)
class CompiledPlan:
    """A PlanDefinition ready to run."""

    definition: Resource
    scope: Scope
    actions: list[CompiledAction]
    url: str = field(init=False)
    #: the hooks at which one of its actions is asked; None: at any, for one has no trigger of its own
    hooks_asked: frozenset[str] | None = field(init=False)

    def __post_init__(self) -> None:
        self.url = str(self.definition.get("url", ""))
        own = [action.hooks for action in self.actions]
        self.hooks_asked = None if None in own else frozenset[str]().union(*(hooks for hooks in own if hooks))

    def hooks(self) -> list[str]:
        """Every hook an action of the plan, nested ones included, is triggered by, in order of first mention."""
        found: dict[str, None] = {}
        for action in self.walk():
            found.update(dict.fromkeys(sorted(action.hooks or ())))
        return list(found)

    def walk(self) -> list[CompiledAction]:
        """Every action of the plan and of the plans it names, top down."""
        found: list[CompiledAction] = []
        pending = list(reversed(self.actions))
        while pending:
            action = pending.pop()
            found.append(action)
            pending.extend(reversed(action.plan.actions if action.plan else action.children))
        return found

    def apply(self, session: Session, actions: Sequence[CompiledAction] | None = None) -> list[AppliedAction]:
        """The applied top-level actions of the plan for the session's hook, or only those `actions` of them."""
        try:
            return Walk(session, self.url).actions(self.actions if actions is None else actions, "", {})
        finally:
            session.release()


class Plans:
    """The compiled plans of a snapshot, each compiled once, by url and version.

    With `lenient`, the content may be such as nobody checked: an expression that does not compile fails when it is
    evaluated, and a definition that is not there is its action's `problem`."""

    def __init__(self, snapshot: Snapshot, *, lenient: bool = False) -> None:
        self._snapshot = snapshot
        self._lenient = lenient
        self._scopes = Scopes(snapshot, lenient=lenient)
        self._documents = {id(document.resource): document for document in snapshot.documents}
        self._plans: dict[int, CompiledPlan] = {}
        self._open: list[Resource] = []

    def compile(self, definition: Resource) -> CompiledPlan:
        """Compile a PlanDefinition of the snapshot, and those it names. The content was checked before: errors here
        are of the kinds `cds check` reports. Raises DefinitionError when plans nest in a circle."""
        known = self._plans.get(id(definition))
        if known is None:
            scope = self._scopes.of(definition)
            document = self._documents.get(id(definition)) or in_memory(definition)
            if any(definition is outer for outer in self._open):
                urls = " -> ".join(str(outer.get("url", "?")) for outer in (*self._open, definition))
                raise DefinitionError([document.problem("definition-cycle", f"refers to itself: {urls}")])
            self._open.append(definition)
            try:
                actions = [
                    self._action(action, scope, document, ("action", index), of_call())
                    for index, action in enumerate(fhir.as_list(definition.get("action")))
                ]
            finally:
                self._open.pop()
            known = self._plans[id(definition)] = CompiledPlan(definition, scope, actions)
        return known

    def activity(self, definition: Resource) -> CompiledAction:
        """An ActivityDefinition as the definition of an action that says nothing else. Raises EvaluationError when it
        makes no resource."""
        name = str(definition.get("name") or definition.get("id") or "activity")
        compiled = CompiledAction(name, {}, self._scopes.of(definition), None, (), (), None, None, None)
        self._make(compiled, definition)
        compiled.settle()
        return compiled

    def _action(
        self,
        action: dict[str, Any],
        scope: Scope,
        document: Document,
        path: tuple[str | int, ...],
        constants: Constants,
    ) -> CompiledAction:
        """`constants` are the types of the `%names` of the actions around this one."""
        for_each, constants = _for_each(action, scope, constants)
        compiled = CompiledAction(
            id=str(action.get("id") or path[-1]),
            element=_carried(action),
            scope=scope,
            hooks=_hooks(action),
            conditions=tuple(
                self._condition(
                    scope.compile(item.get("expression"), constants),
                    document.locate((*path, "condition", index, "expression")),
                    " ".join((item.get("expression") or {}).get("description", "").split()),
                )
                for index, item in enumerate(fhir.as_list(action.get("condition")))
                if item.get("kind") == "applicability"
            ),
            dynamic_values=_dynamic_values(action, scope, constants, document.resource, path.count("action")),
            for_each=for_each,
            target=_target(action, scope, constants),
            kind=_action_type(action),
            definition=action,
            location=document.locate(path),
        )
        canonical = action.get("definitionCanonical")
        if canonical:
            self._define(compiled, canonical, document.resource)
        elif action.get("definitionUri"):
            compiled.reference = action["definitionUri"]
        compiled.children = [
            self._action(child, scope, document, (*path, "action", index), constants)
            for index, child in enumerate(fhir.as_list(action.get("action")))
        ]
        compiled.settle()
        return compiled

    def _condition(self, expression: Expression, location: Location, description: str) -> Condition:
        place = expression.place if isinstance(expression, CqlExpression) else None
        defined = self._snapshot.registry.logic.locate(place) if place is not None else None
        return Condition(expression, location, defined, description)

    def _define(self, compiled: CompiledAction, canonical: str, owner: Resource) -> None:
        """What the action's definition is; `owner` is the plan it stands in, which may contain it."""
        try:
            definition = self._named(canonical, owner)
            if definition["resourceType"] == "PlanDefinition":
                compiled.plan = self.compile(definition)
            elif definition["resourceType"] == "ActivityDefinition":
                self._make(compiled, definition)
            else:
                compiled.reference = definition
        except (NotFoundError, EvaluationError) as error:
            if not self._lenient:
                raise
            compiled.problem = str(error)

    def _make(self, compiled: CompiledAction, activity: Resource) -> None:
        template, compiled.activity = resource_template(activity), activity
        compiled.activity_scope = self._scopes.of(activity)
        values = _dynamic_values(activity, compiled.activity_scope, of_call(), activity)
        compiled.template, compiled.activity_values = _with_constants(template, values)
        compiled.unplaced = unplaced(activity)

    def _named(self, canonical: str, owner: Resource) -> Resource:
        if not canonical.startswith("#"):
            return self._snapshot.definition(canonical)
        found = next((one for plan in (owner, *self._open) if (one := fhir.contained(plan, canonical))), None)
        if found is None:
            raise NotFoundError(f"the definition contains no {canonical}")
        return found


def _carried(action: Mapping[str, Any]) -> dict[str, Any]:
    element = {name: action[name] for name in _CARRIED if name in action}
    if reasons := list(fhir.extensions(action, fhir.OVERRIDE_REASONS)):
        element["extension"] = reasons
    return element


def _hooks(action: Mapping[str, Any]) -> frozenset[str] | None:
    triggers = [t for t in fhir.as_list(action.get("trigger")) if t.get("type") == "named-event" and t.get("name")]
    return frozenset(trigger["name"] for trigger in triggers) if triggers else None


def _dynamic_values(
    owner: Mapping[str, Any], scope: Scope, constants: Constants, definition: Resource, depth: int = 0
) -> tuple[DynamicValue, ...]:
    """The dynamic values of an action `depth` levels below its plan. Its own elements are `action.title`, or
    `action.action.title` where the path begins at the plan."""
    values = []
    constants = {**constants, **of_dynamic_value()}
    for item in fhir.as_list(owner.get("dynamicValue")):
        path = str(item.get("path", "")).removeprefix("%")
        on_action = path.startswith("action.")
        for _ in range(depth):
            path = path.removeprefix("action.")
        expression = scope.compile(item.get("expression"), constants)
        try:
            segments = parse_path(path.removeprefix("resource."))
        except ExpressionError as error:
            if scope.missing is None:
                raise
            segments, expression = (), Unusable(path, error)
        own = isinstance(expression, expr.Expression) and "%context" in expression.text
        values.append(DynamicValue(Place(segments), on_action, expression, definition if own else None))
    return tuple(values)


def _with_constants(template: Resource, values: tuple[DynamicValue, ...]) -> tuple[Resource, tuple[DynamicValue, ...]]:
    """The template with its first dynamic values set, as far as they are the same for every patient, and the others."""
    for done, value in enumerate(values):
        items = value.expression.constant
        if items is None:
            return template, values[done:]
        try:
            template = value.place[template["resourceType"]](template, items) if items else template
        except EvaluationError:  # fails when it is applied, and then its own card only
            return template, values[done:]
    return template, ()


def _for_each(action: Mapping[str, Any], scope: Scope, constants: Constants) -> tuple[ForEach | None, Constants]:
    """What the action is repeated for, and the types of the `%names` within it."""
    found = fhir.extension(action, fhir.FOR_EACH)
    if found is None:
        return None, constants
    expression = found["valueExpression"]
    for_each = ForEach(expression["name"], scope.compile(expression, constants))
    return for_each, {**constants, for_each.name: scope.item_type(expression, constants)}


def _target(action: Mapping[str, Any], scope: Scope, constants: Constants) -> Expression | None:
    found = fhir.extension(action, fhir.TARGET)
    return scope.compile(found["valueExpression"], constants) if found else None


def _action_type(action: Mapping[str, Any]) -> str | None:
    for system, code in fhir.codings(action.get("type")):
        if system == fhir.ACTION_TYPE_SYSTEM:
            return code
    return None
