"""A searchset of a request as it came; its resources are read when they are asked for.

Most of what an EHR prefetches has nothing to do with what is being decided. So of each resource only that is read at
first which tells whether it is wanted: type, id, subject, and the codes of a few elements. What is not of the usual
form is no Searchset: it is read whole, and the tolerant way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Literal, NamedTuple

import msgspec

from cds.body import decode_part
from cds.fhir import Coding, Resource

#: A text shorter than this is read as quickly whole.
_SHORT = 2048
#: The levels of a request above a prefetched Bundle, and those above the resources in it.
_ABOVE_BUNDLE, _ABOVE_RESOURCE = 2, 5


class _Reference(msgspec.Struct, gc=False):
    reference: str


class _Coding(msgspec.Struct, gc=False):
    system: str | None = None
    code: str | None = None


class _Concept(msgspec.Struct, gc=False):
    coding: list[_Coding] = []
    # A Coding in the place of a CodeableConcept is not of the usual form.
    system: None = None
    code: None = None


class _Component(msgspec.Struct, gc=False, rename="camel"):
    """Of an Observation."""

    code: _Concept | None = None
    value: Any = None
    value_codeable_concept: _Concept | None = None
    value_coding: Any = None


class _Outline(msgspec.Struct, gc=False, rename="camel"):
    """What is read of a resource at first. An element of another form makes the decoder refuse the searchset."""

    resource_type: str
    id: str
    subject: _Reference
    code: _Concept | None = None
    medication_codeable_concept: _Concept | None = None
    medication_reference: Any = None
    value: Any = None
    value_codeable_concept: _Concept | None = None
    value_coding: Any = None
    value_string: Any = None
    component: list[_Component] = []


class _Entry(msgspec.Struct, gc=False):
    resource: _Outline


class _Bundle(msgspec.Struct, gc=False, rename="camel"):
    resource_type: Literal["Bundle"]
    entry: list[_Entry]
    type: str | None = None
    total: int | None = None
    link: Any = None


class _TextEntry(msgspec.Struct, gc=False):
    resource: msgspec.Raw


class _TextBundle(msgspec.Struct, gc=False):
    entry: list[_TextEntry]


_outlined = msgspec.json.Decoder(_Bundle).decode
_cut = msgspec.json.Decoder(_TextBundle).decode

_CODE = attrgetter("code"), ()
_MEDICATION = attrgetter("medication_codeable_concept"), (attrgetter("medication_reference"),)
_VALUE = attrgetter("value_codeable_concept"), (attrgetter("value"), attrgetter("value_coding"))
#: By the path of a retrieve: the concept whose codes it is about, and what says them in another way; of a resource, and
#: of its components.
_PATHS: dict[str, tuple[Callable[[Any], _Concept | None], tuple[Callable[[Any], Any], ...]]] = {
    "code": _CODE,
    "medication": _MEDICATION,
    "value": _VALUE,
    "component.code": _CODE,
    "component.value": _VALUE,
}


#: Elements of which it is known whether a resource has them.
_ELEMENTS: dict[str, Callable[[_Outline], Any]] = {
    "valueCodeableConcept": attrgetter("value_codeable_concept"),
    "valueString": attrgetter("value_string"),
}


class _Codings(NamedTuple):
    """Every coding at a path, the index of the resource that each is of, and the codes there are."""

    written: list[_Coding]
    owners: Sequence[int]
    distinct: frozenset[str | None]


class Searchset:
    """See the module docstring. It belongs to one call."""

    __slots__ = (
        "_bundle",
        "_codings",
        "_depth",
        "_outlines",
        "_read",
        "_text",
        "_texts",
        "ids",
        "links",
        "total",
        "type",
    )

    def __init__(self, text: msgspec.Raw, bundle: _Bundle, max_depth: int) -> None:
        self._text = text
        self._depth = max_depth
        self._outlines = [entry.resource for entry in bundle.entry]
        self._texts: list[_TextEntry] = []
        self._bundle: Resource | None = None
        self._read: dict[int, Resource] = {}
        self._codings: dict[str, _Codings | None] = {}
        #: the ids of the resources, in the order of the entries
        self.ids = [outline.id for outline in self._outlines]
        self.type = bundle.type
        self.total = bundle.total
        #: Bundle.link as it was sent
        self.links = bundle.link

    def count(self, resource_type: str) -> int:
        """How many of the resources are of that type."""
        return [outline.resource_type for outline in self._outlines].count(resource_type)

    def is_about(self, reference: str) -> bool:
        """Whether all resources name this as their subject, in these words."""
        return [outline.subject.reference for outline in self._outlines].count(reference) == len(self._outlines)

    def refers_to_medications(self) -> bool:
        """Whether one of the resources has its medicine as a reference."""
        return any(outline.medication_reference is not None for outline in self._outlines)

    def bundle(self) -> Resource:
        """All of it. Raises RequestError, as each method that reads does (400), for what is nested too deeply or holds
        a number that is none."""
        if self._bundle is None:
            self._bundle = decode_part(bytes(self._text), self._depth, _ABOVE_BUNDLE)
        return self._bundle

    def resources(self) -> list[Resource]:
        """All resources, in the order of the entries. Raises RequestError."""
        if len(self._read) < len(self.ids):
            every = {index: entry["resource"] for index, entry in enumerate(self.bundle()["entry"])}
            self._read = {**every, **self._read}  # one that was asked for before stays the same object
        return [self._read[index] for index in range(len(self.ids))]

    def find(self, identifier: str) -> Resource | None:
        """The resource of that id, if there is one. Raises RequestError."""
        return self._resource(self.ids.index(identifier)) if identifier in self.ids else None

    def coded(self, path: str, codes: frozenset[Coding], bare: frozenset[str]) -> list[Resource] | None:
        """The resources whose element at `path` has one of the codes, which are `bare` without their systems. None when
        that cannot be told without reading all of them. Raises RequestError."""
        codings = self._codings_of(path)
        if codings is None:
            return None
        found = bare & codings.distinct
        if not found:
            return []
        hits = {
            owner: None
            for coding, owner in zip(codings.written, codings.owners, strict=True)
            if coding.code in found and (coding.system, coding.code) in codes
        }
        return [self._resource(owner) for owner in hits]

    def uncoded(self, name: str, systems: frozenset[str]) -> list[Resource] | None:
        """The resources whose element `name` has no code of the systems. None as for coded(). Raises RequestError."""
        codings = self._codings_of(name) if name == "code" else None
        if codings is None:
            return None
        coded = {
            owner
            for coding, owner in zip(codings.written, codings.owners, strict=True)
            if coding.system in systems and coding.code is not None
        }
        return [self._resource(index) for index in range(len(self.ids)) if index not in coded]

    def having(self, name: str) -> list[Resource] | None:
        """The resources that have the element `name`, as it is called in JSON. None as for coded(). Raises
        RequestError."""
        element = _ELEMENTS.get(name)
        if element is None:
            return None
        return [self._resource(index) for index, outline in enumerate(self._outlines) if element(outline) is not None]

    def _codings_of(self, path: str) -> _Codings | None:
        if path not in self._codings:
            self._codings[path] = self._codings_at(path)
        return self._codings[path]

    def _codings_at(self, path: str) -> _Codings | None:
        if path not in _PATHS:
            return None
        concept, others = _PATHS[path]
        holders: list[Any] = self._outlines
        owners: Sequence[int] = range(len(holders))
        if path.startswith("component."):
            owners = [index for index, outline in enumerate(self._outlines) for _ in outline.component]
            holders = [component for outline in self._outlines for component in outline.component]
        if any(other(holder) is not None for other in others for holder in holders):
            return None
        said = list(map(concept, holders))
        try:  # nearly always each has one, and none need be counted
            written = [coding for one in said for [coding] in (one.coding,)]  # type: ignore[union-attr]
        except (AttributeError, ValueError):
            owners = [owner for one, owner in zip(said, owners, strict=True) if one is not None for _ in one.coding]
            written = [coding for one in said if one is not None for coding in one.coding]
        return _Codings(written, owners, frozenset([coding.code for coding in written]))

    def _resource(self, index: int) -> Resource:
        known = self._read.get(index)
        if known is None:
            self._texts = self._texts or _cut(self._text).entry
            text = bytes(self._texts[index].resource)
            known = self._read[index] = decode_part(text, self._depth, _ABOVE_RESOURCE)
        return known


def searchset(text: msgspec.Raw, max_depth: int) -> Searchset | None:
    """The searchset that a JSON text of UTF-8 holds; None for anything else, and for what had better be read whole.
    `max_depth` is the number of levels that the whole request may have."""
    if len(memoryview(text)) < _SHORT:
        return None
    try:
        bundle = _outlined(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return Searchset(text, bundle, max_depth) if bundle.entry else None


def whole(value: Resource | Searchset | None) -> Resource | None:
    """What a prefetch key was answered, read. Raises RequestError."""
    return value.bundle() if isinstance(value, Searchset) else value
