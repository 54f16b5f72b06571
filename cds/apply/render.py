"""The applied tree as resources: RequestGroup, CarePlan, or a Bundle of them (apply-protocol.md, "Answer").

Nothing is lost: an action that does not apply, that cannot be decided or that failed is told in an OperationOutcome,
which the RequestGroup refers to by the extension cqf-messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from cds import fhir
from cds.apply import words
from cds.apply.activity import NOBODY, People
from cds.apply.conform import conformed, faults, repaired
from cds.apply.narrative import narrative
from cds.apply.plan import CompiledAction, CompiledPlan
from cds.apply.tree import AppliedAction, Outcome
from cds.errors import Issue, operation_outcome
from cds.fhir import Resource, derived_id

Output = Literal["careplan", "requestgroup", "bundle"]
OUTPUTS: tuple[Output, ...] = get_args(Output)

MESSAGES = "http://hl7.org/fhir/StructureDefinition/cqf-messages"
PERTAINS_TO_GOAL = "http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal"
RELATED_ARTIFACT = "http://hl7.org/fhir/StructureDefinition/workflow-relatedArtifact"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
#: Elements of R5's RequestOrchestration.action that R4 has no place for, as its cross-version extensions.
R5_ACTION = "http://hl7.org/fhir/5.0/StructureDefinition/extension-RequestOrchestration.action."

#: What a RequestGroup's action takes over as it is.
_KEPT = (
    "modifierExtension",
    "prefix",
    "title",
    "description",
    "textEquivalent",
    "priority",
    "code",
    "documentation",
    "timingDateTime",
    "timingAge",
    "timingPeriod",
    "timingDuration",
    "timingRange",
    "timingTiming",
    "type",
    "groupingBehavior",
    "selectionBehavior",
    "requiredBehavior",
    "precheckBehavior",
    "cardinalityBehavior",
)
_PARTIES = {
    "patient": "Patient",
    "practitioner": "Practitioner",
    "related-person": "RelatedPerson",
    "device": "Device",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What the answer is about: the reference to its subject, the moment (a FHIR dateTime), the others, and a text that
    tells this application from others, from which ids derive. `base` is what full urls begin with, `notes` are told of
    the definition as a whole."""

    subject: str
    moment: str
    identity: str
    people: People = NOBODY
    base: str = fhir.CANONICAL_BASE
    notes: tuple[Issue, ...] = ()


def render(plan: CompiledPlan, actions: Sequence[AppliedAction], setting: Setting, output: Output) -> Resource:
    """The applied actions of a plan in the form asked for; every resource is valid FHIR R4."""
    return _Rendering(setting, output).answer(plan, actions)


@dataclass(slots=True)
class _Group:
    """A RequestGroup in the making."""

    definition: Resource
    id: str
    issues: list[Issue] = field(default_factory=list)
    goals: dict[str, str] = field(default_factory=dict)
    reasons: list[Any] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)


