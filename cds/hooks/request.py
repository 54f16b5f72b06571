"""A hook call as it arrives, read tolerantly: what real clients get wrong without doing harm is put right here
(cds-hooks.md section B, "Recommended reading"); everything else is refused with JSON pointers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson
import re2

from cds import fhir
from cds.body import decode
from cds.errors import Issue, RequestError
from cds.hooks.envelope import pointer, request_problems
from cds.orders import ORDER_TYPES
from cds.searchset import Searchset, searchset

_MOST_ENTRIES = 10_000
#: The Bundles of the context that rules read, and the types of resources they are about.
_BUNDLED = {"draftOrders": ORDER_TYPES, "appointments": frozenset({"Appointment"})}
#: The characters of a bearer token (RFC 6750, 2.1).
_TOKEN = re2.compile(r"[A-Za-z0-9\-._~+/]+=*")


_ABSENT = msgspec.Raw()


class _Members(msgspec.Struct, forbid_unknown_fields=True):
    """The members of a call, and those of its prefetch, as texts."""

    hook: msgspec.Raw = _ABSENT
    hookInstance: msgspec.Raw = _ABSENT  # noqa: N815
    fhirServer: msgspec.Raw = _ABSENT  # noqa: N815
    fhirAuthorization: msgspec.Raw = _ABSENT  # noqa: N815
    context: msgspec.Raw = _ABSENT
    extension: msgspec.Raw = _ABSENT
    prefetch: dict[str, msgspec.Raw] | None = None


_members = msgspec.json.Decoder(_Members).decode
_NAMES = tuple(name for name in _Members.__struct_fields__ if name != "prefetch")


@dataclass(frozen=True, slots=True)
class Authorization:
    """The access token for the FHIR server, what it permits, and our client id there (B9). `scope` is None when the
    client does not say. The token is for this call alone and stands in no text of this object (B10)."""

    token: str = field(repr=False)
    scope: str | None
    patient: str | None
    subject: str | None


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One call. `patient_id` and `encounter_id` are bare ids; `user_id` is `Type/id`, or bare if the client sent it so.

    `context` holds its members that are not null or empty, untouched except for bare ids. `prefetch` holds, per key, a
    resource, a searchset that is not yet read, or None (the client looked and there is nothing); a key that is not in
    it was not obtained."""

    hook: str
    hook_instance: str
    context: Mapping[str, Any]
    patient_id: str
    encounter_id: str | None
    user_id: str | None
    prefetch: Mapping[str, fhir.Resource | Searchset | None]
    fhir_server: str | None
    extension: Mapping[str, Any]
    authorization: Authorization | None = None


def parse(body: bytes, *, max_depth: int = 64) -> HookRequest:
    """The hook call that `body` holds (section B).

    Raises RequestError 400 for what is no JSON, no hook call or lacks the patient, 413 for a prefetched Bundle of more
    than 10,000 entries."""
    call, searchsets = _read(body, max_depth)
    problems = request_problems(call)
    if problems:
        raise RequestError(400, problems)
    context = _filled(call["context"])
    for name, kinds in _BUNDLED.items():
        if name in context:
            context[name] = _bundle(context[name], name, kinds)
    patient_id = _bare_id(context, "patientId", "Patient/")
    if patient_id is None:
        raise RequestError(400, Issue("required", "The call names no patient", "/context/patientId"))
    return HookRequest(
        hook=call["hook"],
        hook_instance=call["hookInstance"],
        context=context,
        patient_id=patient_id,
        encounter_id=_bare_id(context, "encounterId", "Encounter/"),
        user_id=_user(context),
        prefetch={**_prefetch(call.get("prefetch") or {}), **searchsets},
        fhir_server=call.get("fhirServer") or None,
        extension=call.get("extension") or {},
        authorization=_authorization(call.get("fhirAuthorization")),
    )


