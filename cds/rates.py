"""How often a client may call: a token bucket for each, in each process (security.md R2)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic


class Bucket:
    """Lets `rate` calls a second through, and as many at once, at least one. Safe for threads."""

    def __init__(self, rate: float, clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._most = max(rate, 1.0)
        self._clock = clock
        self._left = self._most
        self._seen = clock()
        self._lock = threading.Lock()

    def take(self) -> float:
        """0 for a call that may be made, which is counted; else the seconds until one may."""
        with self._lock:
            now = self._clock()
            self._left = min(self._left + (now - self._seen) * self._rate, self._most)
            self._seen = now
            if self._left < 1:
                return (1 - self._left) / self._rate
            self._left -= 1
            return 0