class _Rendering:
    def __init__(self, setting: Setting, output: Output) -> None:
        self.setting = setting
        self.output = output
        #: what the first RequestGroup refers to, in the order it came up
        self.others: list[Resource] = []
        self._ids: set[tuple[str, str]] = set()

    def answer(self, plan: CompiledPlan, actions: Sequence[AppliedAction]) -> Resource:
        group = self._group(plan.definition, actions, "")
        goals = [goal for goal in self.others if goal["resourceType"] == "Goal"]
        text = narrative(plan.definition, actions, goals, self.setting.subject, self.setting.moment)
        if self.output == "careplan":
            return _headed(self._care_plan(plan.definition, group, goals), text)
        group = _headed(group, text)
        if self.output == "bundle":
            base = self.setting.base
            entries = [
                {"fullUrl": f"{base}/{one['resourceType']}/{one['id']}", "resource": one}
                for one in (group, *self.others)
            ]
            return {"resourceType": "Bundle", "type": "collection", "entry": entries}
        return {**group, "contained": self.others} if self.others else group

    def _care_plan(self, definition: Resource, group: Resource, goals: Sequence[Resource]) -> Resource:
        names: dict[str, Any] = {name: definition[name] for name in ("title", "description") if name in definition}
        plan: Resource = {
            "resourceType": "CarePlan",
            "id": self._id("CarePlan", ""),
            **_instantiates(definition),
            "status": "draft",
            "intent": "proposal",
            **names,
            **self._surroundings("created"),
            **_unless_empty("goal", list(map(self._reference, goals))),
            "activity": [{"reference": self._reference(group)}],
        }
        return {**repaired(plan)[0], "contained": [group, *self.others]}

    def _surroundings(self, date: str) -> dict[str, Any]:
        people = self.setting.people
        found: dict[str, Any] = {"subject": {"reference": self.setting.subject}, date: self.setting.moment}
        if people.encounter:
            found["encounter"] = {"reference": people.encounter}
        if people.practitioner:
            found["author"] = {"reference": people.practitioner}
        return found

    def _group(self, definition: Resource, actions: Sequence[AppliedAction], place: str) -> Resource:
        group = _Group(definition, self._id("RequestGroup", place))
        if not place:
            group.issues += self.setting.notes
        group.ids = {_id_of(one) for action in actions for one in _shown(action)}
        pursued = _pursued(definition, actions, whole=not place)
        goals = [self._goal(goal, index, place, group) for index, goal in enumerate(pursued)]
        made = [self._action(action, group) for action in actions]
        resource: Resource = {
            "resourceType": "RequestGroup",
            "id": group.id,
            **_instantiates(definition),
            "status": "draft",
            "intent": "proposal",
            **self._surroundings("authoredOn"),
            **_unless_empty("reasonCode", group.reasons),
            **_unless_empty("action", [action for action in made if action]),
        }
        resource, notes = repaired(resource)
        group.issues += map(_left_out, notes)
        extensions = [{"url": PERTAINS_TO_GOAL, "valueReference": self._reference(goal)} for goal in goals]
        if group.issues:
            outcome = operation_outcome(group.issues)
            outcome = {"resourceType": "OperationOutcome", "id": self._id("OperationOutcome", place), **outcome}
            extensions.append({"url": MESSAGES, "valueReference": {"reference": f"#{outcome['id']}"}})
            if self.output == "bundle":
                resource["contained"] = [outcome]
            else:
                self.others.append(outcome)
        kind = {"resourceType": resource.pop("resourceType"), "id": resource.pop("id")}
        return {**kind, **_unless_empty("extension", extensions), **resource}

    def _goal(self, goal: dict[str, Any], index: int, place: str, group: _Group) -> Resource:
        """A goal of the definition as one of the patient."""
        category, start = fhir.as_list(goal.get("category")), goal.get("start")
        documents = fhir.as_list(goal.get("documentation"))
        made: Resource = {
            "resourceType": "Goal",
            "id": self._id("Goal", f"{place}|{index}"),
            **_unless_empty(
                "extension", [{"url": RELATED_ARTIFACT, "valueRelatedArtifact": document} for document in documents]
            ),
            "lifecycleStatus": "proposed",
            **_unless_empty("category", category),
            **({"priority": goal["priority"]} if "priority" in goal else {}),
            "description": goal.get("description") or {"extension": [{"url": ABSENT, "valueCode": "unknown"}]},
            "subject": {"reference": self.setting.subject},
            **({"startCodeableConcept": start} if start else {}),
            **_unless_empty("target", [_target(target) for target in fhir.as_list(goal.get("target"))]),
            **_unless_empty(
                "addresses", [{"display": words.concept(one)} for one in fhir.as_list(goal.get("addresses"))]
            ),
        }
        made, notes = repaired(made)
        group.issues += [_left_out(note) for note in notes]
        group.goals[str(goal.get("id", ""))] = made["id"]
        return self._add(made)

    def _action(self, applied: AppliedAction, group: _Group) -> dict[str, Any] | None:
        source = applied.source
        group.issues += told(applied)
        if applied.outcome is Outcome.NOT_APPLICABLE or source is None:
            return None
        element = applied.element
        group.reasons += [reason for reason in fhir.as_list(element.get("reason")) if reason not in group.reasons]
        action = {"id": _id_of(applied), **{name: element[name] for name in _KEPT if name in element}}
        goals = [group.goals[goal] for goal in fhir.as_list(element.get("goalId")) if goal in group.goals]
        pertains = [
            {"url": PERTAINS_TO_GOAL, "valueReference": {"reference": self._to("Goal", goal)}} for goal in goals
        ]
        action |= _unless_empty("extension", [*_extensions(element, source.definition), *pertains])
        action |= _unless_empty("condition", list(_conditions(applied, source)))
        action |= _unless_empty("relatedAction", list(self._related(element, group)))
        action |= _unless_empty("participant", [self._participant(one) for one in _dicts(element.get("participant"))])
        reference = self._resource(applied, source, group)
        below = [] if source.plan else [made for child in applied.children if (made := self._action(child, group))]
        named = source.plan.definition if source.plan is not None else source.reference
        if isinstance(named, dict) and "title" in named:
            action.setdefault("title", named["title"])
        if reference and below:  # a RequestGroup's action has one of both (rqg-1)
            below.insert(0, {"id": f"{action['id']}.resource", "resource": reference})
        elif reference:
            action["resource"] = reference
        return {**action, **_unless_empty("action", below)}

    def _resource(self, applied: AppliedAction, source: CompiledAction, group: _Group) -> dict[str, Any] | None:
        """The reference to what the action is about."""
        if source.plan is not None and applied.outcome in (Outcome.FIRED, Outcome.FAILED) and not _undecided(applied):
            return self._reference(self._add(self._group(source.plan.definition, applied.children, applied.id)))
        if applied.resource is not None:
            resource, _ = conformed(applied.resource)
            wrong = faults(resource)
            if wrong:
                error = f"no valid {resource['resourceType']} can be made: {wrong[0].message}"
                group.issues.append(Issue("invalid", f"Action '{_label(applied)}': {error}", _path(applied)))
                applied.resource, applied.error = None, error  # the narrative tells the same
                return None
            if resource["resourceType"] == "Task" and "basedOn" not in resource:
                resource["basedOn"] = [{"reference": self._to("RequestGroup", group.id)}]
            return self._reference(self._add(resource))
        if isinstance(source.reference, str):
            return {"reference": source.reference}
        if source.reference is not None and not _undecided(applied):
            return self._reference(self._add(source.reference))
        return None

    def _related(self, element: dict[str, Any], group: _Group) -> Iterator[dict[str, Any]]:
        for related in _dicts(element.get("relatedAction")):
            if related.get("actionId") in group.ids:
                yield related
            else:
                text = f"The related action '{related.get('actionId')}' is not in this group"
                group.issues.append(Issue("informational", text, severity="information"))

    def _participant(self, participant: dict[str, Any]) -> dict[str, Any]:
        """Who takes part: in R4 an action of a RequestGroup names people, not roles."""
        kind, role = _PARTIES.get(str(participant.get("type")), "Practitioner"), participant.get("role")
        known = {"Patient": self.setting.subject, "Practitioner": "" if role else self.setting.people.practitioner}
        reference = known.get(kind)
        named: dict[str, Any] = {"reference": reference} if reference else {"type": kind}
        if isinstance(role, dict):
            named["extension"] = [{"url": f"{R5_ACTION}participant.role", "valueCodeableConcept": role}]
        return {**named, **({"display": words.concept(role)} if words.concept(role) else {})}

    def _id(self, kind: str, place: str) -> str:
        return derived_id(f"{self.setting.identity}|{kind}|{place}")

    def _to(self, kind: str, identifier: str) -> str:
        return f"{kind}/{identifier}" if self.output == "bundle" else f"#{identifier}"

    def _reference(self, resource: Resource) -> dict[str, Any]:
        return {"reference": self._to(resource["resourceType"], resource["id"])}

    def _add(self, resource: Resource) -> Resource:
        """File a resource of the answer, under an id of its own."""
        key = resource["resourceType"], str(resource.get("id", ""))
        if key[0] in _DEFINITIONS:
            if key in self._ids:
                return resource
        elif not key[1] or key in self._ids:
            resource = {**resource, "id": self._id(key[0], f"{key[1]}|{len(self.others)}")}
        self._ids.add((key[0], resource["id"]))
        if self.output != "bundle":
            resource = self._containable(resource)
        self.others.append(resource)
        return resource

    def _containable(self, resource: Resource) -> Resource:
        """A resource as it may be contained: what it contains goes beside it (dom-2), its meta says nothing of versions
        (dom-4) or labels (dom-5)."""
        for inner in resource.get("contained", ()):
            key = inner["resourceType"], str(inner.get("id", ""))
            if key in self._ids:
                inner = {**inner, "id": self._id(key[0], f"{key[1]}|{len(self.others)}")}
                resource = _renamed(resource, f"#{key[1]}", f"#{inner['id']}")
            self._ids.add((key[0], inner["id"]))
            self.others.append(inner)
        made = {name: value for name, value in resource.items() if name not in ("contained", "meta")}
        meta = {name: value for name, value in resource.get("meta", {}).items() if name in ("profile", "tag", "source")}
        return {"resourceType": made.pop("resourceType"), **({"meta": meta} if meta else {}), **made}


