"""The type model expressions see: FHIR types of a release with their elements, and the System types of FHIRPath.

The element models are data (model_r4.json and model_r5.json, proved by tests/expr/test_expr_model.py), each read at
first use.
Type names are plain strings: `Patient`, `code` for FHIR types, `System.String` for System types.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal, get_args

import orjson

Types = frozenset[str]
Release = Literal["R4", "R5"]
RELEASES: tuple[Release, ...] = get_args(Release)

SYSTEM_TYPES = ("Any", "Boolean", "String", "Integer", "Long", "Decimal", "Date", "DateTime", "Time", "Quantity")

#: FHIR primitive -> the primitive it specialises ("" when it stands alone).
PRIMITIVES = {
    "boolean": "",
    "integer": "",
    "positiveInt": "integer",
    "unsignedInt": "integer",
    "integer64": "",
    "decimal": "",
    "string": "",
    "code": "string",
    "id": "string",
    "markdown": "string",
    "uri": "",
    "url": "uri",
    "canonical": "uri",
    "oid": "uri",
    "uuid": "uri",
    "date": "",
    "dateTime": "",
    "instant": "",
    "time": "",
    "base64Binary": "",
    "xhtml": "",
}

TEMPORAL = frozenset({"date", "dateTime", "instant", "time", "System.Date", "System.DateTime", "System.Time"})


class Model:
    """The FHIR types of one release, with derived look-up tables. Immutable after construction."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self._raw = raw
        self._elements: dict[str, dict[str, Types]] = {}
        self._keys: dict[tuple[str, str], tuple[str, bool, frozenset[str]] | None] = {}
        choices: dict[str, dict[str, str]] = {}
        primitive_names: set[str] = set()
        element_names: set[str] = set()
        for _, own in raw.values():
            for name, kinds in own.items():
                element_names.add(name)
                if name.endswith("[x]"):
                    table = choices.setdefault(name[:-3], {})
                    for kind in kinds:
                        table[name[:-3] + kind[0].upper() + kind[1:]] = kind
                        if kind in PRIMITIVES:
                            primitive_names.add(name[:-3])
                elif kinds.rstrip("*") in PRIMITIVES:
                    primitive_names.add(name)
        #: choice element -> {JSON key: type}, over all types: `onset` -> {`onsetDateTime`: `dateTime`, ...}
        self.choices = choices
        self._choice_of = {key: name for name, table in choices.items() for key in table}
        #: element names that hold a primitive in at least one type
        self.primitive_names = frozenset(primitive_names)
        #: every element name but choices
        self.element_names = frozenset(element_names)
        self.resources = frozenset(name for name in raw if self.is_subtype(name, "Resource"))

    def __contains__(self, name: str) -> bool:
        return name in self._raw or name in PRIMITIVES

    def names(self) -> frozenset[str]:
        """Every FHIR type name."""
        return frozenset(self._raw) | frozenset(PRIMITIVES)

    def base(self, name: str) -> str:
        """The direct base type, or "" for a root type."""
        if name in PRIMITIVES:
            return PRIMITIVES[name] or ("PrimitiveType" if "PrimitiveType" in self._raw else "Element")
        return str(self._raw[name][0]) if name in self._raw else ""

    def own(self, name: str) -> dict[str, str | list[str]]:
        """What a type adds to its base, as the data writes it: `{"onset[x]": ["Age", ...], "note": "Annotation*"}`."""
        return self._raw[name][1] if name in self._raw else {}

    def is_subtype(self, name: str, ancestor: str) -> bool:
        """True when `name` is `ancestor` or specialises it."""
        while name:
            if name == ancestor:
                return True
            name = self.base(name)
        return False

    def is_abstract(self, name: str) -> bool:
        """True for the types whose items may have elements of a type that specialises them."""
        return name in ("Resource", "DomainResource", "Element")

    def choice_of(self, key: str) -> str | None:
        """The choice element a JSON key belongs to: `onsetAge` -> `onset`; None for other keys."""
        return self._choice_of.get(key)

    def elements(self, name: str) -> dict[str, Types]:
        """The elements of a type, inherited ones too: element name (choices without `[x]`) -> its possible types."""
        known = self._elements.get(name)
        if known is None:
            base = self.base(name)
            known = dict(self.elements(base)) if base else {}
            for element, kinds in self._raw[name][1].items() if name in self._raw else ():
                if element.endswith("[x]"):
                    known[element[:-3]] = frozenset(kinds)
                else:
                    known[element] = frozenset({kinds.rstrip("*")})
            self._elements[name] = known
        return known

    def key(self, kind: str, key: str) -> tuple[str, bool, frozenset[str]] | None:
        """A JSON member of a type (`occurrencePeriod`): its type, whether it repeats, and the keys of the other forms
        of its choice. None when the type has no such member."""
        try:
            return self._keys[kind, key]
        except KeyError:
            found = self._keys[kind, key] = self._find_key(kind, key)
            return found

    def _find_key(self, kind: str, key: str) -> tuple[str, bool, frozenset[str]] | None:
        while kind in self._raw:
            base, own = self._raw[kind]
            if isinstance(own.get(key), str):
                return own[key].rstrip("*"), own[key].endswith("*"), frozenset()
            for name, kinds in own.items():
                if name.endswith("[x]") and key.startswith(name[:-3]):
                    forms = {name[:-3] + form[0].upper() + form[1:]: form for form in kinds}
                    if key in forms:
                        return forms[key], False, frozenset(forms) - {key}
            kind = base
        return None

    def element(self, types: Types | None, name: str) -> Types | None:
        """The possible types of `name` below any of `types`: empty when none has it, None when that is open."""
        if types is None:
            return None
        found: set[str] = set()
        for kind in types:
            if kind.startswith("System.") or kind not in self or self.is_abstract(kind):
                return None
            found |= self.elements(kind).get(name, frozenset())
        return frozenset(found) if "Resource" not in found else None


def model(release: Release = "R4") -> Model:
    """The model of a FHIR release, read once per process."""
    return _read(release)


@lru_cache
def _read(release: Release) -> Model:
    return Model(orjson.loads(files("cds.expr").joinpath(f"model_{release.lower()}.json").read_bytes()))
