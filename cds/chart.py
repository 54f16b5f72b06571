"""One patient's data for one call: resources by type and by code, what is known complete, and the orders being drafted.

A Chart is built from answers that were already fetched; it does no I/O. Resources that name another patient are left
out and counted (cds-hooks.md P11). A resource the clinician is drafting replaces the server's copy (P16).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from cds import fhir
from cds.expr.elm.values import Partial
from cds.expr.types import model
from cds.fhir import Coding, Resource
from cds.orders import Orders, read_orders
from cds.patient import Patient
from cds.searchset import Searchset


class Completeness(Enum):
    """What is known of one prefetch key (cds-hooks.md P1-P9). Only COMPLETE and EMPTY make an absence a fact."""

    COMPLETE = "complete"
    EMPTY = "empty"
    PARTIAL = "partial"
    FAILED = "failed"
    NEVER = "never asked"

    #: whether an absence is a fact
    known: bool
    #: False when the data could not be obtained at all, so that a required key means 412 (P6)
    available: bool
    #: whether it was asked for and could not be read, or not all of it
    unread: bool

    def __init__(self, word: str) -> None:
        self.known = word in ("complete", "empty")
        self.available = self.known or word == "partial"
        self.unread = word in ("partial", "failed")


class Answer(NamedTuple):
    """What one prefetch key was answered: the resources, of which `resource_type` is the type asked for. `is_pure` says
    that they are of no other type. In the place of `resources` there may be `unread` ones, all of the type."""

    key: str
    resource_type: str
    completeness: Completeness
    resources: Sequence[Resource] = ()
    is_pure: bool = False
    unread: Searchset | None = None


def read_answer(key: str, resource_type: str, prefetch: Mapping[str, Any]) -> Answer:
    """Read `prefetch[key]` by the ladder of P1-P9: absent, null, OperationOutcome, a resource, or a Bundle."""
    if key not in prefetch:
        return _never(key, resource_type)
    value = prefetch[key]
    if value is None:
        return _empty(key, resource_type)
    if value.__class__ is Searchset:
        if value.type != "batch-response" and value.count(resource_type) == len(value.ids):
            partial = _is_partial(value.total, len(value.ids), value.links)
            completeness = Completeness.PARTIAL if partial else Completeness.COMPLETE
            return Answer(key, resource_type, completeness, is_pure=True, unread=value)
        value = value.bundle()
    kind = value.get("resourceType")
    if kind == "OperationOutcome":
        return Answer(key, resource_type, Completeness.FAILED)
    if kind != "Bundle":
        if kind != resource_type:
            return Answer(key, resource_type, Completeness.FAILED)
        return Answer(key, resource_type, Completeness.COMPLETE, (value,), is_pure=True)
    return _read_bundle(key, resource_type, value)


@lru_cache(maxsize=1024)  # most keys of most calls, the same each time
def _never(key: str, resource_type: str) -> Answer:
    return Answer(key, resource_type, Completeness.NEVER)


@lru_cache(maxsize=1024)
def _empty(key: str, resource_type: str) -> Answer:
    return Answer(key, resource_type, Completeness.EMPTY)


def _read_bundle(key: str, resource_type: str, bundle: Mapping[str, Any]) -> Answer:
    """A searchset. Whatever shows that more was found, or that something could not be had, makes it partial; a Bundle
    of other things is no answer."""
    entry = bundle.get("entry", [])
    if not isinstance(entry, list) or bundle.get("type") == "batch-response":
        return Answer(key, resource_type, Completeness.FAILED)
    resources, asked = _pure(entry, resource_type)
    if asked < len(entry):
        resources = fhir.bundle_resources(bundle)
        asked = [resource["resourceType"] for resource in resources].count(resource_type)
        if asked < len(resources):
            resources = [resource for resource in resources if resource["resourceType"] != "OperationOutcome"]
    if resources and not asked:
        return Answer(key, resource_type, Completeness.FAILED)
    partial = len(resources) < len(entry) or _is_partial(bundle.get("total"), asked, bundle.get("link"))
    completeness = Completeness.COMPLETE if resources else Completeness.EMPTY
    if partial:
        completeness = Completeness.PARTIAL
    return Answer(key, resource_type, completeness, resources, is_pure=asked == len(resources))


def _is_partial(total: Any, held: int, links: Any) -> bool:
    """Whether a searchset says that more was found than the `held` resources."""
    return (isinstance(total, int) and total > held) or fhir.next_link(links) is not None


def _pure(entry: list[Any], resource_type: str) -> tuple[list[Resource], int]:
    """The resources of a usual Bundle, and how many are of the type. Nothing is looked at that all have: what is no
    such Bundle fails on the way, or has fewer of the type than entries."""
    try:
        resources = [item["resource"] for item in entry]
        return resources, [resource["resourceType"] for resource in resources].count(resource_type)
    except (KeyError, TypeError):
        return [], -1


def _in_order(resources: Collection[Resource]) -> list[Resource]:
    """Resources of one type in the order of their ids."""
    if len(resources) < 2:
        return list(resources)
    identifiers = [resource.get("id") for resource in resources]
    return sorted(resources, key=itemgetter("id") if set(map(type, identifiers)) <= _TEXT else fhir.sort_key)


_TEXT = {str}


def _single_codes(resources: Collection[Resource], path: str) -> list[str] | None:
    """The code of each resource where all have one coding, which is the usual case; else None. Any other shape fails on
    the way, so that nothing need be called for a resource."""
    try:
        codes = [coding["code"] for resource in resources for [coding] in (resource[path]["coding"],)]
    except (KeyError, TypeError, ValueError):
        return None
    return codes if set(map(type, codes)) <= _TEXT else None


@lru_cache(maxsize=1024)
def _bare(codes: frozenset[Coding]) -> frozenset[str]:
    """The codes of a value set without their systems; kept for the value sets of the content."""
    return frozenset(code for _, code in codes)


@dataclass(slots=True)
class Chart:
    """See the module docstring. `complete` says that nothing exists beyond the given resources (a Bundle on disk)."""

    patient: Patient
    orders: Orders
    answers: dict[str, Answer]
    complete: bool
    dropped: int
    _record: dict[str, list[Resource]]
    _unread: dict[str, Searchset]
    _complete: Mapping[str, bool]
    _by_type: dict[str, list[Resource]] = field(default_factory=dict)
    _by_code: dict[tuple[str, str], dict[str, list[Resource]]] = field(default_factory=dict)
    _by_id: dict[str, dict[str, Resource]] = field(default_factory=dict)
    _by_url: dict[str, Resource] = field(default_factory=dict)

    def of_type(self, resource_type: str) -> list[Resource]:
        """Every resource of that type in the patient's record, drafts of this call excluded, in order of id: the same
        data in another order must give the same answer."""
        found = self._by_type.get(resource_type)
        if found is None:
            found = self._by_type[resource_type] = _in_order(self._held(resource_type))
        return found

    def _held(self, resource_type: str) -> Sequence[Resource]:
        """The resources of the type in the record. Those that were not yet read are."""
        unread = self._unread.pop(resource_type, None)
        if unread is not None:
            self._record[resource_type] = unread.resources()
            self._by_id.pop(resource_type, None)
        return self._record.get(resource_type, ())

    def is_complete(self, resource_type: str) -> bool:
        """True when an absence among resources of that type is a fact: asked for, answered, no page left out."""
        return self.complete or self._complete.get(resource_type, False)

    def retrieve(self, resource_type: str, path: str, codes: frozenset[Coding] | None) -> list[Resource]:
        """Resources of a type whose element at `path` (a CodeableConcept or Coding, or for `medication` a reference to
        one) has a coding in `codes`; with `codes` None, all of the type. Found through an index, in order of id."""
        if codes is None:
            return self.of_type(resource_type)
        if resource_type in self._unread:
            coded = self._unread[resource_type].coded(path, codes, _bare(codes))
            if coded is not None:
                return _in_order(coded)
        elif resource_type not in self._record:
            return []
        index = self._by_code.get((resource_type, path))
        if index is None:
            index = self._by_code[resource_type, path] = self._index(resource_type, path)
        bare = _bare(codes)
        found = bare.intersection(index)
        if not found:
            return []
        hits = {
            id(resource): resource
            for code in found
            for resource in index[code]
            if not codes.isdisjoint(fhir.codings(self._elements(resource, path)))
        }
        return _in_order(hits.values())

    def uncoded(self, resource_type: str, name: str, systems: frozenset[str]) -> list[Resource] | None:
        """The resources of a type whose element `name` has no code of the systems, in order of id. None where all are
        read already, or must be."""
        unread = self._unread.get(resource_type)
        found = None if unread is None else unread.uncoded(name, systems)
        return None if found is None else _in_order(found)

    def having(self, resource_type: str, name: str) -> list[Resource] | None:
        """The resources of a type that have the element `name`, as it is called in JSON, in order of id. None as for
        uncoded()."""
        unread = self._unread.get(resource_type)
        found = None if unread is None else unread.having(name)
        return None if found is None else _in_order(found)

    def _index(self, resource_type: str, path: str) -> dict[str, list[Resource]]:
        """Resources by bare code: their system is looked at only where the code is wanted."""
        index: dict[str, list[Resource]] = {}
        get = index.get
        direct = model().key(resource_type, path) is not None
        resources = self._held(resource_type)
        single = _single_codes(resources, path) if direct else None
        if single is not None:
            by_code = defaultdict(list)
            for only, resource in zip(single, resources, strict=True):
                by_code[only].append(resource)
            return by_code
        for resource in resources:
            element = resource.get(path) if direct else self._elements(resource, path)
            if element is None:
                continue
            codings = element.get("coding") if element.__class__ is dict else None
            if codings.__class__ is list and len(codings) == 1 and codings[0].__class__ is dict:
                code = codings[0].get("code")  # by far the most frequent form, without a call
                codes: Sequence[str] = (code,) if code.__class__ is str else ()
            else:
                codes = [code for _, code in fhir.codings(element)]
            for code in codes:
                found = get(code)
                if found is None:
                    index[code] = [resource]
                else:
                    found.append(resource)
        return index

    def _elements(self, resource: Resource, path: str) -> Any:
        if path == "medication":
            concept = resource.get("medicationCodeableConcept")
            reference = fhir.reference_of(resource.get("medicationReference"))
            if concept is None and reference is not None:
                medication = self.resolve(reference, resource)
                return medication.get("code") if medication else None
            return concept
        found: list[Any] = [resource]
        for name in path.split("."):
            keys = (name, f"{name}CodeableConcept", f"{name}Coding") if name in model().choices else (name,)
            elements = [element for element in found if isinstance(element, dict)]
            found = [item for element in elements for key in keys for item in fhir.as_list(element.get(key))]
        return found

    def resolve(self, reference: str, container: Resource | None = None) -> Resource | None:
        """The resource that a literal reference names: contained in `container`, drafted in this call, or in the
        record. None when it is not here; nothing is ever fetched (security.md E6)."""
        if reference.startswith("#"):
            return fhir.contained(container, reference) if container is not None else None
        by_url = self._by_url.get(reference)
        if by_url is not None:
            return by_url
        key = fhir.reference_key(reference)
        if key is None:
            return None
        resource_type, identifier = key
        index = self._by_id.get(resource_type)
        if index is None:
            index = self._by_id[resource_type] = self._ids(resource_type)
        found = index.get(identifier)
        if found is None and resource_type in self._unread:
            return self._unread[resource_type].find(identifier)
        return found

    def _ids(self, resource_type: str) -> dict[str, Resource]:
        """The resources that are read, by id."""
        orders = self.orders
        drafted = (*orders.others, *orders.drafts, *orders.appointments)
        every = (*self._record.get(resource_type, ()), *(r for r in drafted if r["resourceType"] == resource_type))
        return {resource["id"]: resource for resource in every if isinstance(resource.get("id"), str)}


class Retrieves:
    """A Chart as the data behind the retrieves of CQL: a list that is not known to be complete is a Partial."""

    __slots__ = ("_chart",)

    def __init__(self, chart: Chart) -> None:
        self._chart = chart

    def retrieve(
        self, resource_type: str, path: str | None, codes: frozenset[Coding] | None, _value_set: str | None
    ) -> list[Resource]:
        """As Chart.retrieve()."""
        found = self._chart.retrieve(resource_type, path or "", codes)
        return found if self._chart.is_complete(resource_type) else Partial(found)

    def uncoded(self, resource_type: str, name: str, systems: frozenset[str]) -> list[Resource] | None:
        """As Chart.uncoded()."""
        return self._told(resource_type, self._chart.uncoded(resource_type, name, systems))

    def having(self, resource_type: str, name: str) -> list[Resource] | None:
        """As Chart.having()."""
        return self._told(resource_type, self._chart.having(resource_type, name))

    def _told(self, resource_type: str, found: list[Resource] | None) -> list[Resource] | None:
        return found if found is None or self._chart.is_complete(resource_type) else Partial(found)


def build(
    patient: Patient,
    answers: Iterable[Answer],
    context: Mapping[str, Any] | None = None,
    *,
    complete: bool = False,
    urls: Mapping[str, Resource] | None = None,
) -> Chart:
    """A Chart of `patient` from what was answered and the call's context. `urls` maps full urls of a Bundle to their
    resources, for references of that form."""
    orders = read_orders(context or {}, patient)
    by_key = {answer.key: answer for answer in answers}
    types = [answer.resource_type for answer in by_key.values() if answer.resources or answer.unread]
    known: dict[str, bool] = {}
    by_type: dict[str, dict[str, Resource]] = {}
    unread: dict[str, Searchset] = {}
    nameless: list[Resource] = []
    dropped = orders.dropped
    for answer in by_key.values():
        kind, resources = answer.resource_type, answer.resources
        known[kind] = known.get(kind, True) and answer.completeness.known
        if answer.unread is not None:
            if types.count(kind) == 1 and _is_plain(answer.unread, kind, patient, orders):
                unread[kind] = answer.unread
                continue
            resources = answer.unread.resources()
        if not resources:
            continue
        resources, foreign = _own(resources, patient)
        dropped += foreign
        found = _by_id(resources) if answer.is_pure and kind not in by_type else None
        if found is not None:
            by_type[kind] = found
        else:
            _file(resources, by_type, nameless)
    for kind in unread.keys() & {*by_type, *(resource["resourceType"] for resource in nameless)}:
        _file(unread.pop(kind).resources(), by_type, nameless)
    for kind, identifier in orders.ids:
        by_type.get(kind, {}).pop(identifier, None)
    record = {kind: list(found.values()) for kind, found in by_type.items()}
    for resource in nameless:
        record.setdefault(resource["resourceType"], []).append(resource)
    by_url = {url: resource for url, resource in (urls or {}).items() if not patient.is_foreign(resource)}
    return Chart(patient, orders, by_key, complete, dropped, record, unread, known, _by_url=by_url)


def _is_plain(unread: Searchset, resource_type: str, patient: Patient, orders: Orders) -> bool:
    """Whether each resource is one of its own: the patient's, and no other's version."""
    drafted = (identifier for kind, identifier in orders.ids if kind == resource_type)
    distinct = set(unread.ids)
    return len(distinct) == len(unread.ids) and unread.is_about(patient.reference) and distinct.isdisjoint(drafted)


def _own(resources: Sequence[Resource], patient: Patient) -> tuple[Sequence[Resource], int]:
    """The resources that name no other patient, and how many do."""
    try:  # nearly every subject is written this way: no more than one look at each is needed
        if [resource["subject"]["reference"] for resource in resources].count(patient.reference) == len(resources):
            return resources, 0
    except (KeyError, TypeError):
        pass
    doubtful = [
        resource
        for resource in resources
        if (subject := resource.get("subject")).__class__ is not dict or subject.get("reference") != patient.reference
    ]
    foreign = {id(resource) for resource in doubtful if patient.is_foreign(resource)}
    if not foreign:
        return resources, 0
    kept = [resource for resource in resources if id(resource) not in foreign]
    return kept, len(resources) - len(kept)


def _by_id(resources: Sequence[Resource]) -> dict[str, Resource] | None:
    """The resources by id where each has one of its own, which is the usual case; else None."""
    try:
        found = {resource["id"]: resource for resource in resources}
    except (KeyError, TypeError):
        return None
    return found if len(found) == len(resources) and set(map(type, found)) <= _TEXT else None


def _file(resources: Sequence[Resource], by_type: dict[str, dict[str, Resource]], nameless: list[Resource]) -> None:
    """File the resources by type and id; of those with the same id the latest one counts."""
    for resource in resources:
        identifier = resource.get("id")
        if identifier.__class__ is str:
            of_type = by_type.setdefault(resource["resourceType"], {})
            known = of_type.setdefault(identifier, resource)
            if known is not resource and fhir.version(resource) > fhir.version(known):
                of_type[identifier] = resource
        else:
            nameless.append(resource)
