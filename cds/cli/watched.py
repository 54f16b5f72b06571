"""Whether files changed, asked again and again: no platform's own way of telling is needed for the few there are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

Fingerprint = frozenset[tuple[str, int, int]]


def fingerprint(watched: Iterable[Path]) -> Fingerprint:
    """Name, time and size of every file: of those named, and of those in the folders that are."""
    found = set()
    for root in watched:
        for path in (root, *root.rglob("*")):
            with contextlib.suppress(OSError):  # gone meanwhile
                state = path.stat()
                found.add((str(path), state.st_mtime_ns, state.st_size))
    return frozenset(found)