def _read(body: bytes, max_depth: int) -> tuple[Any, dict[str, Searchset]]:
    """The call, with null in the places of prefetched searchsets, and these by their keys. What is not of the usual
    form is read whole, which also says best what is wrong with it. Raises RequestError."""
    try:
        if not body.isascii():
            body.decode()  # the bytes of strings that it passes over mean nothing to the decoder
        members = _members(body)
        sent = members.prefetch or {}
        searchsets = {key: found for key, text in sent.items() if (found := searchset(text, max_depth)) is not None}
        rest = {name: orjson.Fragment(text) for name in _NAMES if (text := bytes(getattr(members, name)))}
        others = {key: None if key in searchsets else orjson.Fragment(bytes(text)) for key, text in sent.items()}
        call = decode(orjson.dumps({**rest, "prefetch": others}), max_depth=max_depth)
    except (ValueError, RecursionError, RequestError):
        return decode(body, max_depth=max_depth), {}
    for key, one in searchsets.items():
        _limit_entries(key, len(one.ids))
    return call, searchsets


def _authorization(sent: Any) -> Authorization | None:
    """What was sent, when it holds a bearer token that is not over."""
    if not isinstance(sent, dict):
        return None
    token, expires = sent.get("access_token"), sent.get("expires_in")
    if not isinstance(token, str) or _TOKEN.fullmatch(token) is None or (isinstance(expires, int) and expires <= 0):
        return None
    if str(sent.get("token_type", "Bearer")).lower() != "bearer":
        return None
    scope, patient, subject = (_text(sent.get(name)) for name in ("scope", "patient", "subject"))
    return Authorization(token, scope, patient.removeprefix("Patient/") if patient else None, subject)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _filled(members: Mapping[str, Any]) -> dict[str, Any]:
    """Without the members that are null or empty: they mean nothing (B12)."""
    return {name: value for name, value in members.items() if value not in (None, "", [], {})}


def _bundle(resource: fhir.Resource, name: str, kinds: frozenset[str]) -> fhir.Resource:
    """A Bundle of the context; some clients send the one resource without it. Anything else would say nothing, and a
    call about an order that is not seen must not be answered as if there were none."""
    kind = resource["resourceType"]
    if kind == "Bundle":
        return resource
    if kind not in kinds:
        raise RequestError(400, Issue("value", f"'{name}' is not a Bundle", f"/context/{name}/resourceType"))
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource}]}


def _bare_id(context: dict[str, Any], name: str, prefix: str) -> str | None:
    """The id under `name`, which is also put into the context bare; None when there is none."""
    value = context.get(name)
    if value is None:
        return None
    bare: str = value.removeprefix(prefix)
    if not fhir.is_id(bare):
        raise RequestError(400, Issue("value", f"'{name}' is not a FHIR id", f"/context/{name}"))
    context[name] = bare
    return bare


def _user(context: Mapping[str, Any]) -> str | None:
    value = context.get("userId")
    if value is None:
        return None
    kind, slash, identifier = value.rpartition("/")
    if not fhir.is_id(identifier) or (slash and not (kind.isascii() and kind.isalpha())):
        raise RequestError(400, Issue("value", "'userId' is not of the form Type/id", "/context/userId"))
    user: str = value
    return user


def _prefetch(sent: Mapping[str, Any]) -> dict[str, fhir.Resource | None]:
    """Per key the resource itself. What is no resource says nothing, so its key counts as not obtained."""
    prefetch: dict[str, fhir.Resource | None] = {}
    for key, value in sent.items():
        resource = _unwrapped(value) if value is not None else None
        if resource is None:
            prefetch[key] = None
        elif isinstance(resource.get("resourceType"), str):
            prefetch[key] = resource
            entry = resource.get("entry")
            _limit_entries(key, len(entry) if isinstance(entry, list) else 0)
    return prefetch


def _unwrapped(value: fhir.Resource) -> fhir.Resource:
    """The resource in the `{"response": ..., "resource": ...}` of clients older than CDS Hooks 1.0."""
    if "resourceType" not in value and isinstance(resource := value.get("resource"), dict):
        return resource
    return value


def _limit_entries(key: str, count: int) -> None:
    if count > _MOST_ENTRIES:
        text = f"A prefetched Bundle holds more than {_MOST_ENTRIES} entries"
        raise RequestError(413, Issue("too-long", text, pointer(["prefetch", key])))
