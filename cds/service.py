"""The composition root: content, settings and data meet here, and a hook call becomes cards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import structlog
from structlog.contextvars import bind_contextvars

from cds.access.fetch import Access
from cds.apply.plan import Plans
from cds.apply.reason import Watch
from cds.apply.relevance import Settled
from cds.apply.scope import Session
from cds.apply.tree import AppliedAction, path_of
from cds.chart import Chart
from cds.clients import Caller
from cds.config import Settings, moment
from cds.cql import operation as cql
from cds.cql.call import read_body, read_query
from cds.cql.content import Content
from cds.cql.declared import Declarations
from cds.cql.site import site_of, site_values
from cds.data import chart_of_request
from cds.definitions.snapshot import Snapshot, load_snapshot
from cds.errors import DefinitionError, Issue, NotFoundError, RequestError
from cds.fhir import CANONICAL_BASE
from cds.fhirpath import operation
from cds.fhirpath.question import Surroundings
from cds.hooks import discovery, feedback
from cds.hooks.cards import Backgrounds, Card, Renderer
from cds.hooks.decimals import with_written_decimals
from cds.hooks.discovery import Service
from cds.hooks.envelope import response_problem
from cds.hooks.notice import notices
from cds.hooks.request import HookRequest, parse
from cds.metrics import Metrics
from cds.operations import apply as applying
from cds.operations import definitions, requirements, terminology
from cds.operations.capability import capability_statement
from cds.operations.content import Contents
from cds.operations.package import package
from cds.operations.search import search
from cds.searchset import whole
from cds.storage.decision import Kept, decide

if TYPE_CHECKING:
    from cds.storage import Storage

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """One evaluated call: the cards, what was judged for them and what the drafts settled before, the chart they were
    drawn from, and what makes a session like the one that judged. `origins` tells for each id of a card or suggestion
    the id of the action it stands for, `now` is the moment of the call, `seconds` how long the rules took, `instance`
    the hookInstance of the call, `request` the call with what was fetched for it, and `fetched` the bytes of that."""

    service: Service
    chart: Chart
    judged: list[AppliedAction]
    settled: Settled | None
    cards: list[Card]
    session: Callable[[], Session]
    origins: Mapping[str, str]
    now: datetime
    seconds: float
    instance: str
    request: HookRequest | None
    fetched: int = 0

    @property
    def applied(self) -> list[AppliedAction]:
        """The applied tree behind the cards."""
        return self.judged if self.settled is None else self.settled.among(self.judged)

    @property
    def body(self) -> dict[str, Any]:
        """The CDS Hooks response (C1, C2)."""
        return {"cards": self.cards}


class Engine:
    """Loaded content and settings, ready for calls from any number of threads."""

    def __init__(
        self,
        settings: Settings,
        *,
        metrics: Metrics | None = None,
        access: Access | None = None,
        storage: Storage | None = None,
    ) -> None:
        """Load, check and compile the content. Without a storage no decision is logged and no feedback taken. Raises
        DefinitionError with every problem found."""
        self.settings = settings
        self.storage = storage
        self.metrics = metrics or Metrics()
        self.access = access or Access.of(settings, self.metrics)
        self.snapshot: Snapshot = load_snapshot(settings.content, settings.overlay, prefer_elm=settings.prefer_elm)
        self._zone = ZoneInfo(settings.timezone)
        self.declared = Declarations(self.snapshot.registry)
        if self.declared.problems:
            raise DefinitionError(self.declared.problems)
        self._parameters = site_values(
            self.declared, settings.parameters, settings.guideline, chosen=settings.says_guideline
        )
        site = site_of(self.declared, self._parameters)
        self.snapshot = replace(self.snapshot, revision=site.revision(self.snapshot.revision))
        self._content = Content(self.snapshot)
        plans = Plans(self.snapshot)
        for document in self.snapshot.documents:
            if document.kind == "PlanDefinition":  # now, for compiling is not for several threads at once
                plans.compile(document.resource)
        self._started = self._now().isoformat()
        self._operations = applying.Service(
            Contents(self.snapshot, plans),
            self._zone,
            self._parameters,
            self._moment,
            f"{settings.public_url}/fhir" if settings.public_url else CANONICAL_BASE,
        )
        self.services = discovery.services(
            self.snapshot,
            plans,
            offer_decisions=settings.offer_decisions,
            distinct_ids=settings.distinct_ids,
            changes=site.changes,
        )
        self._offered = discovery.by_id(self.services)
        self._known_reasons: dict[str, list[dict[str, str]]] = {}
        self._backgrounds = Backgrounds(self._reasons)
        self._discovery = discovery.discovery(self.services.values())

    def close(self) -> None:
        """Close the connections to FHIR servers; to be called when no call is being answered."""
        self.access.close()

    def discovery(self) -> dict[str, Any]:
        """The body of `GET /cds-services` (A1-A9)."""
        return self._discovery

    def service(self, service_id: str, hook: str | None = None) -> Service:
        """The service of that id, and of that hook where several share the id (A12). Raises NotFoundError, and
        RequestError 400 for a hook that it does not answer (L17)."""
        offered = self._offered.get(service_id)
        if offered is None:
            raise NotFoundError(f"no service '{service_id}'")
        if hook is None:
            return next(iter(offered.values()))
        if hook not in offered:
            hooks = " and ".join(f"'{name}'" for name in offered)
            raise RequestError(400, Issue("invalid", f"This service answers the hook {hooks}", "/hook"))
        return offered[hook]

    def run_hook(self, service_id: str, body: bytes, caller: Caller) -> dict[str, Any]:
        """Answer a hook call: the JSON text of the request to the response object, for orjson to write: decimals of
        updated drafts are in it as the client wrote them.

        Raises NotFoundError for an unknown service, RequestError for everything else that is refused."""
        began = perf_counter()
        self._allow(caller, service_id)
        answer = self.answer(service_id, body, caller=caller)
        for card in answer.cards:
            self.metrics.card(card["source"]["topic"]["code"], card["indicator"])
        if self.storage is not None:
            self._log_decision(self.storage, answer, caller, body, perf_counter() - began)
        return {"cards": with_written_decimals(answer.cards, body)}

    def run_feedback(self, service_id: str, body: bytes, caller: Caller) -> None:
        """Store what a client says about cards of a service (section E): on disk when this returns.

        Raises NotFoundError for an unknown service and where nothing is stored at all (E1), RequestError for a body
        that is no feedback, StorageError when the database does not take it."""
        self._allow(caller, service_id)
        if self.storage is None:
            raise NotFoundError("feedback is not stored here")
        self.storage.add_feedback(
            caller, self.service(service_id).id, feedback.parse(body, max_depth=self.settings.max_depth)
        )

    def run_statistics(self, days: int, tenant: str | None) -> dict[str, Any]:
        """What became of the cards of the last days, of one tenant or of all. Raises NotFoundError where nothing is
        stored, StorageError."""
        if self.storage is None:
            raise NotFoundError("nothing is stored here")
        return self.storage.statistics(days, tenant).as_dict()

    def run_fhirpath(self, body: bytes, release: str) -> dict[str, Any]:
        """Answer a call of `$fhirpath`: a Parameters resource as JSON text to one for orjson to write.

        Raises RequestError for everything that is refused."""
        return operation.answer(body, self._surroundings(), release=release, max_depth=self.settings.max_depth)

    def run_cql(self, body: bytes) -> dict[str, Any]:
        """Answer a call of `$cql`, as run_fhirpath does. Raises RequestError."""
        sent = read_body(body, self.settings.max_depth)
        return cql.run_expression(sent, self._content, self._surroundings(), self._parameters)

    def run_library(
        self, library_id: str | None, *, body: bytes | None = None, query: Sequence[tuple[str, str]] = ()
    ) -> dict[str, Any]:
        """Answer a call of `Library/$evaluate`, about the library of that id where one is given. Raises NotFoundError
        when there is none, and RequestError."""
        sent = read_query(query) if body is None else read_body(body, self.settings.max_depth)
        return cql.run_library(sent, self._content, self._surroundings(), self._parameters, library_id)

    def run_apply(
        self, kind: str, definition_id: str | None, *, body: bytes | None = None, query: Sequence[tuple[str, str]] = ()
    ) -> dict[str, Any]:
        """Answer a call of `$apply` of a PlanDefinition or ActivityDefinition, the one of that id where one is given.
        Raises RequestError."""
        sent = read_query(query) if body is None else read_body(body, self.settings.max_depth, exact=False)
        run = applying.apply_plan if kind == "PlanDefinition" else applying.apply_activity
        return run(sent, self._operations, definition_id)

    def run_requirements(
        self, kind: str, definition_id: str | None, *, body: bytes | None = None, query: Sequence[tuple[str, str]] = ()
    ) -> dict[str, Any]:
        """Answer a call of `$data-requirements` of a PlanDefinition or Library, as run_apply()."""
        sent = read_query(query) if body is None else read_body(body, self.settings.max_depth, exact=False)
        return requirements.data_requirements(sent, self._operations, kind, definition_id)

    def run_package(
        self, kind: str, definition_id: str | None, *, body: bytes | None = None, query: Sequence[tuple[str, str]] = ()
    ) -> dict[str, Any]:
        """Answer a call of `$package`, as run_apply()."""
        sent = read_query(query) if body is None else read_body(body, self.settings.max_depth, exact=False)
        return package(sent, self.snapshot, self._operations.base, kind, definition_id)

    def run_terminology(
        self,
        operation: str,
        value_set_id: str | None,
        *,
        body: bytes | None = None,
        query: Sequence[tuple[str, str]] = (),
    ) -> dict[str, Any]:
        """Answer a call of `ValueSet/$expand` or `ValueSet/$validate-code`, as run_apply()."""
        sent = read_query(query) if body is None else read_body(body, self.settings.max_depth, exact=False)
        if operation == "expand":
            return terminology.expand(sent, self.snapshot, self._now(), value_set_id)
        return terminology.validate_code(sent, self.snapshot, value_set_id)

    def read(self, kind: str, definition_id: str, query: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
        """A loaded definition by its type and id, or what the query asks for of it. Raises RequestError."""
        return definitions.read(self.snapshot, kind, definition_id, query)

    def search(
        self, kind: str, query: Sequence[tuple[str, str]], base: str = CANONICAL_BASE, *, lenient: bool = False
    ) -> dict[str, Any]:
        """The loaded definitions of a type that fit a query; links begin with `base`. Raises RequestError for
        parameters there are not, unless `lenient`."""
        return search(self.snapshot, kind, query, base, lenient=lenient)

    def capabilities(self) -> dict[str, Any]:
        """The CapabilityStatement."""
        url = self.settings.public_url
        return capability_statement(self._started, f"{url}/fhir" if url else None, is_open=self.settings.demo)

    def answer(
        self,
        service_id: str,
        body: bytes,
        *,
        caller: Caller | None = None,
        now: datetime | None = None,
        parameters: Mapping[str, Any] | None = None,
        watch: Watch | None = None,
    ) -> Answer:
        """As run_hook, with the applied tree. Without a caller no FHIR server is asked, and nothing told of what could
        not be read. `now` stands in for the clock, `parameters` (by name, as YAML or JSON writes them) for the site's
        values. Raises EvaluationError for one of another type. `watch` as for evaluate()."""
        self.service(service_id)  # that there is one comes first: the body of a call to nothing is not read
        request = parse(body, max_depth=self.settings.max_depth)
        # Hashed, for a client may make it of what is the patient's (security.md A2).
        bind_contextvars(instance=sha256(request.hook_instance.encode()).hexdigest()[:16])
        service = self.service(service_id, request.hook)
        instance = request.hook_instance
        if caller is None:
            chart = chart_of_request(request, service.requirements)
            return self.evaluate(service, chart, instance, now=now, parameters=parameters, watch=watch)
        fetched = self.access.complete(request, caller.client, service.requirements)
        chart = chart_of_request(fetched.request, service.requirements, fetched.lacking)
        answer = self.evaluate(
            service, chart, instance, request=fetched.request, now=now, parameters=parameters, watch=watch
        )
        told = notices(service, chart, answer.judged, f"{instance}|{service.id}")
        if not told and not fetched.size:
            return answer
        return replace(answer, cards=answer.cards + told, fetched=fetched.size)

    def evaluate(
        self,
        service: Service,
        chart: Chart,
        instance: str,
        *,
        request: HookRequest | None = None,
        now: datetime | None = None,
        parameters: Mapping[str, Any] | None = None,
        watch: Watch | None = None,
    ) -> Answer:
        """Apply the service's plan to a chart and render the cards. `instance` tells this call of the service from
        others: the ids of cards derive from it. `watch` is asked why each condition came to its value."""
        began = perf_counter()
        now = now or self._now()
        session = partial(
            Session,
            chart,
            self.snapshot.terminology,
            now=now,
            zone=self._zone,
            hook=service.hook,
            parameters={**self._parameters, **self.declared.typed(parameters)} if parameters else self._parameters,
        )
        settled = service.relevance.settled(chart) if watch is None else None
        judged: list[AppliedAction] = []
        cards: list[Card] = []
        origins: Mapping[str, str] = {}
        if settled is None or settled.open:  # most orders are about none of the actions
            judging = session()
            judging.watch = watch
            judged = service.plan.apply(judging, None if settled is None else settled.open)
            renderer = Renderer(f"{instance}|{service.id}", self._backgrounds, service.notes)
            cards = self._few_infos(service.hook, self._sound(service, renderer.cards(judged)))
            origins = renderer.origins
            self._report(service, judging.failed, renderer)
        if chart.dropped:
            _log.warning("foreign-resources-dropped", service=service.id, count=chart.dropped)
            self.metrics.foreign_dropped(service.id, chart.dropped)
        seconds = perf_counter() - began
        return Answer(service, chart, judged, settled, cards, session, origins, now, seconds, instance, request)

    def _allow(self, caller: Caller, service_id: str) -> None:
        """Raises NotFoundError for an unknown service, RequestError for one that the client is not registered for."""
        if not caller.may_call(self.service(service_id).id):
            raise RequestError(403, Issue("forbidden", "This client is not registered for this service"))

    def _log_decision(self, storage: Storage, answer: Answer, caller: Caller, body: bytes, seconds: float) -> None:
        service = answer.service
        decision = decide(
            caller,
            service.id,
            service.hook,
            answer.instance,
            self.snapshot.revision,
            answer.judged,
            answer.cards,
            answer.origins,
            (seconds - answer.seconds, answer.seconds),
            self._kept(answer, body) if storage.keeper.keeps else None,
            answer.settled.paths if answer.settled else {},
        )
        bind_contextvars(decision=decision.row[0])
        storage.add(decision)

    def _kept(self, answer: Answer, body: bytes) -> Kept | None:
        request = answer.request
        if request is None:
            return None
        kept = {
            "hook": request.hook,
            "hookInstance": request.hook_instance,
            "context": request.context,
            "prefetch": {key: whole(value) for key, value in request.prefetch.items()},
            "extension": request.extension,
        }
        return Kept(len(body) + answer.fetched, kept, answer.now, answer.cards)

    def _surroundings(self) -> Surroundings:
        return Surroundings(self._now(), self._zone, self.snapshot.terminology)

    def _moment(self, text: str | None) -> datetime:
        """The moment of a call that says it in `now`, else that of the clock. Raises RequestError."""
        if text is None:
            return self._now()
        if not self.settings.demo:
            raise RequestError(403, Issue("forbidden", "'now' is for demo mode only", "now"))
        try:
            return moment(text)
        except ValueError:
            raise RequestError(400, Issue("value", "'now' must be a FHIR dateTime", "now")) from None

    def _now(self) -> datetime:
        return self.settings.fixed_now or datetime.now(UTC)

    def _sound(self, service: Service, cards: list[Card]) -> list[Card]:
        """The cards that keep the response schema: one that does not is left out and reported, the others are given."""
        if response_problem({"cards": cards}) is None:
            return cards
        sound = []
        for card in cards:
            problem = response_problem({"cards": [card]})
            if problem is None:
                sound.append(card)
            else:
                topic = card["source"]["topic"]["code"]
                _log.error("card-invalid", service=service.id, decision=topic, problem=problem)
        return sound

    def _few_infos(self, hook: str, cards: list[Card]) -> list[Card]:
        """On patient-view only the first info cards stay: they are shown each time a chart is opened."""
        if hook != "patient-view":
            return cards
        infos = [card for card in cards if card["indicator"] == "info"]
        return [card for card in cards if card["indicator"] != "info"] + infos[: self.settings.max_info_cards]

    def _report(self, service: Service, failed: list[AppliedAction], renderer: Renderer) -> None:
        """A rule that failed is silent to the clinician and loud to the operator; no patient data."""
        for action in failed:
            name = path_of(action.id)
            _log.error("rule-failed", service=service.id, action=name, plan=action.plan, error=_why(action))
            self.metrics.rule_failed(service.id, name)
        for action_id in renderer.shortened:
            _log.warning("summary-shortened", service=service.id, action=path_of(action_id))

    def _reasons(self, canonical: str) -> list[dict[str, str]]:
        """The codings of a value set in its own order."""
        known = self._known_reasons.get(canonical)
        if known is None:
            value_set = self.snapshot.terminology.expansion(canonical)
            members = value_set.displays.items() if value_set else ()
            known = [{"code": code, "system": system, "display": display} for (system, code), display in members]
            self._known_reasons[canonical] = known
        return known


def _why(action: AppliedAction) -> str:
    errors = [action.error, *(f"{c.location}: {c.error}" for c in action.conditions if c.error)]
    return "; ".join(error for error in errors if error)
