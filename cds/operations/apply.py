"""The operations `PlanDefinition/$apply` and `ActivityDefinition/$apply` (FHIR R4, CPG; apply-protocol.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from cds import fhir
from cds.apply.activity import People
from cds.apply.conform import conformed, faults
from cds.apply.plan import CompiledPlan
from cds.apply.render import MESSAGES, OUTPUTS, Output, Setting, not_fhir, render, told
from cds.apply.scope import Session
from cds.cql.call import Call, Sent, refused
from cds.cql.prefetch import Prefetched, answers_of, read_prefetched
from cds.errors import Issue, RequestError, operation_outcome
from cds.fhir import Resource, derived_id
from cds.operations import needs
from cds.operations.content import CallContent, Contents
from cds.operations.definitions import find_by_id
from cds.operations.subject import (
    Record,
    chart_of,
    parameters_of,
    people_of,
    record_of_bundle,
    reference,
    value_of,
    values_of,
)
from cds.terminology import meant_canonical

#: Parameters of the standard that change nothing here: language and setting of who asks.
_UNUSED = ("userType", "userLanguage", "userTaskContext", "setting", "settingContext", "useServerData", "mode")
COMMON = (
    "url",
    "subject",
    "encounter",
    "practitioner",
    "organization",
    "parameters",
    "data",
    "content",
    "now",
    *_UNUSED,
)
#: What `$apply` takes, of a plan and of an activity.
PLAN = (*COMMON, "prefetchData", "planDefinition", "output")
ACTIVITY = (*COMMON, "prefetchData", "activityDefinition")
_REPEATED = ("content", "subject", "prefetchData")

Clock = Callable[[str | None], datetime]


@dataclass(frozen=True, slots=True)
class Service:
    """What the operations work with: content, the site's zone and its values of parameters by `Library.name`, the clock
    (which is told the `now` of a call and refuses it with RequestError 403 outside demo mode), and the base of full
    urls."""

    contents: Contents
    zone: tzinfo
    parameters: Mapping[str, Any]
    clock: Clock
    base: str = fhir.CANONICAL_BASE


@dataclass(frozen=True, slots=True)
class _Request:
    """A call as it was understood: `given` are its parameters by name, as FHIRPath has them, `parameters` those of
    Libraries among them by `Library.name`. `data` is all there is, or else `prefetched` are answers to searches."""

    content: CallContent
    definition: Resource
    subjects: tuple[str, ...]
    people: People
    now: datetime
    given: dict[str, list[Any]]
    parameters: dict[str, Any]
    data: Resource | None
    prefetched: tuple[Prefetched, ...]

    def record(self, plan: CompiledPlan) -> Record:
        """The data as far as `plan` is concerned."""
        if not self.prefetched:
            return record_of_bundle(self.data)
        registry = self.content.snapshot.registry
        libraries = needs.libraries_of(needs.owners_of(plan), registry)
        asked = [*needs.of_plan(plan), *needs.of_libraries(libraries, registry.logic)]
        return Record(*answers_of(self.prefetched, asked))


def apply_plan(sent: Sequence[Sent], service: Service, identifier: str | None = None) -> Resource:
    """Answer `PlanDefinition/$apply`, of the loaded plan with that id where one is given: a CarePlan, RequestGroup or
    Bundle; of several subjects a Bundle with one of these for each.

    Raises RequestError: 400 for a call that cannot be understood, 403, 404 for a definition that is not there, 422 for
    one that cannot be applied as a whole, 501 for what is not built."""
    call = Call(refuse_unbuilt(sent), PLAN, _REPEATED)
    output = _output(call)
    request = _request(call, service, "PlanDefinition", identifier)
    if not request.subjects:
        raise refused("required", "There is no 'subject'", "/parameter")
    plan = request.content.plan(request.definition)
    record = request.record(plan)
    results = [_applied(plan, request, subject, record, service, output) for subject in request.subjects]
    if len(results) == 1:
        return results[0]
    entries = [{"fullUrl": f"urn:uuid:{derived_id(str(index))}", "resource": one} for index, one in enumerate(results)]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def apply_activity(sent: Sequence[Sent], service: Service, identifier: str | None = None) -> Resource:
    """Answer `ActivityDefinition/$apply`: the one resource. Raises RequestError as apply_plan()."""
    call = Call(refuse_unbuilt(sent), ACTIVITY, ("content", "prefetchData"))
    request = _request(call, service, "ActivityDefinition", identifier)
    if not request.subjects:
        raise refused("required", "There is no 'subject'", "/parameter")
    action = request.content.activity(request.definition)
    subject = request.subjects[0]
    plan = CompiledPlan(request.definition, action.scope, [action])
    (applied,) = plan.apply(_session(request, subject, request.record(plan), service))
    resource, _ = conformed(applied.resource or {})
    wrong = faults(resource)
    if wrong:
        issues = [Issue("invalid", one.message, one.location.path) for one in wrong]
        raise RequestError(422, [*issues, *told(applied)])
    return _with_messages(resource, [*map(not_fhir, request.content.dropped), *told(applied)])


def _with_messages(resource: Resource, issues: list[Issue]) -> Resource:
    if not issues:
        return resource
    outcome = {**operation_outcome(issues), "id": derived_id(f"{resource['id']}|messages")}
    extension = {"url": MESSAGES, "valueReference": {"reference": f"#{outcome['id']}"}}
    return {
        **resource,
        "contained": [*resource.get("contained", ()), outcome],
        "extension": [*resource.get("extension", ()), extension],
    }


def _applied(
    plan: CompiledPlan, request: _Request, subject: str, record: Record, service: Service, output: Output
) -> Resource:
    actions = plan.apply(_session(request, subject, record, service))
    moment = request.now.isoformat()
    identity = f"{subject}|{moment}|{plan.definition.get('url') or plan.definition.get('id')}"
    notes = (*map(not_fhir, request.content.dropped), *request.content.told(plan.definition))
    setting = Setting(subject, moment, identity, request.people, service.base, notes)
    return render(plan, actions, setting, output)


def _session(request: _Request, subject: str, record: Record, service: Service) -> Session:
    chart = chart_of(record, subject, request.given)
    session = Session(
        chart,
        request.content.snapshot.terminology,
        now=request.now,
        zone=service.zone,
        parameters={**service.parameters, **request.parameters},
    )
    session.call_values = {**request.given, **session.call_values, **values_of(chart, subject, request.people)}
    session.people, session.subject = request.people, subject
    named = request.given.get("hook")
    hook = named[0] if named else "order-sign" if chart.orders.ids else "patient-view"
    session.call_values["hook"], session.cql_parameters["hook"] = [hook], hook
    return session


def refuse_unbuilt(sent: Sequence[Sent]) -> Sequence[Sent]:
    """`sent`. Raises RequestError 501 for a parameter that the standard knows and nobody built."""
    for one in sent:
        if one.parameter["name"] in ("dataEndpoint", "contentEndpoint", "terminologyEndpoint"):
            text = f"'{one.parameter['name']}' is not supported: send 'data' and 'content'"
            raise RequestError(501, Issue("not-supported", text, one.pointer))
    return sent


def _output(call: Call) -> Output:
    text: Any = "careplan"
    for sent in call.all("output"):
        own = "valueCode" if sent.pointer.startswith("/") else "valueString"  # of an address it is text
        text = sent.parameter.get(own)
    found = next((known for known in OUTPUTS if known == text), None)
    if found is None:
        hint = f"one of {', '.join(OUTPUTS)}"
        raise refused("code-invalid", "'output' is none of its codes", f"{call.pointer('output')}/valueCode", hint)
    return found


def definition_of(call: Call, service: Service, kind: str, identifier: str | None) -> tuple[CallContent, Resource]:
    """The definition a call is about, and the content it is applied with. Raises RequestError 400, 404 and 422."""
    name = kind[0].lower() + kind[1:]
    inline = call.resource(name, kind)
    ways = [way for way, given in ((name, inline), ("url", call.all("url")), ("id", identifier)) if given]
    if len(ways) != 1:
        text = f"Name the definition in one way, by '{name}', by 'url' or in the address; here it is {len(ways)}"
        raise refused("required", text, "/parameter")
    content = service.contents.of(inline, call.all("content"))
    return content, content.definition or _named(call, content, kind, identifier)


def _request(call: Call, service: Service, kind: str, identifier: str | None) -> _Request:
    call.truth("useServerData", otherwise=True)  # this service has no data of its own
    now = service.clock(call.text("now"))
    content, definition = definition_of(call, service, kind, identifier)
    prefetched = read_prefetched(call, content.declared.names())
    sent = parameters_of(call)
    for one in prefetched:
        if one.key not in sent and content.declared.named(one.key) and (resources := one.sent()):
            sent[one.key] = resources
    return _Request(
        content,
        definition,
        tuple(dict.fromkeys(reference(one, "subject", "Patient") for one in call.all("subject"))),
        people_of(call),
        now,
        {name: [item for one in several for item in value_of(one)] for name, several in sent.items()},
        content.declared.sent(sent),
        call.resource("data", "Bundle"),
        prefetched,
    )


def _named(call: Call, content: CallContent, kind: str, identifier: str | None) -> Resource:
    if identifier is not None:
        return find_by_id(content.snapshot, kind, identifier)
    canonical = call.text("url", required=True) or ""
    document = content.snapshot.registry.find(canonical, kind)
    if document is None:
        known = content.snapshot.registry.urls(kind)
        hint = meant_canonical(canonical, known) or f"bring it in 'content', or as '{kind[0].lower()}{kind[1:]}'"
        raise RequestError(404, Issue("not-found", f"There is no such {kind}", call.pointer("url"), hint))
    return document.resource
