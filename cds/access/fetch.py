"""Obtains, for each prefetch key that a call did not bring, what its template asks for from the caller's FHIR server
(cds-hooks.md P2, P5, P8). What comes back has the form of a prefetched value, so that nothing behind this tells them
apart: a key that could not be had holds an OperationOutcome, a searchset that lacks pages its `next` link."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial

import structlog

from cds.access.breaker import Breaker, State
from cds.access.budget import Allowance
from cds.access.scopes import Scopes
from cds.access.server import AccessError, Found, Lack, Server, next_link
from cds.clients import Client, FhirServer
from cds.config import Settings
from cds.fhir import Resource
from cds.hooks.prefetch import Requirement
from cds.hooks.request import HookRequest
from cds.metrics import Metrics
from cds.outbound import Outbound, origin_of, parse_url

#: Requests of one call at the same time.
_AT_ONCE = 8
#: Seconds in which requests that ran out of time bring the pages they have.
_GRACE = 0.1

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A request with what was fetched among its prefetch, and why each key is `lacking` that could not be had, or not
    all of it."""

    request: HookRequest
    lacking: Mapping[str, Lack]


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
        wanted = unanswered(request.prefetch, needs)
        if not wanted or request.fhir_server is None:
            return Fetched(request, {})
        registered = client.fhir_server(request.fhir_server)
        if registered is None:
            return self._unasked(request, client, wanted, "not-registered")
        if not _may_ask(request, client, registered):
            return self._unasked(request, client, wanted, "no-token")
        scopes = Scopes.parse(request.authorization.scope if request.authorization else None)
        permitted = [need for need in wanted if scopes.permits(need.resource_type, need.interaction)]
        server = self._server(request, registered)
        results = _together({need.key: partial(_ask, server, need, request, scopes) for need in permitted}, server)
        lacking = {need.key: results[need.key].lacking if need in permitted else "scope" for need in wanted}
        found = {key: result.value for key, result in results.items()}
        missing = {key: lack for key, lack in lacking.items() if lack is not None}
        for key, lack in missing.items():
            _log.warning("fhir-data-missing", client=client.id, key=key, reason=lack)
        return Fetched(replace(request, prefetch={**request.prefetch, **found}), missing)

    def _unasked(self, request: HookRequest, client: Client, wanted: Sequence[Requirement], lack: Lack) -> Fetched:
        _log.warning("fhir-server-not-asked", client=client.id, reason=lack)
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


def unanswered(prefetch: Mapping[str, Resource | None], needs: Iterable[Requirement]) -> list[Requirement]:
    """The keys that are not in the prefetch, or of which only the first page is."""
    return [
        need
        for need in needs
        if need.key not in prefetch
        or ((value := prefetch[need.key]) is not None and "link" in value and next_link(value) is not None)
    ]


def _may_ask(request: HookRequest, client: Client, registered: FhirServer) -> bool:
    """Whether the call's server may be asked about its patient: with a token that is for this patient, or without one
    where the server is open (L6)."""
    authorization = request.authorization
    if authorization is None:
        return registered.open
    if client.subject is not None and authorization.subject != client.subject:
        _log.warning("fhir-token-of-another", client=client.id)  # F15
    return authorization.patient in (None, request.patient_id)


def _together(works: Mapping[str, Callable[[], Found]], server: Server) -> dict[str, Found]:
    """The results of several pieces of work, done at the same time; those not done in time stand for nothing."""
    threads = ThreadPoolExecutor(_AT_ONCE, "fhir")
    try:
        futures = {key: threads.submit(work) for key, work in works.items()}
        wait(futures.values(), timeout=server.left + _GRACE)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
    return {
        key: future.result() if future.done() and not future.cancelled() else Found.nothing("timeout")
        for key, future in futures.items()
    }


def _ask(server: Server, need: Requirement, request: HookRequest, scopes: Scopes) -> Found:
    prefetched = request.prefetch.get(need.key)
    query = need.query(request)
    try:
        if prefetched is not None:
            return server.rest(prefetched)
        if query is None:
            return Found.nothing("no-value")
        if need.interaction == "read":
            return server.read(query)
        found = server.search(query)
    except AccessError as error:
        if error.lack == "not-found" and need.interaction == "read" and not need.required:
            return Found(None)
        return Found.nothing(error.lack)
    narrow = found.lacking is None and scopes.narrows(need.resource_type, "search")
    return found.cut("scope") if narrow else found
