"""The keys of all clients: those their registration holds, and those they publish, which are fetched, kept and rotated
(cds-hooks.md F9, security.md J10, J11)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

import orjson
import structlog

from cds.clients import Client, Clients
from cds.errors import FetchError, Issue, RequestError
from cds.keys import Verifier, read_key_set, secret_verifiers, verifiers
from cds.outbound import Limits, Outbound

LIMITS = Limits(connect=1.0, read=2.0, total=2.0, size=256 * 1024, redirects=0)
#: Seconds between two requests for one set; shorter while there is no set at all.
PAUSE, SHORT_PAUSE = 60, 10
#: Seconds that a set counts as new where its Cache-Control says nothing, and the longest that it serves when no newer
#: one can be had.
FRESH, LONGEST = 600, 24 * 3600
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=\"?(\d{1,9})")
_log = structlog.get_logger("cds.auth")


class KeySets:
    """Looks up the keys of clients. For any number of threads. Each process has one of its own, which begins with what
    the process that it was forked from had fetched."""

    def __init__(
        self,
        clients: Clients,
        outbound: Outbound,
        *,
        before: KeySets | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`before` is what served until now: sets of clients whose registration stayed the same are taken over."""
        self._registered: dict[str, Mapping[tuple[str, str], Verifier]] = {}
        self._published: dict[str, _PublishedKeys] = {}
        for client in clients.by_issuer.values():
            if client.secret is not None:
                self._registered[client.id] = secret_verifiers(client.secret, client.algorithms)
            elif client.keys:
                self._registered[client.id] = verifiers(client.keys, client.algorithms)
            elif client.jku is not None:
                known = before._published.get(client.id) if before else None
                if known is None or known.client != client:
                    known = _PublishedKeys(client, client.jku, outbound, clock)
                self._published[client.id] = known

    def fetch(self) -> None:
        """Ask for all published sets at once. Those that cannot be had are told to the log and asked for again when a
        token needs them."""
        if self._published:
            with ThreadPoolExecutor(min(len(self._published), 16)) as pool:
                list(pool.map(_PublishedKeys.renew, self._published.values()))

    def verifier(self, client: Client, kid: str, algorithm: str) -> Verifier | None:
        """The client's key of that id, if it is for that algorithm. Raises RequestError (503) when the keys that the
        client publishes cannot be had."""
        registered = self._registered.get(client.id)
        if registered is not None:
            return registered.get(("" if client.secret else kid, algorithm))
        return self._published[client.id].verifier(kid, algorithm)

    def kids(self, client: Client) -> frozenset[str]:
        """The ids of the keys that the client publishes now. Raises RequestError (503) when they cannot be had."""
        return frozenset(self._published[client.id].current("", time.monotonic()).keys)


@dataclass(frozen=True, slots=True)
class _KeySet:
    """One set as fetched: the verifiers of each `kid`, by algorithm. What the set before it had serves on until
    `before_until`: tokens of old keys are under way (J10). Moments are those of the clock."""

    keys: Mapping[str, Mapping[str, Verifier]]
    fetched: float
    fresh_until: float
    before: Mapping[str, Mapping[str, Verifier]]
    before_until: float

    def of(self, kid: str, now: float) -> Mapping[str, Verifier] | None:
        """The key of that id by the algorithms it is for; None when there is no such key."""
        found = self.keys.get(kid)
        return self.before.get(kid) if found is None and now < self.before_until else found


class _PublishedKeys:
    """The keys at the `jku` of one client."""

    def __init__(self, client: Client, jku: str, outbound: Outbound, clock: Callable[[], float]) -> None:
        self.client = client
        self._jku = jku
        self._outbound = outbound
        self._clock = clock
        self._lock = Lock()
        self._set: _KeySet | None = None
        self._lost = False
        self._not_before = float("-inf")

    def verifier(self, kid: str, algorithm: str) -> Verifier | None:
        now = self._clock()
        return (self.current(kid, now).of(kid, now) or {}).get(algorithm)

    def current(self, kid: str, now: float) -> _KeySet:
        """The set in which to look for a key. Raises RequestError (503) when there is none, or when it lacks the key
        and a newer one cannot be had."""
        known = self._set
        if known is None or now >= known.fresh_until or known.of(kid, now) is None:
            known = self._renewed(kid, now)
        if known is None or (self._lost and known.of(kid, now) is None):
            raise RequestError(503, Issue("transient", "The keys of the client cannot be had at the moment"))
        return known

    def _renewed(self, kid: str, now: float) -> _KeySet | None:
        """The set after at most one request for it; None when there is none that is young enough. One thread asks, and
        those that can do with the set there is do not wait for it."""
        seen = self._set
        can_wait = seen is not None and now < seen.fetched + LONGEST and seen.of(kid, now) is not None
        if not self._lock.acquire(blocking=not can_wait):
            return seen
        try:
            if self._set is seen:
                self._ask(now)
            known = self._set
        finally:
            self._lock.release()
        return known if known is not None and now < known.fetched + LONGEST else None

    def renew(self) -> None:
        """Ask for the set, unless that was done a moment ago."""
        with self._lock:
            self._ask(self._clock())

    def _ask(self, now: float) -> None:
        if now >= self._not_before:
            fetched = self._fetch(self._set, now)
            self._lost = fetched is None
            self._set = fetched or self._set
            self._not_before = now + (PAUSE if self._set else SHORT_PAUSE)

    def _fetch(self, seen: _KeySet | None, now: float) -> _KeySet | None:
        """The set as it is published now, or None, told to the log, when it is not to be had."""
        try:
            reply = self._outbound.get(self._jku, networks=self.client.networks, limits=LIMITS)
            if reply.status != 200:
                raise ValueError(f"HTTP status {reply.status}")
            keys, problems = read_key_set(orjson.loads(reply.body))
            for problem in problems:
                _log.warning("key-problem", iss=self.client.issuer, problem=problem.message)
            if not keys:
                raise ValueError("no key that can be used")
        except (FetchError, ValueError) as error:
            reason = "not JSON" if isinstance(error, orjson.JSONDecodeError) else str(error)
            _log.error("keys-not-fetched", iss=self.client.issuer, jku=self._jku, reason=reason)
            return None
        by_kid: dict[str, dict[str, Verifier]] = {key.kid or "": {} for key in keys}
        for (kid, algorithm), verifier in verifiers(keys, self.client.algorithms).items():
            by_kid[kid][algorithm] = verifier
        return _KeySet(
            keys=by_kid,
            fetched=now,
            fresh_until=now + _freshness(reply.headers.get("cache-control", "")),
            before=seen.keys if seen else {},
            before_until=seen.fresh_until if seen else now,
        )


def _freshness(cache_control: str) -> int:
    """Seconds that a set may be kept without asking again, by its Cache-Control."""
    if "no-cache" in cache_control or "no-store" in cache_control:
        return PAUSE
    found = _MAX_AGE.search(cache_control)
    return min(max(int(found[1]), PAUSE), LONGEST) if found else FRESH