def _renamed(value: Any, old: str, new: str) -> Any:
    """The value with the references to one fragment naming another."""
    if isinstance(value, dict):
        return {name: _renamed(item, old, new) for name, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, old, new) for item in value]
    return new if value == old else value


def _headed(resource: Resource, text: dict[str, str]) -> Resource:
    """The resource with its narrative where FHIR has it: before what else it says."""
    head = {"resourceType": resource["resourceType"], "id": resource["id"], "text": text}
    return {**head, **{name: value for name, value in resource.items() if name not in head}}


def _pursued(definition: Resource, actions: Sequence[AppliedAction], *, whole: bool) -> list[dict[str, Any]]:
    """The goals of a plan that are for an action which applies, and those that are for the plan; of a nested plan only
    where one of its actions applies."""
    every = [one for action in actions for one in _shown(action)]
    done = [one for one in every if one.outcome is not Outcome.UNKNOWN]
    wanted = {goal for one in done for goal in fhir.as_list(one.element.get("goalId"))}
    named = {goal for action in _below(definition) for goal in fhir.as_list(action.get("goalId"))}
    goals = _dicts(definition.get("goal"))
    return [goal for goal in goals if goal.get("id") in wanted or (goal.get("id") not in named and (whole or done))]


def _below(definition: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for action in _dicts(definition.get("action")):
        yield action
        yield from _below(action)


#: Types whose resources are the same in every answer.
_DEFINITIONS = frozenset({"Questionnaire"})


def _left_out(note: str) -> Issue:
    return Issue("value", f"left out: {note}", severity="warning")


def not_fhir(path: str) -> Issue:
    """The warning that an element of a definition is none of FHIR R4."""
    return Issue("structure", "This element is not FHIR R4 and was left out", path, None, "warning")


def told(applied: AppliedAction) -> Iterator[Issue]:
    """What became of an action, where that is not what its title says."""
    name = f"'{_label(applied)}'"
    said = applied.source.conditions if applied.source is not None else ()
    for condition, compiled in zip(applied.conditions, said, strict=False):  # none is judged after a false one
        meaning = f" ({compiled.description})" if compiled.description else ""
        if condition.error is not None:
            yield Issue("exception", f"Action {name} failed: {condition.error}", condition.location.path)
        elif condition.value is False:
            text = f"Action {name} does not apply: {condition.expression} is false{meaning}"
            yield Issue("informational", text, condition.location.path, severity="information")
        elif condition.value is None:
            text = f"Whether action {name} applies is not known: {condition.expression} is unknown{meaning}"
            yield Issue("incomplete", text, condition.location.path, severity="information")
    if applied.outcome is Outcome.NOT_APPLICABLE and not applied.conditions:
        text = f"Action {name} does not apply: there is nothing to repeat it for"
        yield Issue("informational", text, _path(applied), severity="information")
    if applied.error is not None:
        source = applied.source
        code = "not-found" if source is not None and source.problem == applied.error else "exception"
        yield Issue(code, f"Action {name}: {applied.error}", _path(applied))
    if applied.source is not None and applied.outcome is not Outcome.NOT_APPLICABLE:
        yield from _left(applied.source, name)


def _left(source: CompiledAction, name: str) -> Iterator[Issue]:
    if source.definition.get("transform"):
        yield Issue(
            "not-supported", f"Action {name}: its transform was not carried out", source.location.path, None, "warning"
        )
    for element in source.unplaced:
        kind = (source.template or {}).get("resourceType")
        verb = "was not carried out" if element == "transform" else f"has no place in a {kind}"
        text = f"Action {name}: '{element}' of its ActivityDefinition {verb}"
        yield Issue("not-supported", text, source.location.path, None, "warning")


def _conditions(applied: AppliedAction, source: CompiledAction) -> Iterator[dict[str, Any]]:
    """Start and stop conditions, which are for whoever carries the action out; and what is not decided yet."""
    open_ones = {condition.location.path for condition in applied.conditions if condition.value is None}
    for index, condition in enumerate(_dicts(source.definition.get("condition"))):
        place = f"{source.location.path}.condition[{index}].expression"
        if condition.get("kind") in ("start", "stop") or place in open_ones:
            yield condition


def _extensions(element: dict[str, Any], definition: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those of the action, without what is for this engine, and its input and output, which R5 has a place for."""
    own = _dicts(element.get("extension"))
    yield from own
    for extension in _dicts(definition.get("extension")):
        if extension not in own and extension.get("url") not in _CONSUMED:
            yield extension
    for name in ("input", "output"):
        for requirement in _dicts(definition.get(name)):
            inner = {"url": "requirement", "valueDataRequirement": requirement}
            yield {"url": f"{R5_ACTION}{name}", "extension": [inner]}


_CONSUMED = frozenset({fhir.FOR_EACH, fhir.TARGET, fhir.OVERRIDE_REASONS, fhir.VARIABLE})


def _undecided(applied: AppliedAction) -> bool:
    return any(condition.value is not True for condition in applied.conditions)


def _shown(applied: AppliedAction) -> Iterable[AppliedAction]:
    """The actions that one RequestGroup shows: not those of a nested plan."""
    if applied.outcome is Outcome.NOT_APPLICABLE:
        return
    yield applied
    if applied.source is None or applied.source.plan is None:
        for child in applied.children:
            yield from _shown(child)


def _id_of(applied: AppliedAction) -> str:
    """The action's id as its plan says it; that of a repeated one with what it is repeated for."""
    named = applied.source is not None and "id" in applied.source.definition
    text = applied.id.rpartition("/")[2] if named else applied.id
    return text.translate(_MARKS)


_MARKS = str.maketrans("[/", "..", "]")


def _label(applied: AppliedAction) -> str:
    title = applied.element.get("title")
    return title if isinstance(title, str) else _id_of(applied)


def _path(applied: AppliedAction) -> str | None:
    return applied.source.location.path or None if applied.source is not None else None


def _instantiates(definition: Resource) -> dict[str, Any]:
    url, version = definition.get("url"), definition.get("version")
    if not url:
        return {}
    return {"instantiatesCanonical": [f"{url}|{version}" if version else url]}


def _target(target: dict[str, Any]) -> dict[str, Any]:
    named = {name: value for name, value in target.items() if name not in ("due", "id")}
    return {**named, "dueDuration": target["due"]} if "due" in target else named


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in fhir.as_list(value) if isinstance(item, dict)]


def _unless_empty(name: str, value: list[Any]) -> dict[str, Any]:
    return {name: value} if value else {}
