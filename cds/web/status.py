"""What the processes of one service tell each other, in memory they share: whether it is stopping, and how the content
was last loaded. The first process writes, its workers read."""

from __future__ import annotations

import mmap
import os
import signal
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic, sleep, time

_FORMAT = struct.Struct("<?QQ?d64s")
_PAUSE = 0.02


@dataclass(frozen=True, slots=True)
class Load:
    """An attempt to load the content. `revision` and `at` are of the content that is served, which after a failed one
    is that of the last good one. `begun` and `ended` number the attempts."""

    begun: int
    ended: int
    succeeded: bool
    at: datetime
    revision: str


class Status:
    """To be made by the first process, before it forks."""

    def __init__(self) -> None:
        self._first = os.getpid()
        self._memory = mmap.mmap(-1, _FORMAT.size)
        self._write(False, 0, 0, True, time(), b"")

    @property
    def stopping(self) -> bool:
        """Whether the service was told to stop."""
        return bool(self._read()[0])

    @property
    def load(self) -> Load:
        """How the content was last loaded."""
        _, begun, ended, succeeded, at, revision = self._read()
        return Load(begun, ended, succeeded, datetime.fromtimestamp(at, UTC), revision.rstrip(b"\0").decode())

    def stop(self) -> None:
        """The service was told to stop: it is not ready from now on."""
        self._write(True, *self._read()[1:])

    def begin(self) -> None:
        """The content is about to be loaded."""
        stopping, begun, ended, succeeded, at, revision = self._read()
        self._write(stopping, begun + 1, ended, succeeded, at, revision)

    def end(self, revision: str | None) -> None:
        """The content was loaded as `revision`, or not at all."""
        stopping, begun, _ended, _succeeded, at, before = self._read()
        if revision is None:
            self._write(stopping, begun, begun, False, at, before)
        else:
            self._write(stopping, begun, begun, True, time(), revision.encode())

    @property
    def alone(self) -> bool:
        """Whether this is the first process itself: an application that `cds serve` did not start."""
        return os.getpid() == self._first

    def reload(self, timeout: float = 60) -> Load | None:
        """Have the first process load the content anew, and wait for it. None when it did not within `timeout` seconds.

        For workers only."""
        asked = self.load.begun
        os.kill(self._first, signal.SIGHUP)
        end = monotonic() + timeout
        while monotonic() < end:
            load = self.load
            if load.ended > asked:
                return load
            sleep(_PAUSE)
        return None

    def _read(self) -> tuple[bool, int, int, bool, float, bytes]:
        return _FORMAT.unpack(self._memory[:])

    def _write(self, *values: bool | int | float | bytes) -> None:
        self._memory[:] = _FORMAT.pack(*values)
