"""The parameters a caller of an operation sends: from a Parameters resource or from the query of an address."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cds.body import decode
from cds.errors import Issue, RequestError, did_you_mean

#: Inputs of the guide that this service does not take, with the reason.
_REFUSED = {
    "dataEndpoint": "No data is fetched: send it in 'data' or 'prefetchData'",
    "contentEndpoint": "No library is fetched: those of the loaded content are used",
    "terminologyEndpoint": "No terminology is fetched: that of the loaded content is used",
    "artifactEndpointConfiguration": "No artifact is fetched: those of the loaded content are used",
}


@dataclass(frozen=True, slots=True)
class Sent:
    """One parameter as it came, and where it stands (a JSON pointer)."""

    parameter: dict[str, Any]
    pointer: str


class Call:
    """The parameters of a call by their names; `known` are those of the operation."""

    def __init__(self, parameters: Iterable[Sent], known: Collection[str], repeated: Collection[str] = ()) -> None:
        self._sent: dict[str, list[Sent]] = {}
        for sent in parameters:
            name: str = sent.parameter["name"]
            if name in _REFUSED and name not in known:
                raise refused("not-supported", _REFUSED[name], sent.pointer)
            if name not in known:
                hint = did_you_mean(name, known)
                text = "The operation has no such parameter"
                raise refused("not-supported", text, sent.pointer, hint)
            if name in self._sent and name not in repeated:
                raise refused("structure", f"The parameter '{name}' is there twice", sent.pointer)
            self._sent.setdefault(name, []).append(sent)

    def all(self, name: str) -> list[Sent]:
        """Every parameter of that name."""
        return self._sent.get(name, [])

    def pointer(self, name: str) -> str:
        """Where the first parameter of that name stands."""
        return next((sent.pointer for sent in self.all(name)), "/parameter")

    def text(self, name: str, *, required: bool = False) -> str | None:
        """Its text; of several the first."""
        texts = self.texts(name)
        if required and (not texts or not texts[0].strip()):
            raise refused("required", f"There is no '{name}'", self.pointer(name))
        return texts[0] if texts else None

    def texts(self, name: str) -> list[str]:
        """The text of each parameter of that name."""
        return [text_of(sent, name) for sent in self.all(name)]

    def truth(self, name: str, *, otherwise: bool) -> bool:
        """Its boolean."""
        for sent in self.all(name):
            value = sent.parameter.get("valueBoolean")
            if not isinstance(value, bool):
                raise refused("structure", f"'{name}' must be a boolean", f"{sent.pointer}/valueBoolean")
            return value
        return otherwise

    def resource(self, name: str, kind: str) -> dict[str, Any] | None:
        """The resource of that type it holds."""
        for sent in self.all(name):
            resource = sent.parameter.get("resource")
            if not isinstance(resource, dict) or resource.get("resourceType") != kind:
                raise refused("structure", f"'{name}' must be a {kind} resource", f"{sent.pointer}/resource")
            return resource
        return None

    def moment(self, name: str) -> datetime | None:
        """Its dateTime, which must have a time with its offset."""
        text = self.text(name)
        try:
            found = None if text is None else datetime.fromisoformat(text)
        except ValueError:
            found = datetime.min  # noqa: DTZ901 - is refused
        if found is not None and found.tzinfo is None:
            text = f"'{name}' must be a dateTime with a time and its offset"
            raise refused("value", text, self.pointer(name))
        return found


def read_body(body: bytes, max_depth: int, *, exact: bool = True) -> list[Sent]:
    """The parameters of the Parameters resource in a body, with decimals as Decimal where `exact`. Raises RequestError
    400 with pointers."""
    value = decode(body, max_depth=max_depth, exact=exact)
    if not isinstance(value, dict) or value.get("resourceType") != "Parameters":
        raise refused("structure", "The body must be a FHIR Parameters resource", "/resourceType")
    return sent_in(value, "")


def sent_in(resource: dict[str, Any], pointer: str) -> list[Sent]:
    """The parameters of a Parameters resource that stands at `pointer`."""
    return _listed(resource.get("parameter"), f"{pointer}/parameter")


def parts(sent: Sent) -> list[Sent]:
    """The parts of a parameter."""
    return _listed(sent.parameter.get("part"), f"{sent.pointer}/part")


def _listed(found: Any, pointer: str) -> list[Sent]:
    if found is not None and not isinstance(found, list):
        raise refused("structure", "must be a list", pointer)
    for index, parameter in enumerate(found or ()):
        if not isinstance(parameter, dict) or not isinstance(parameter.get("name"), str) or not parameter["name"]:
            raise refused("structure", "A parameter must be an object with a name", f"{pointer}/{index}/name")
    return [Sent(parameter, f"{pointer}/{index}") for index, parameter in enumerate(found or ())]


def read_query(arguments: Iterable[tuple[str, str]]) -> list[Sent]:
    """The parameters of an address; each is text, or a boolean where it says true or false."""
    truths = {"true": True, "false": False}
    return [
        Sent({"name": name, "valueString": text, **({"valueBoolean": truths[text]} if text in truths else {})}, name)
        for name, text in arguments
    ]


def text_of(sent: Sent, name: str) -> str:
    """The text of a parameter, of whatever type of text it says it is."""
    for key in ("valueString", "valueCanonical", "valueUri", "valueReference", "valueDateTime", "valueInstant"):
        value = sent.parameter.get(key)
        if key == "valueReference" and isinstance(value, dict):
            value = value.get("reference")
        if isinstance(value, str):
            return value
    raise refused("structure", f"'{name}' must be a string", f"{sent.pointer}/valueString")


def refused(code: str, text: str, pointer: str, hint: str | None = None) -> RequestError:
    """A refusal at a place in the call."""
    return RequestError(400, Issue(code, text, pointer, hint))
