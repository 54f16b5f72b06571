"""A circuit breaker for each server: one that is down is not asked again and again (security.md F6)."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Literal

State = Literal["closed", "half-open", "open"]

_FAILURES = 5
_WINDOW = 30.0
_PAUSE = 10.0


class Breaker:
    """Open after 5 failures within 30 s; 10 s later one request goes through, and its end decides. `changed` is told
    each new state. Safe for threads."""

    def __init__(self, changed: Callable[[State], None], clock: Callable[[], float] = monotonic) -> None:
        self.state: State = "closed"
        self._changed = changed
        self._clock = clock
        self._failures: deque[float] = deque(maxlen=_FAILURES)
        self._until = 0.0
        self._lock = threading.Lock()

    def admits(self) -> bool:
        """Whether a request may be made now. Who is told yes reports its end by succeeded(), failed() or
        untold()."""
        with self._lock:
            if self.state == "closed":
                return True
            if self._clock() < self._until:
                return False
            # One that never reports, for its thread died, does not keep the breaker open for good.
            self._until = self._clock() + _PAUSE
            self._enter("half-open")
            return True

    def succeeded(self) -> None:
        """A request that was admitted was answered."""
        with self._lock:
            self._failures.clear()
            self._enter("closed")

    def failed(self) -> None:
        """A request that was admitted was not, or with an error of the server."""
        with self._lock:
            now = self._clock()
            self._failures.append(now)
            frequent = len(self._failures) == _FAILURES and now - self._failures[0] <= _WINDOW
            if self.state == "half-open" or (self.state == "closed" and frequent):
                self._until = now + _PAUSE
                self._enter("open")

    def untold(self) -> None:
        """A request that was admitted ended without a word about the server: it was never sent, or had no time. Where
        it was to decide, the next one does."""
        with self._lock:
            if self.state == "half-open":
                self._until = self._clock()

    def _enter(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self._changed(state)
