"""Why a condition came to its value: what decided it, part by part, and what was looked up on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cds.errors import Location

if TYPE_CHECKING:
    from cds.apply.plan import CompiledAction, Condition
    from cds.expr import Evaluation


@dataclass(frozen=True, slots=True)
class Reason:
    """A part of an expression as it is written, its value as people read it, where it stands, and the parts below it
    that decided the value."""

    text: str
    value: str
    location: Location | None = None
    because: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Lookup:
    """What was looked up in the record: resources of a type, of a value set where one was named (its canonical url).
    `found` are references to them; not `complete` when there may be more."""

    resource_type: str
    value_set: str | None
    found: tuple[str, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Why:
    """The reason of one condition, and its look-ups in their order."""

    reason: Reason
    lookups: tuple[Lookup, ...] = ()


#: Is asked about each condition right after it was judged, in the evaluation that judged it.
Watch = Callable[["CompiledAction", "Condition", "Evaluation"], Why]
