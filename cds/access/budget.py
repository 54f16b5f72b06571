"""What the requests of one hook call may take together (security.md section 2)."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from time import monotonic

from cds.outbound import Limits


@dataclass(frozen=True, slots=True)
class Allowance:
    """The settings behind a Budget: seconds for all requests of a call and, of each, to connect and of silence; bytes
    of one body; further pages and resources of all answers together."""

    seconds: float = 4.0
    connect: float = 1.0
    read: float = 2.0
    size: int = 8 * 1024 * 1024
    pages: int = 20
    resources: int = 5000

    def budget(self) -> Budget:
        """What a call that starts now may take."""
        return Budget(self, monotonic() + self.seconds, self.pages, self.resources)


@dataclass(slots=True)
class Budget:
    """What is left for one call; its requests run in several threads."""

    allowance: Allowance
    deadline: float
    _pages: int
    _resources: int
    _lock: threading.Lock = field(default_factory=threading.Lock)
    #: Bytes of the answers so far.
    received: int = 0

    @property
    def left(self) -> float:
        """Seconds until the call has to be answered with what there is; 0 when they are over."""
        return max(self.deadline - monotonic(), 0.0)

    def limits(self) -> Limits:
        """The limits of a request that starts now."""
        allowed = self.allowance
        return Limits(allowed.connect, allowed.read, self.left, allowed.size, redirects=3)

    def receive(self, size: int) -> None:
        """Note that an answer of so many bytes came."""
        with self._lock:
            self.received += size

    def take_page(self) -> bool:
        """Whether one more page may be followed."""
        with self._lock:
            self._pages -= 1
            return self._pages >= 0

    def take_resources(self, count: int) -> int:
        """How many of `count` resources may be kept."""
        with self._lock:
            kept = min(count, self._resources)
            self._resources -= kept
            return kept
