"""The order of business versions of definitions: semantic versions where they look like them, text otherwise."""

from __future__ import annotations

import re

_PART = re.compile(r"[0-9]+|[^0-9.+\-_]+")

VersionKey = tuple[bool, tuple[tuple[bool, int, str], ...], bool, tuple[tuple[bool, int, str], ...]]


def version_key(version: str | None) -> VersionKey:
    """A sort key: no version comes first, `1.9` before `1.10`, and a pre-release (`2.0.0-beta`) before its release."""
    release, dash, rest = (version or "").partition("+")[0].partition("-")
    return version is not None, _parts(release), not dash, _parts(rest)


def _parts(text: str) -> tuple[tuple[bool, int, str], ...]:
    parts = [_part(part) for part in _PART.findall(text[:100])]
    while parts and parts[-1] == (False, 0, ""):
        parts.pop()
    return tuple(parts)


def _part(text: str) -> tuple[bool, int, str]:
    return (False, int(text), "") if text.isdecimal() else (True, 0, text)
