"""CQL values as parameters of a FHIR Parameters resource (Using CQL with FHIR 4.3, FHIR Type Mapping)."""

from __future__ import annotations

from typing import Any

import orjson

from cds.cql.datatypes import value_of
from cds.cql.kinds import LONG, specific, type_name
from cds.errors import Issue, RequestError
from cds.expr import to_json
from cds.expr.elm.casts import shape_test
from cds.expr.elm.specifiers import ChoiceOf, IntervalOf, ListOf, Named, TupleOf, Type, element_of, fhir_name
from cds.expr.elm.values import Tuple
from cds.expr.types import PRIMITIVES, model
from cds.fhir import written

CQL_TYPE = "http://hl7.org/fhir/StructureDefinition/cqf-cqlType"
EMPTY_LIST = "http://hl7.org/fhir/StructureDefinition/cqf-isEmptyList"
EMPTY_TUPLE = "http://hl7.org/fhir/StructureDefinition/cqf-isEmptyTuple"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"

#: Bytes of values in an answer (as for $fhirpath).
MAX_RESULTS = 16 * 1024 * 1024
_OVERHEAD = 100
#: Types that elements of more special types are called by.
_OPEN = frozenset({"Element", "BackboneElement"})

Part = dict[str, Any]


class Renderer:
    """Renders the results of one call."""

    def __init__(self) -> None:
        self._model = model()
        self._forms = self._model.elements("ParametersParameter")["value"]
        self._room = MAX_RESULTS

    def parameters(self, name: str, value: Any, kind: Type | None) -> list[Part]:
        """The parameters that a result becomes: one, or one for each item of a list. An empty list of which nobody
        knows that it is empty is null.

        Raises RequestError 422 when the values are more than an answer can hold."""
        known = specific(kind, value)
        if not isinstance(value, list):
            return [self._typed(name, value, known)]
        if not value:
            return [_part(name, _type_of(known), **_marked(EMPTY_LIST) if type(value) is list else _null())]
        inner = element_of(known)
        # Each interval says its own type, which its Period or Range does not; otherwise the first item says the list's.
        if isinstance(inner, IntervalOf):
            return [self._typed(name, item, inner) for item in value]
        parts = [self._part(name, item, inner) for item in value]
        told = len(parts) if isinstance(inner, ListOf) else 1
        return [*(_said(part, known) for part in parts[:told]), *parts[told:]]

    def _typed(self, name: str, value: Any, kind: Type | None) -> Part:
        """A parameter that tells its CQL type, unless it is FHIR's own."""
        part = self._part(name, value, kind)
        known = specific(kind, value)
        return part if fhir_name(known) is not None or "extension" in part else _said(part, known)

    def _part(self, name: str, value: Any, kind: Type | None) -> Part:
        """A parameter or part: its type is told only where the form it takes in FHIR has several."""
        self._spend(_OVERHEAD)
        known = specific(kind, value)
        if isinstance(value, list):
            inner = element_of(known)
            if not value:
                return _part(name, [], **_marked(EMPTY_LIST) if type(value) is list else _null())
            return _part(name, [], part=[self._part("element", item, inner) for item in value])
        if isinstance(value, Tuple):
            return self._tuple(name, value, known)
        if type(value) is dict:
            return self._element(name, value, known)
        told = isinstance(known, IntervalOf) or known == LONG
        return _part(name, _type_of(known) if told and value is not None else [], **self._value(value, known))

    def _tuple(self, name: str, value: Tuple, kind: Type | None) -> Part:
        if not value.elements:
            return _part(name, [], **_marked(EMPTY_TUPLE))
        kinds = dict(kind.elements) if isinstance(kind, TupleOf) else {}
        parts: list[Part] = []
        for element, item in value.elements.items():
            inner = kinds.get(element)
            if isinstance(item, list) and item:
                parts += [self._part(element, one, element_of(specific(inner, item))) for one in item]
            else:
                parts.append(self._part(element, item, inner))
        return _part(name, [], part=parts)

    def _value(self, value: Any, kind: Type | None) -> Part:
        """The value[x] of what is neither list, tuple nor FHIR element."""
        if value is None:
            return _null()
        fhir = fhir_name(kind)
        if fhir is not None and fhir in self._forms:
            return {_key(fhir): self._written(to_json(value, exact=True))}
        form = value_of(value, kind)
        for content in form.values():
            self._spend(len(content) if isinstance(content, str) else 0)
        return form

    def _element(self, name: str, value: dict[str, Any], kind: Type | None) -> Part:
        """A resource, a FHIR element that value[x] can hold, or another element as parts."""
        if isinstance(value.get("resourceType"), str):
            return _part(name, [], resource=self._json(value))
        fhir = self._fhir_type(value, kind)
        if fhir in self._forms and fhir != "Extension":
            return _part(name, [], **{_key(fhir): self._json(value)})
        parts: list[Part] = []
        for member, content in value.items():
            if not member.startswith("_"):
                found = self._model.key(fhir, member)
                inner = Named(f"FHIR.{found[0]}") if found else None
                element = self._model.choice_of(member) or member
                items = content if isinstance(content, list) else [content]
                parts += [self._part(element if found else member, item, inner) for item in items]
        return _part(name, [], **{"part": parts} if parts else _marked(EMPTY_TUPLE))

    def _fhir_type(self, value: dict[str, Any], kind: Type | None) -> str:
        """The FHIR type of an element: the first that has its members where the type is a choice, or says only that it
        is an element."""
        known = fhir_name(kind)
        if known is not None and known not in _OPEN:
            return known
        if isinstance(kind, ChoiceOf):
            names = [found for choice in kind.choices if (found := fhir_name(choice)) and found in self._model]
        else:
            elements = self._model.names() - self._model.resources
            names = sorted(elements, key=lambda name: (name not in self._forms, name))
        names = [found for found in names if found not in PRIMITIVES and found not in _OPEN]
        return next((found for found in names if shape_test(self._model, found, names)(value)), "")

    def _json(self, value: dict[str, Any]) -> orjson.Fragment:
        text = orjson.dumps(value, default=written)
        self._spend(len(text))
        return orjson.Fragment(text)

    def _written(self, value: Any) -> Any:
        self._spend(len(value) if isinstance(value, str) else 0)
        return value

    def _spend(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise RequestError(422, Issue("too-costly", f"The results are larger than {MAX_RESULTS} bytes"))


def _key(kind: str) -> str:
    return f"value{kind[0].upper()}{kind[1:]}"


def _type_of(kind: Type | None) -> list[Part]:
    return [{"url": CQL_TYPE, "valueString": type_name(kind)}]


def _said(part: Part, kind: Type | None) -> Part:
    """The parameter, with its CQL type."""
    return {"name": part["name"], "extension": _type_of(kind), **{key: part[key] for key in part if key != "extension"}}


def _part(name: str, extensions: list[Part], **value: Any) -> Part:
    return {"name": name, **({"extension": extensions} if extensions else {}), **value}


def _marked(url: str) -> Part:
    """What stands for an empty list or tuple."""
    return {"_valueBoolean": {"extension": [{"url": url, "valueBoolean": True}]}}


def _null(reason: str = "unknown") -> Part:
    return {"_valueBoolean": {"extension": [{"url": ABSENT, "valueCode": reason}]}}
