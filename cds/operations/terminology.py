"""The operations `ValueSet/$expand` and `ValueSet/$validate-code` on the loaded value sets (FHIR R4)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cds import fhir
from cds.cql.call import Call, Sent, refused
from cds.definitions.snapshot import Snapshot
from cds.errors import Issue, RequestError
from cds.fhir import Resource
from cds.operations.definitions import find_by_id
from cds.terminology import ValueSet

_WHICH = ("url", "valueSetVersion")
_ABOUT = ("id", "url", "version", "name", "title", "status")
#: Parameters of the standard that change nothing here: sets are flat lists of codes with one display each.
_UNUSED = (
    "includeDesignations",
    "includeDefinition",
    "activeOnly",
    "excludeNested",
    "excludeNotForUI",
    "excludePostCoordinated",
    "displayLanguage",
    "abstract",
)
_UNBUILT = frozenset(
    "valueSet context contextDirection date designation exclude-system system-version check-system-version"
    " force-system-version systemVersion".split()
)
_EXPAND = (*_WHICH, *_UNUSED, "filter", "offset", "count")
_VALIDATE = (*_WHICH, *_UNUSED, "code", "system", "display", "coding", "codeableConcept")


def expand(sent: Sequence[Sent], snapshot: Snapshot, now: datetime, identifier: str | None = None) -> Resource:
    """Answer `$expand`: the value set with its members, as far as `filter` (part of a display or code), `offset` and
    `count` ask for them. Raises RequestError 400, 404 for one that is not loaded, 501 for what is not built."""
    call = Call(_built(sent), _EXPAND)
    resource, value_set = _chosen(call, snapshot, identifier)
    text = (call.text("filter") or "").lower()
    members = [
        {"system": system, "code": code, **({"display": display} if display else {})}
        for (system, code), display in value_set.displays.items()
        if text in (display or "").lower() or text in code.lower()
    ]
    offset, count = _number(call, "offset", 0), _number(call, "count", len(members))
    page = members[offset : offset + count]
    about: dict[str, Any] = {name: resource[name] for name in _ABOUT if name in resource}
    expansion: dict[str, Any] = {"timestamp": now.isoformat(), "total": len(members), "offset": offset}
    return {
        "resourceType": "ValueSet",
        **about,
        "expansion": {**expansion, "contains": page} if page else expansion,
    }


def validate_code(sent: Sequence[Sent], snapshot: Snapshot, identifier: str | None = None) -> Resource:
    """Answer `$validate-code`: whether the code, or one of the concept's, is in the value set. Raises as expand()."""
    call = Call(_built(sent), _VALIDATE)
    _, value_set = _chosen(call, snapshot, identifier)
    codings = _codings(call)
    member = next((one for one in codings if one in value_set.codes), None)
    if member is None:
        text = "The code is not in the value set" if len(codings) == 1 else "None of the codes is in the value set"
        return _answer(result=False, message=text)
    display = value_set.displays.get(member) or snapshot.terminology.display(*member)
    given = call.text("display")
    if given and display and given.casefold() != display.casefold():
        return _answer(result=False, message="The display is not the one of the code", display=display)
    return _answer(result=True, display=display)


def _built(sent: Sequence[Sent]) -> Sequence[Sent]:
    for one in sent:
        if (name := one.parameter["name"]) in _UNBUILT:
            raise RequestError(501, Issue("not-supported", f"'{name}' is not supported", one.pointer))
    return sent


def _answer(*, result: bool, message: str | None = None, display: str | None = None) -> Resource:
    found: list[dict[str, Any]] = [{"name": "result", "valueBoolean": result}]
    told = {"message": message, "display": display}
    found += [{"name": name, "valueString": text} for name, text in told.items() if text]
    return {"resourceType": "Parameters", "parameter": found}


def _chosen(call: Call, snapshot: Snapshot, identifier: str | None) -> tuple[Resource, ValueSet]:
    url, version = call.text("url"), call.text("valueSetVersion")
    if (url is None) is (identifier is None):
        raise refused("required", "Name the value set by 'url' or in the address", call.pointer("url"))
    if identifier is not None:
        resource = find_by_id(snapshot, "ValueSet", identifier)
    else:
        document = snapshot.registry.find(f"{url}|{version}" if version else str(url), "ValueSet")
        if document is None:
            raise RequestError(404, Issue("not-found", "There is no such ValueSet", call.pointer("url")))
        resource = document.resource
    of = resource.get("version")
    found = snapshot.terminology.expansion(f"{resource['url']}|{of}" if of else resource["url"])
    if found is None:
        raise RequestError(404, Issue("not-found", "The ValueSet has no expansion", call.pointer("url")))
    return resource, found


def _number(call: Call, name: str, otherwise: int) -> int:
    for sent in call.all(name):
        value = sent.parameter.get("valueInteger", sent.parameter.get("valueString"))
        number: Any = value
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
            number = int(value)
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise refused("value", f"'{name}' must be a number from 0", sent.pointer)
        return number
    return otherwise


def _codings(call: Call) -> list[tuple[str, str]]:
    """The codings asked about: by code and system, as a Coding or as a CodeableConcept."""
    for name, member in (("coding", "valueCoding"), ("codeableConcept", "valueCodeableConcept")):
        for sent in call.all(name):
            found = fhir.codings(sent.parameter.get(member))
            if not found:
                raise refused("value", f"'{name}' must have a system and a code", sent.pointer)
            return found
    code, system = _code(call, "code"), call.text("system")
    if code is None or system is None:
        raise refused("required", "Send 'code' and 'system', 'coding' or 'codeableConcept'", call.pointer("code"))
    return [(system, code)]


def _code(call: Call, name: str) -> str | None:
    value = call.all(name)[0].parameter.get("valueCode") if call.all(name) else None
    return value if isinstance(value, str) else call.text(name)
