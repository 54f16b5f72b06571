"""Obtains, for each prefetch key that a call did not bring, what its template asks for from the caller's FHIR server
(cds-hooks.md P2, P5, P8). What comes back has the form of a prefetched value, so that nothing behind this tells them
apart: a key that could not be had holds an OperationOutcome, a searchset that lacks pages its `next` link."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from traceback import extract_tb
from types import MappingProxyType

import structlog

from cds import fhir
from cds.access.breaker import Breaker, State
from cds.access.budget import Allowance
from cds.access.medications import include, references
from cds.access.scopes import Scopes
from cds.access.server import AccessError, Found, Lack, Server
from cds.clients import Client, FhirServer, Query
from cds.config import Settings
from cds.fhir import Resource
from cds.hooks.prefetch import Requirement
from cds.hooks.request import HookRequest
from cds.metrics import Metrics
from cds.outbound import Outbound, origin_of, parse_url
from cds.searchset import Searchset, whole

#: Requests of one call at the same time.
_AT_ONCE = 8
#: Seconds in which requests that ran out of time bring the pages they have.
_GRACE = 0.1

#: Medications read for one call.
_MOST_MEDICATIONS = 40
#: Why a key stays as if the server had never been there.
_UNASKED: frozenset[Lack | None] = frozenset({"scope", "no-value"})

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A request with what was fetched among its prefetch, why each key is `lacking` that could not be had, or not all
    of it, and the bytes that came."""

    request: HookRequest
    lacking: Mapping[str, Lack]
    size: int = 0


class Access:
    """Asks the FHIR servers of callers. Nothing is kept from one call to the next but connections and the state of the
    breakers: data is never shared between calls, tokens or tenants (security.md F7)."""

    def __init__(
        self, allowance: Allowance | None = None, *, outbound: Outbound | None = None, metrics: Metrics | None = None
    ) -> None:
        self._allowance = allowance or Allowance()
        self._outbound = outbound or Outbound()
        self._metrics = metrics or Metrics()
        self._breakers: dict[str, Breaker] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, settings: Settings, metrics: Metrics) -> Access:
        """The access that the settings say: in demo mode to FHIR servers on this machine only."""
        allowance = Allowance(
            settings.fhir_timeout,
            settings.fhir_connect_timeout,
            settings.fhir_read_timeout,
            settings.fhir_max_body,
            settings.fhir_max_pages,
            settings.fhir_max_resources,
        )
        return cls(allowance, outbound=Outbound(loopback_only=settings.demo), metrics=metrics)

    def close(self) -> None:
        """Close the connections. Later calls open them anew."""
        self._outbound.close()

    @property
    def breakers(self) -> dict[str, State]:
        """The state of the breaker of each origin that was asked."""
        return {origin: breaker.state for origin, breaker in self._breakers.copy().items()}

    def complete(self, request: HookRequest, client: Client, needs: Sequence[Requirement]) -> Fetched:
        """The request with all that its FHIR server adds to its prefetch, within the time that is allowed. When the
        prefetch answers every key, or the server may not be asked, it comes back as it was."""
        if request.fhir_server is None:
            return Fetched(request, {})
        wanted = unanswered(request.prefetch, needs)
        if not wanted and not references(request, needs):
            return Fetched(request, {})
        registered = client.fhir_server(request.fhir_server)
        if registered is None:
            return self._unasked(request, client, wanted, "not-registered")
        if not _may_ask(request, client, registered):
            return self._unasked(request, client, wanted, "no-token")
        scopes = Scopes.parse(request.authorization.scope if request.authorization else None)
        server = self._server(request, registered)
        own = client.queries.get
        works = {need.key: partial(_ask, server, need, own(need.key), request, scopes) for need in wanted}
        late = {
            need.key: Found(whole(request.prefetch[need.key]), "timeout")
            for need in wanted
            if need.key in request.prefetch
        }
        found = _together(works, server, late)
        request = _with(request, {key: one for key, one in found.items() if one.lacking not in _UNASKED})
        request, missing = include(request, _medications(references(request, needs), server, scopes))
        missing.update({key: one.lacking for key, one in found.items() if one.lacking is not None})
        for key, lack in missing.items():
            _log.warning("fhir-data-missing", client=client.id, key=key, reason=lack)
        return Fetched(request, missing, server.received)

    def _unasked(self, request: HookRequest, client: Client, wanted: Sequence[Requirement], lack: Lack) -> Fetched:
        # A client for which no server is registered prefetches all that it wants to tell: nothing is amiss.
        log = _log.warning if client.fhir_servers else _log.debug
        log("fhir-server-not-asked", client=client.id, reason=lack)
        return Fetched(request, {need.key: lack for need in wanted})

    def _server(self, request: HookRequest, registered: FhirServer) -> Server:
        return Server(
            registered,
            request.authorization.token if request.authorization else None,
            budget=self._allowance.budget(),
            breaker=self._breaker(origin_of(parse_url(registered.url))),
            outbound=self._outbound,
            metrics=self._metrics,
        )

    def _breaker(self, origin: str) -> Breaker:
        with self._lock:
            breaker = self._breakers.get(origin)
            if breaker is None:
                breaker = self._breakers[origin] = Breaker(partial(self._metrics.breaker, origin))
            return breaker


