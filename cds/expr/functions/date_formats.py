"""Dates and times in text by a format such as `dd.MM.yyyy` (FHIRPath 3.0, "Date/DateTime String Format Codes")."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import re2

from cds.errors import EvaluationError

#: Each code with the part of a date that it reads and what that looks like: those that the specification requires, and
#: of the optional ones those that mean the same everywhere.
_CODES = {
    "yyyy": ("year", "[0-9]{4}"),
    "yy": ("year", "[0-9]{2}"),
    "MM": ("month", "[0-9]{2}"),
    "M": ("month", "[0-9]{1,2}"),
    "dd": ("day", "[0-9]{2}"),
    "d": ("day", "[0-9]{1,2}"),
    "HH": ("hour", "[0-9]{2}"),
    "H": ("hour", "[0-9]{1,2}"),
    "hh": ("hour12", "[0-9]{2}"),
    "h": ("hour12", "[0-9]{1,2}"),
    "mm": ("minute", "[0-9]{2}"),
    "m": ("minute", "[0-9]{1,2}"),
    "ss": ("second", "[0-9]{2}"),
    "s": ("second", "[0-9]{1,2}"),
    "a": ("half", "(?i:[AP]M?)"),
    "Z": ("offset", "Z|[+-][0-9]{2}:?[0-9]{2}"),
}
_PARTS = ("year", "month", "day", "hour", "minute", "second", "fraction")
_RUN = re2.compile(r"(?s)y+|M+|d+|H+|h+|m+|s+|S+|a+|z+|Z+|.")
_LETTERS = frozenset("yMdHhmsazZ")
_LONGEST = 100
#: Two digits of a year from this on are of the last century.
_PIVOT = 50


@lru_cache(maxsize=256)
def reader(form: str) -> Callable[[str], str | None]:
    """What makes of a text in the format the FHIR date or dateTime that it says, and None of another. Raises
    EvaluationError for a format that is none."""
    if len(form) > _LONGEST:
        raise EvaluationError(f"a format has at most {_LONGEST} characters")
    names: list[str] = []
    pattern = ""
    for run in _RUN.findall(form):
        name, looks = ("fraction", f"[0-9]{{{len(run)}}}") if run[0] == "S" else _CODES.get(run, ("", ""))
        if not name and run[0] in _LETTERS:
            raise EvaluationError(f"'{run}' is no code of a format", hint=f"they are {', '.join(_CODES)} and S, SS ...")
        names += [name] if name else []
        pattern += f"(?P<{name}>{looks})" if name else re2.escape(run)
    _check(form, names)
    matches = re2.compile(pattern).fullmatch

    def read(text: str) -> str | None:
        found = matches(text)
        return None if found is None else _written(found.groupdict())

    return read


def _check(form: str, names: list[str]) -> None:
    known = ["hour" if name == "hour12" else name for name in names]
    for name in dict.fromkeys(known):
        if known.count(name) > 1:
            raise EvaluationError(f"the format '{form}' has the {name} twice")
    if ("half" in known) is not ("hour12" in names):
        raise EvaluationError(f"the format '{form}' needs hh and a together", hint="or HH, the hour of a day")
    wanted = max((_PARTS.index(name) for name in known if name in _PARTS), default=0)
    wanted = max(wanted, _PARTS.index("hour")) if "offset" in known else wanted
    for part in _PARTS[: wanted + 1]:
        if part not in known and part != "fraction":
            raise EvaluationError(f"the format '{form}' has no {part}")


def _written(found: dict[str, str]) -> str | None:
    year, hour = found["year"], found.get("hour")
    if len(year) == 2:
        year = f"{'19' if int(year) >= _PIVOT else '20'}{year}"
    if "hour12" in found:
        half_day = int(found["hour12"])
        if not 1 <= half_day <= 12:
            return None
        hour = str(half_day % 12 + (12 if found["half"][0] in "pP" else 0))
    text = "-".join([year, *(found[name].zfill(2) for name in ("month", "day") if name in found)])
    if hour is None:
        return text
    clock = [hour, *(found[name] for name in ("minute", "second") if name in found)]
    fraction = f".{found['fraction']}" if "fraction" in found else ""
    offset = found.get("offset", "")
    if len(offset) == 5:
        offset = f"{offset[:3]}:{offset[3:]}"
    return f"{text}T{':'.join(part.zfill(2) for part in clock)}{fraction}{offset}"
