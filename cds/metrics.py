"""What the service counts, for Prometheus: one object that whoever has something to count is handed.

Under `cds serve` each worker writes to memory-mapped files of its own in one folder (prometheus-client's multiprocess
mode), and whichever worker is asked adds them up. A file is of a worker's slot, not of its process: the worker that
follows a dead one goes on in its file, so that counters never go back and files do not pile up.

Labels hold ids of ours and registered addresses, never what a caller sent (security.md A2).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

BreakerState = Literal["closed", "half-open", "open"]

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_BREAKER = {"closed": 0, "half-open": 1, "open": 2}


class Share:
    """The folder through which the processes of one service share what they count. `slot` tells this process from the
    others: 0 is the first one, workers have 1, 2, ..., the number of a worker that died may be given again."""

    def __init__(self, folder: Path) -> None:
        """To be made once per process, before anything is counted in it."""
        self.folder = folder
        self.slot = 0
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        values.ValueClass = values.MultiProcessValue(lambda: self.slot)  # type: ignore[no-untyped-call]

    def forget(self, slot: int) -> None:
        """The worker in `slot` died: what was true of it alone, such as the state of a breaker, is no more."""
        mark_process_dead(slot, str(self.folder))  # type: ignore[no-untyped-call]


class Metrics:
    """The counters, each behind a method that says what happened. Safe for threads; without `share` they are of this
    process alone."""

    def __init__(self, share: Share | None = None) -> None:
        self._share = share
        self._registry = registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"cds_{name}", text, labels, registry=registry)

        self._calls = counter("calls", "Calls answered, by service and HTTP status.", "service", "status")
        self._seconds = Histogram(
            "cds_call_seconds", "Time to answer a call.", ["service"], registry=registry, buckets=_SECONDS
        )
        self._cards = counter("cards", "Cards given, by decision and indicator.", "decision", "indicator")
        self._rules = counter("rule_failures", "Rules that failed and gave no card.", "service", "action")
        self._foreign = counter("foreign_resources", "Resources left out for they are of another patient.", "service")
        self._fetches = counter("fhir_fetches", "Requests to FHIR servers, by server and outcome.", "server", "outcome")
        self._fetch_seconds = Histogram(
            "cds_fhir_fetch_seconds",
            "Time of a request to a FHIR server.",
            ["server"],
            registry=registry,
            buckets=_SECONDS,
        )
        self._breaker = Gauge(
            "cds_breaker_state",
            "Circuit breaker of a server, the worst of all workers: 0 closed, 1 half-open, 2 open.",
            ["server"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._feedback = counter("feedback", "Feedback on cards, by service and outcome.", "service", "outcome")
        self._refusals = counter("authentication_refusals", "Calls answered 401, by reason.", "reason")
        self._throttled = counter("throttled_calls", "Calls answered 429, by client.", "client")
        self._storage = counter("storage_failures", "Writes and reads of the database that failed.", "operation")
        self._lost = counter("decisions_lost", "Decisions that could not be written and were given up.")
        self._loads = counter("content_loads", "Attempts to load the content, by result.", "result")
        self._loaded = Gauge(
            "cds_content_loaded_timestamp_seconds",
            "When the content that is served was loaded.",
            registry=registry,
            multiprocess_mode="max",
        )
        # Looking a child up by a tuple takes half the time of labels(); no more are made than there are label values.
        self._call_children: dict[tuple[str, int], Callable[[], None]] = {}
        self._second_children: dict[str, Callable[[float], None]] = {}
        self._card_children: dict[tuple[str, str], Callable[[], None]] = {}

    def call(self, service: str | None, status: int, seconds: float) -> None:
        """A call was answered. `service` is an id of ours, or the name of an operation such as `$apply`."""
        name = service or "none"
        try:
            self._call_children[name, status]()
            self._second_children[name](seconds)
        except KeyError:
            self._call_children[name, status] = self._calls.labels(name, str(status)).inc
            self._second_children[name] = self._seconds.labels(name).observe
            self.call(service, status, seconds)

    def card(self, decision: str, indicator: str) -> None:
        """A card was given; `decision` is the code of its topic."""
        try:
            self._card_children[decision, indicator]()
        except KeyError:
            self._card_children[decision, indicator] = self._cards.labels(decision, indicator).inc
            self.card(decision, indicator)

    def rule_failed(self, service: str, action: str) -> None:
        """The rule of `action` failed in a call."""
        self._rules.labels(service, action).inc()

    def foreign_dropped(self, service: str, count: int) -> None:
        """`count` resources of a call were of other patients."""
        self._foreign.labels(service).inc(count)

    def fhir_fetch(self, server: str, outcome: str, seconds: float) -> None:
        """One request to a FHIR server ended; `server` is its registered address, `outcome` a word of ours such as
        `ok`, `not-found`, `refused`, `failed`, `timeout` or `blocked`."""
        self._fetches.labels(server, outcome).inc()
        self._fetch_seconds.labels(server).observe(seconds)

    def breaker(self, server: str, state: BreakerState) -> None:
        """The circuit breaker of a server changed its state."""
        self._breaker.labels(server).set(_BREAKER[state])

    def feedback(self, service: str, outcome: str, count: int = 1) -> None:
        """`count` items of feedback were stored; `outcome` is `accepted`, `overridden`, or `unknown-card` for a card
        that we did not give."""
        self._feedback.labels(service, outcome).inc(count)

    def authentication_refused(self, reason: str) -> None:
        """A call was answered 401; `reason` is a code of ours such as `expired`."""
        self._refusals.labels(reason).inc()

    def throttled(self, client: str) -> None:
        """A call was answered 429, for its client, our id of it, calls more often than it may."""
        self._throttled.labels(client).inc()

    def storage_failed(self, operation: str) -> None:
        """The database failed at `operation`, such as `decision` or `feedback`."""
        self._storage.labels(operation).inc()

    def decisions_lost(self, count: int) -> None:
        """`count` rows of the decision log were given up, for the database did not take them."""
        self._lost.inc(count)

    def content_loaded(self) -> None:
        """Content was loaded and is what calls are answered from."""
        self._loads.labels("loaded").inc()
        self._loaded.set(time())

    def content_refused(self) -> None:
        """Content did not load, and what was there before stays."""
        self._loads.labels("refused").inc()

    def exposition(self) -> bytes:
        """All that was counted, by all processes, in the text format of Prometheus (CONTENT_TYPE)."""
        if self._share is None:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(self._share.folder))  # type: ignore[no-untyped-call]
        return generate_latest(registry)
