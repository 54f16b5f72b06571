"""What a PlanDefinition needs so that it can be served as a CDS Hooks service and shown as cards."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cds import fhir
from cds.definitions.canonicals import actions
from cds.definitions.element import Element
from cds.definitions.load import Document
from cds.definitions.registry import Registry
from cds.errors import Problem, Severity, did_you_mean, nearest
from cds.terminology import Terminology

#: cds-hooks.md C6 and L1: fewer than 140 code points.
LONGEST_SUMMARY = 139

#: The hooks published at cds-hooks.org, drafts included.
HOOKS = frozenset(
    {
        "allergyintolerance-create",
        "appointment-book",
        "encounter-discharge",
        "encounter-start",
        "medication-prescribe",
        "medication-refill",
        "medication-verify",
        "order-dispatch",
        "order-review",
        "order-select",
        "order-sign",
        "patient-view",
        "problem-list-item-create",
    }
)

#: Kinds of ActivityDefinition that make a draft resource.
ACTIVITY_KINDS = (
    "Appointment",
    "AppointmentResponse",
    "CarePlan",
    "Claim",
    "Communication",
    "CommunicationRequest",
    "Contract",
    "DeviceRequest",
    "DiagnosticReport",
    "EnrollmentRequest",
    "ImmunizationRecommendation",
    "MedicationRequest",
    "NutritionOrder",
    "Procedure",
    "RequestGroup",
    "ServiceRequest",
    "SupplyRequest",
    "Task",
    "VisionPrescription",
)
ACTION_TYPES = ("create", "update", "remove")

_SERVICE_NAME = re.compile(r"[A-Za-z0-9._~-]+")


def check_plans(registry: Registry, terminology: Terminology) -> Iterator[Problem]:
    """Plans that cannot be a service, actions that cannot be a card, activities that make nothing."""
    yield from _services(registry)
    for document in registry.documents:
        root = Element.root(document)
        if document.kind == "PlanDefinition":
            yield from _summaries(root)
            yield from _action_ids(root)
            for action in actions(root):
                yield from _action(action)
        elif document.kind == "ActivityDefinition" and root.text("kind") not in ACTIVITY_KINDS:
            yield _activity_kind(root)
    yield from _override_reasons(registry, terminology)


def _activity_kind(root: Element) -> Problem:
    kind = root.text("kind")
    hint = (did_you_mean(kind, ACTIVITY_KINDS) if kind else None) or f"use one of {', '.join(ACTIVITY_KINDS)}"
    message = f"'{kind}' makes no draft resource" if kind else "the activity has no kind"
    return root.problem("activity-kind", message, "kind", hint=hint)


def root_plans(registry: Registry) -> list[Document]:
    """The plans that no other plan refers to: each is a service per hook."""
    named = set()
    for document in registry.documents:
        for action in actions(Element.root(document)):
            target = registry.find(action.text("definitionCanonical") or "", "PlanDefinition")
            if target and target is not document:
                named.add(target)
    return [d for d in registry.documents if d.kind == "PlanDefinition" and d not in named]


def _services(registry: Registry) -> Iterator[Problem]:
    """cds-hooks.md A and I-1: a service has a description, a hook, and an id that is unique."""
    roots = root_plans(registry)
    ids: dict[str, Document] = {}
    for document in registry.documents:
        if document.kind != "PlanDefinition":
            continue
        root = Element.root(document)
        is_root = document in roots
        if root.text("description") is None and (_hooks(root) or (is_root and _all_hooks(document, registry))):
            message = "the plan has no description, which a CDS Hooks service must have"
            hint = "add `description:` with what the service advises on"
            severity: Severity = "error" if is_root else "warning"
            yield root.problem("plan-description-missing", message, hint=hint, severity=severity)
        if is_root:
            yield from _service(document, registry, ids)


def _service(document: Document, registry: Registry, ids: dict[str, Document]) -> Iterator[Problem]:
    name = (document.url or "").rsplit("/", 1)[-1]
    first = ids.setdefault(name, document)
    if document.url and not _SERVICE_NAME.fullmatch(name):
        hint = "use letters, digits and . _ ~ - after the last slash"
        yield document.problem("service-id", f"'{name}' cannot be the id of a service", ("url",), hint=hint)
    elif first.url != document.url:
        message = f"the service id '{name}' is already made from {first.url}"
        yield document.problem("service-id", message, ("url",), hint="end the url with another name")
    if not _all_hooks(document, registry):
        hint = "add trigger: [{type: named-event, name: patient-view}] to an action"
        message = "no action has a trigger: the plan is never called"
        yield document.problem("plan-without-hook", message, hint=hint, severity="warning")


def _hooks(root: Element) -> set[str]:
    return {name for action in actions(root) for trigger in action.each("trigger") if (name := trigger.text("name"))}


def _all_hooks(document: Document, registry: Registry) -> set[str]:
    """The hooks of a plan and of every plan it refers to."""
    found: set[str] = set()
    seen = {document}
    pending = [document]
    for current in pending:
        root = Element.root(current)
        found |= _hooks(root)
        for action in actions(root):
            target = registry.find(action.text("definitionCanonical") or "", "PlanDefinition")
            if target and target not in seen:
                seen.add(target)
                pending.append(target)
    return found


def _summaries(owner: Element) -> Iterator[Problem]:
    """Titles that become card summaries: those of top-level actions, below grouping actions that have none."""
    for action in owner.each("action"):
        title = action.text("title")
        if title is None:
            yield from _summaries(action)
        elif len(title) > LONGEST_SUMMARY:
            message = f"the card summary has {len(title)} characters, at most {LONGEST_SUMMARY} are allowed"
            hint = "move details into `description:`"
            yield action.problem("summary-too-long", message, "title", hint=hint)


def _action_ids(root: Element) -> Iterator[Problem]:
    lines: dict[str, int] = {}
    for action in actions(root):
        name = action.text("id")
        line = root.document.locate((*action.path, "id")).line
        if name in lines:
            message = f"the action id '{name}' is already used at line {lines[name]}"
            yield action.problem("action-id-duplicate", message, "id", hint="give each action of a plan its own id")
        elif name:
            lines[name] = line


def _action(action: Element) -> Iterator[Problem]:
    paths = [item.text("path") or "" for item in action.each("dynamicValue")]
    dynamic = {path.removeprefix("%").removeprefix("action.") for path in paths}
    shows = {"title", "action", "definitionCanonical"} & action.value.keys() or "title" in dynamic
    changes = any(action.extensions(fhir.TARGET)) and "description" in action.value
    if not shows and not changes and nearest("title", action.value) is None:
        message = "the action has no title, no actions below it and no definition: it shows nothing"
        yield action.problem("action-title-missing", message, hint="add `title:`")
    yield from _triggers(action)
    yield from _conditions(action)
    yield from _type(action)


def _triggers(action: Element) -> Iterator[Problem]:
    for trigger in action.each("trigger"):
        if trigger.text("type") not in (None, "named-event"):
            message = f"triggers of type {trigger.text('type')} are never called"
            yield trigger.problem("trigger-type", message, "type", hint="use named-event", severity="warning")
            continue
        name = trigger.text("name")
        if name is None:
            yield trigger.problem("hook-missing", "the trigger names no hook", hint="add `name: patient-view`")
        elif name not in HOOKS:
            hint = did_you_mean(name, HOOKS) or "see https://cds-hooks.org/hooks for the published hooks"
            message = f"'{name}' is not a known hook"
            yield trigger.problem("hook-unknown", message, "name", hint=hint, severity="warning")


def _conditions(action: Element) -> Iterator[Problem]:
    for condition in action.each("condition"):
        kind = condition.text("kind")
        if kind in ("start", "stop"):
            message = f"conditions of kind {kind} are not evaluated"
            yield condition.problem("condition-kind", message, "kind", hint="use applicability", severity="warning")
        elif not isinstance(condition.value.get("expression"), dict):
            hint = "add expression: {language: text/fhirpath, expression: ...}"
            yield condition.problem("expression-missing", "the condition has no expression", hint=hint)


def _type(action: Element) -> Iterator[Problem]:
    for coding in (coding for kind in action.each("type") for coding in kind.each("coding")):
        code = coding.text("code")
        if code and code not in ACTION_TYPES and coding.text("system") == fhir.ACTION_TYPE_SYSTEM:
            hint = did_you_mean(code, ACTION_TYPES) or f"use one of {', '.join(ACTION_TYPES)}"
            message = f"actions of type '{code}' cannot be shown on a card"
            yield coding.problem("action-type", message, "code", hint=hint)
        elif code in ("update", "remove") and not any(action.extensions(fhir.TARGET)):
            message = f"the action does not say which draft it is to {code}"
            hint = f"add the extension {fhir.TARGET} with an expression that gives the draft"
            yield coding.problem("target-missing", message, "code", hint=hint)


def _override_reasons(registry: Registry, terminology: Terminology) -> Iterator[Problem]:
    """Clinicians choose an override reason by its display, so each code needs one (cds-hooks.md C)."""
    checked = set()
    for document in registry.documents:
        for action in actions(Element.root(document)):
            for reasons in action.extensions(fhir.OVERRIDE_REASONS):
                owner = registry.find(reasons.text("valueCanonical") or "", "ValueSet")
                expansion = terminology.expansion(reasons.text("valueCanonical") or "")
                if owner and expansion and owner not in checked:
                    checked.add(owner)
                    bare = [code for code, display in expansion.displays.items() if not display]
                    yield from (_without_display(owner, code) for code in bare)


def _without_display(owner: Document, code: tuple[str, str]) -> Problem:
    message = f"the override reason '{code[1]}' has no display"
    for include in (item for c in Element.root(owner).each("compose") for item in c.each("include")):
        for concept in include.each("concept"):
            if (include.text("system"), concept.text("code")) == code:
                return concept.problem("override-reason-display", message, "code", hint="add `display:`")
    return owner.problem("override-reason-display", message, hint="add a display where the code is listed")
