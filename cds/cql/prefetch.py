"""Data that a call brings as the answers to searches (`prefetchData` of CPG and of Using CQL with FHIR): known complete
where they cover what is asked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cds import fhir
from cds.chart import Answer, Completeness, read_answer
from cds.cql.call import Call, Sent, parts, refused
from cds.errors import did_you_mean
from cds.expr.types import model
from cds.fhir import Resource
from cds.hooks.prefetch import PATIENT, key_of

#: Elements of a DataRequirement that leave out resources of its type.
_FILTERS = ("codeFilter", "dateFilter", "limit")
_WORDS = frozenset({"id", "extension", "display", "userSelected"})

#: What was not prefetched: no type is its own, and not everything is known.
_THE_REST = Answer("rest", "", Completeness.NEVER)


@dataclass(frozen=True, slots=True)
class Prefetched:
    """One `prefetchData`: its key, the type of resource it was asked for (None for a key that names a parameter only),
    the filters it was asked with, and what was found: None says that there is nothing."""

    key: str
    resource_type: str | None
    filters: frozenset[str]
    bundle: Resource | None
    pointer: str

    def sent(self) -> list[Sent]:
        """Its resources as parameters of a call."""
        found = fhir.bundle_resources(self.bundle) if self.bundle is not None else []
        return [Sent({"name": self.key, "resource": resource}, self.pointer) for resource in found]


def read_prefetched(call: Call, parameters: Iterable[str] = ()) -> tuple[Prefetched, ...]:
    """Each `prefetchData` of a call. A key is one of a service's prefetch, or names one of the `parameters` of
    Libraries. Raises RequestError 400 for what is not understood, and where there is `data` beside it."""
    names = frozenset(parameters)
    found = tuple(_read(sent, names) for sent in call.all("prefetchData"))
    if found and call.resource("data", "Bundle") is not None:
        raise refused("structure", "Send the data as 'data' or as 'prefetchData', not as both", call.pointer("data"))
    return found


def _read(sent: Sent, parameters: frozenset[str]) -> Prefetched:
    own = Call(parts(sent), ("key", "descriptor", "data"))
    key, bundle = own.text("key"), own.resource("data", "Bundle")
    for descriptor in own.all("descriptor"):
        requirement = descriptor.parameter.get("valueDataRequirement")
        kind = requirement.get("type") if isinstance(requirement, dict) else None
        if not isinstance(requirement, dict) or kind not in model().resources:
            pointer = f"{descriptor.pointer}/valueDataRequirement"
            raise refused("structure", "'descriptor' must be a DataRequirement for a type of resource", pointer)
        return Prefetched(key or "", str(kind), _filters(requirement), bundle, sent.pointer)
    if key is None:
        raise refused("required", "'prefetchData' needs a 'key' or a 'descriptor'", sent.pointer)
    found = _types().get(key)
    if found is None and key not in parameters:
        place = next(one for one in own.all("key"))
        neither = " and no parameter of a Library" if parameters else ""
        text = f"The key is none of a prefetch{neither}: say what it is by a 'descriptor'"
        raise refused("not-found", text, f"{place.pointer}/valueString", did_you_mean(key, [*_types(), *parameters]))
    return Prefetched(key, found, frozenset(), bundle, sent.pointer)


@lru_cache
def _types() -> dict[str, str]:
    """The types by the keys that our services ask for them."""
    return {key_of(kind): kind for kind in model().resources} | {PATIENT.key: PATIENT.resource_type}


def _filters(requirement: Mapping[str, Any]) -> frozenset[str]:
    """What a requirement leaves out of its type, in a form to compare: words for people do not count."""
    found = [_bare({name: one}) for name in _FILTERS for one in fhir.as_list(requirement.get(name))]
    return frozenset(json.dumps(one, default=str, sort_keys=True) for one in found)


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _bare(one) for name, one in value.items() if name not in _WORDS}
    return sorted(map(_bare, value), key=str) if isinstance(value, list) else value


def answers_of(
    prefetched: Sequence[Prefetched], needs: Iterable[Mapping[str, Any]]
) -> tuple[tuple[Answer, ...], dict[str, Resource]]:
    """What the answers say, and their resources by full url. A type is known complete where they have all of it, or all
    that the `needs` (the data requirements of what is evaluated) ask for; of other types nothing is known, and what a
    page or filter may have left out is open."""
    given: dict[str, set[frozenset[str]]] = {}
    for one in prefetched:
        if one.resource_type is not None:
            given.setdefault(one.resource_type, set()).add(one.filters)
    asked: dict[str, set[frozenset[str]]] = {}
    for need in needs:
        asked.setdefault(str(need.get("type")), set()).add(_filters(need))
    covered = {kind for kind, sets in given.items() if frozenset() in sets or (kind in asked and asked[kind] <= sets)}
    answers = [*(_answer(index, one, covered) for index, one in enumerate(prefetched)), _THE_REST]
    urls = {url: found for one in prefetched for url, found in fhir.full_urls(one.bundle).items()}
    return tuple(answers), urls


def _answer(index: int, one: Prefetched, covered: set[str]) -> Answer:
    key = str(index)
    if one.resource_type is None:
        return Answer(key, "", Completeness.PARTIAL, fhir.bundle_resources(one.bundle or {}))
    answer = read_answer(key, one.resource_type, {key: one.bundle})
    if answer.completeness.known and one.resource_type not in covered:
        return Answer(key, one.resource_type, Completeness.PARTIAL, answer.resources)
    return answer
