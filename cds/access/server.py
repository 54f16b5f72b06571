"""One FHIR server during one hook call: reads, and searches with all their pages, in the form of prefetched values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter, sleep
from typing import Any, Literal

from cds import fhir
from cds.access.breaker import Breaker
from cds.access.budget import Budget
from cds.body import decode
from cds.clients import FhirServer
from cds.errors import FetchError, FetchReason, RequestError
from cds.fhir import Resource
from cds.metrics import Metrics
from cds.outbound import Limits, Outbound, Reply, join, origin_of, parse_url

#: Why a request brought nothing, or pages are missing. Also in logs and metrics.
Lack = Literal[
    "refused", "not-found", "failed", "timeout", "unreachable", "unreadable", "too-large", "blocked", "open-breaker",
    "limit", "elsewhere", "loop", "scope", "narrow-scope", "narrow-query", "no-value", "not-registered", "no-token",
]  # fmt: skip

_REASONS: Mapping[FetchReason, Lack] = {
    "address": "blocked",
    "redirect": "blocked",
    "connect": "unreachable",
    "protocol": "unreachable",
    "timeout": "timeout",
    "size": "too-large",
}
#: A server that is down is not asked again by the other calls; one that answers, whatever it answers, is. What our own
#: guard refuses tells nothing of it.
_DOWN = frozenset({"failed", "timeout", "unreachable"})
#: Seconds a request must have had for its time-out to be the server's fault and not that of those before it.
_FAIR = 1.0
#: Seconds before the second try where the server names none.
_MOMENT = 0.1


class AccessError(Exception):
    """One request brought nothing usable. `again` is the seconds after which a second try may help, None for never. It
    is caught in this package."""

    def __init__(self, lack: Lack, again: float | None = None) -> None:
        self.lack: Lack = lack
        self.again = again
        super().__init__(lack)


@dataclass(frozen=True, slots=True)
class Found:
    """The value of a prefetch key, and why it is not, or not all of, what was asked for."""

    value: Resource | None
    lacking: Lack | None = None

    @classmethod
    def nothing(cls, lack: Lack) -> Found:
        """What stands for data that could not be had."""
        issue = {"severity": "error", "code": "incomplete", "diagnostics": lack}
        return cls({"resourceType": "OperationOutcome", "issue": [issue]}, lack)

    def cut(self, lack: Lack) -> Found:
        """This searchset as one of which not all pages are here."""
        return Found({**(self.value or {}), "link": [{"relation": "next"}]}, lack)


class Server:
    """A FHIR base URL, asked with one call's token and within its budget. The token is sent to its origin only
    (security.md S4). Safe for threads."""

    def __init__(
        self,
        server: FhirServer,
        token: str | None,
        *,
        budget: Budget,
        breaker: Breaker,
        outbound: Outbound,
        metrics: Metrics,
    ) -> None:
        base = parse_url(server.url)
        self.origin = origin_of(base)
        self._path = base.path.rstrip("/")
        self._server = server
        self._budget = budget
        self._breaker = breaker
        self._outbound = outbound
        self._metrics = metrics
        self._headers = {"accept": "application/fhir+json"}
        if token is not None:
            self._headers["authorization"] = f"Bearer {token}"

    @property
    def left(self) -> float:
        """Seconds that the call may still wait."""
        return self._budget.left

    @property
    def received(self) -> int:
        """Bytes of all answers of the call."""
        return self._budget.received

    def read(self, reference: str) -> Found:
        """The resource at `Type/id`. Raises AccessError, also when another one comes."""
        resource = self._resource(f"{self._server.url}/{reference}")
        if f"{resource.get('resourceType')}/{resource.get('id')}" != reference:
            raise AccessError("unreadable")
        return Found(resource)

    def search(self, query: str) -> Found:
        """All that `Type?...` finds, page after page. Raises AccessError when not even the first page is had."""
        address = f"{self._server.url}/{query}"
        return self._collect(self._bundle(address), address)

    def rest(self, bundle: Resource) -> Found:
        """A searchset that the client prefetched, with the pages it did not follow (P9)."""
        return self._collect(bundle, f"{self._server.url}/")

    def _collect(self, first: Resource, address: str) -> Found:
        entries: list[Any] = []
        whole = Found({**first, "entry": entries, "link": []})
        page, seen = first, {address}
        try:
            self._keep(page, entries)
            while (link := fhir.next_link(page.get("link"))) is not None:
                address = self._following(link, address, seen)
                page = self._bundle(address)
                self._keep(page, entries)
        except AccessError as error:
            return whole.cut(error.lack)
        return whole

    def _keep(self, page: Resource, entries: list[Any]) -> None:
        found = fhir.as_list(page.get("entry"))
        kept = self._budget.take_resources(len(found))
        entries += found[:kept]
        if kept < len(found):
            raise AccessError("limit")

    def _following(self, link: str, address: str, seen: set[str]) -> str:
        """The address that a `next` link on the page at `address` means. Raises AccessError if it is not followed."""
        try:
            url = join(parse_url(address), link)
        except FetchError:
            raise AccessError("elsewhere") from None
        if origin_of(url) != self.origin or not self._holds(url.path):
            raise AccessError("elsewhere")
        if str(url) in seen:
            raise AccessError("loop")
        if not self._budget.take_page():
            raise AccessError("limit")
        seen.add(str(url))
        return str(url)

    def _holds(self, path: str) -> bool:
        """Whether a path lies at or below the base: a client's link leads to nothing else on its machine (S1)."""
        climbs = any(part.startswith("..") for part in path.split("/"))  # `..;` too, which some servers read as `..`
        return (path == self._path or path.startswith(f"{self._path}/")) and not climbs

    def _bundle(self, address: str) -> Resource:
        resource = self._resource(address)
        if resource.get("resourceType") != "Bundle":
            raise AccessError("unreadable")
        return resource

    def _resource(self, address: str) -> Resource:
        """The resource at an address; where it may help, asked for twice (F2)."""
        try:
            return self._once(address)
        except AccessError as error:
            if error.again is None or error.again >= self._budget.left:
                raise
            sleep(error.again)
        return self._once(address)

    def _once(self, address: str) -> Resource:
        limits = self._budget.limits()
        if limits.total <= 0:
            raise AccessError("timeout")
        if not self._breaker.admits():
            raise AccessError("open-breaker")
        started = perf_counter()
        lack: Lack | None = None
        try:
            return self._asked(address, limits)
        except AccessError as error:
            lack = error.lack
            raise
        finally:
            self._metrics.fhir_fetch(self.origin, lack or "ok", perf_counter() - started)
            if lack == "blocked" or (lack == "timeout" and limits.total < _FAIR):
                self._breaker.untold()
            elif lack in _DOWN:
                self._breaker.failed()
            else:
                self._breaker.succeeded()

    def _asked(self, address: str, limits: Limits) -> Resource:
        networks = self._server.networks
        try:
            reply = self._outbound.get(address, headers=self._headers, networks=networks, limits=limits)
        except FetchError as error:
            again = _MOMENT if error.reason in ("connect", "protocol") else None
            raise AccessError(_REASONS[error.reason], again) from None
        self._budget.receive(len(reply.body))
        if reply.status != 200:
            raise _refusal(reply)
        try:
            resource = decode(reply.body)
        except RequestError:
            raise AccessError("unreadable") from None
        if not isinstance(resource, dict):
            raise AccessError("unreadable")
        return resource


def _refusal(reply: Reply) -> AccessError:
    if reply.status in (401, 403):
        return AccessError("refused")
    if reply.status in (404, 410):
        return AccessError("not-found")
    if reply.status != 429 and reply.status < 500:
        return AccessError("unreadable")
    after = reply.headers.get("retry-after", "")
    return AccessError("failed", float(after) if after.isdecimal() else _MOMENT)