def unanswered(prefetch: Mapping[str, Resource | Searchset | None], needs: Iterable[Requirement]) -> list[Requirement]:
    """The keys that are not in the prefetch, or of which only the first page is."""
    return [need for need in needs if need.key not in prefetch or _goes_on(prefetch[need.key])]


def _goes_on(value: Resource | Searchset | None) -> bool:
    if value is None:
        return False
    return fhir.next_link(value.links if isinstance(value, Searchset) else value.get("link")) is not None


def _may_ask(request: HookRequest, client: Client, registered: FhirServer) -> bool:
    """Whether the call's server may be asked about its patient: with a token that is for this patient, or without one
    where the server is open (L6)."""
    authorization = request.authorization
    if authorization is None:
        return registered.open
    if client.subject is not None and authorization.subject != client.subject:
        _log.warning("fhir-token-of-another", client=client.id)  # F15
    return authorization.patient in (None, request.patient_id)


def _together(
    works: Mapping[str, Callable[[], Found]], server: Server, late: Mapping[str, Found] = MappingProxyType({})
) -> dict[str, Found]:
    """The results of several pieces of work, done at the same time. What is not done in time stands for nothing, or for
    what `late` has in its place."""
    if not works:
        return {}
    threads = ThreadPoolExecutor(_AT_ONCE, "fhir")
    try:
        futures = {key: threads.submit(work) for key, work in works.items()}
        done, _ = wait(futures.values(), timeout=server.left + _GRACE)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
    return {
        key: _result(key, future) if future in done else late.get(key, Found.nothing("timeout"))
        for key, future in futures.items()
    }


def _result(key: str, future: Future[Found]) -> Found:
    """What came of one piece of work; a fault of ours in it takes its own key only, and is loud to the operator."""
    try:
        return future.result()
    except Exception as error:
        place = extract_tb(error.__traceback__)[-1]  # its words may quote what the server said
        at = f"{Path(place.filename).name}:{place.lineno}"
        _log.error("fhir-fetch-crashed", key=key, error=type(error).__qualname__, at=at)
        return Found.nothing("failed")


def _with(request: HookRequest, found: Mapping[str, Found]) -> HookRequest:
    return replace(request, prefetch={**request.prefetch, **{key: one.value for key, one in found.items()}})


def _medications(wanted: Mapping[str, Mapping[str, bool]], server: Server, scopes: Scopes) -> dict[str, list[Found]]:
    """The Medications behind references, each read once. One that cannot be had is passed over where the reference says
    in words what it is."""
    every = list(dict.fromkeys(reference for named in wanted.values() for reference in named))
    permitted = scopes.permits("Medication", "read")
    found = _together({one: partial(_read, server, one) for one in every[:_MOST_MEDICATIONS] if permitted}, server)
    absent = Found.nothing("limit" if permitted else "scope")
    return {
        key: [one for name, told in named.items() if not (one := found.get(name, absent)).lacking or not told]
        for key, named in wanted.items()
    }


def _read(server: Server, reference: str) -> Found:
    try:
        return server.read(reference)
    except AccessError as error:
        return Found.nothing(error.lack)


def _ask(server: Server, need: Requirement, own: Query | None, request: HookRequest, scopes: Scopes) -> Found:
    """What is found for a key by its template, or by the client's `own` search in its place."""
    prefetched = whole(request.prefetch.get(need.key))
    query = (replace(need, template=own.search) if own else need).query(request)
    if not scopes.permits(need.resource_type, need.interaction):
        return Found.nothing("scope")
    if query is None:
        return Found.nothing("no-value")
    if need.interaction == "read":
        read = _read(server, query)
        return Found(None) if read.lacking == "not-found" and not need.required else read
    try:
        found = server.search(query) if prefetched is None else server.rest(prefetched)
    except AccessError as error:
        return Found.nothing(error.lack)
    if found.lacking is None and scopes.narrows(need.resource_type, "search"):
        return found.cut("narrow-scope")
    narrow = found.lacking is None and prefetched is None and own is not None and not own.complete
    return found.cut("narrow-query") if narrow else found
