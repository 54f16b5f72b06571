"""The Parameters resource that asks `$fhirpath` (server-api.md of the FHIRPath Lab, "Input Parameters Resource")."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cds import fhir
from cds.body import decode
from cds.errors import Issue, RequestError
from cds.expr import temporal
from cds.expr.types import Release
from cds.fhirpath.question import Question

JSON_VALUE = "http://fhir.forms-lab.com/StructureDefinition/json-value"
XML_VALUE = "http://fhir.forms-lab.com/StructureDefinition/xml-value"

#: value[x] whose text is more than a string to an expression.
_READERS: dict[str, Callable[[str], Any]] = {
    "valueDate": temporal.parse,
    "valueDateTime": temporal.parse,
    "valueInstant": temporal.parse,
    "valueTime": temporal.parse_time,
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the operation. `sent` are its parameters as they came, by name, and `pointers` say where they stand.
    `validate` wants static checks, `debug` the steps."""

    question: Question
    sent: dict[str, list[dict[str, Any]]]
    pointers: dict[str, list[str]]
    validate: bool
    debug: bool


def read(body: bytes, release: Release, *, max_depth: int) -> Call:
    """The call that `body` holds, about data of a FHIR release. Raises RequestError 400 with the JSON pointer of
    what is wrong."""
    return _Reader(max_depth).call(decode(body, max_depth=max_depth, exact=True), release)


class _Reader:
    def __init__(self, max_depth: int) -> None:
        self.max_depth = max_depth
        self.sent: dict[str, list[dict[str, Any]]] = {}
        self.pointers: dict[str, list[str]] = {}

    def call(self, parameters: Any, release: Release) -> Call:
        if not isinstance(parameters, dict) or parameters.get("resourceType") != "Parameters":
            raise _refused("structure", "The body must be a FHIR Parameters resource", "/resourceType")
        self._sort(parameters.get("parameter"), "/parameter")
        expression = self._text("expression")
        if not expression.strip():
            raise _refused("required", "There is no expression", self._at("expression"))
        question = Question(expression, self._resource(), self._text("context"), self._variables(), release)
        self._text("terminologyserver")
        debug = self._truth("debug_trace", otherwise=True)
        return Call(question, self.sent, self.pointers, self._truth("validate", otherwise=False), debug)

    def _sort(self, found: Any, pointer: str) -> None:
        """Parameters by their names, and where each stands."""
        for index, parameter in enumerate(_list(found, pointer)):
            name = _named(parameter, f"{pointer}/{index}")
            if name in self.sent and name != "variables":
                raise _refused("structure", f"The parameter '{_known(name)}' is there twice", f"{pointer}/{index}")
            self.sent.setdefault(name, []).append(parameter)
            self.pointers.setdefault(name, []).append(f"{pointer}/{index}")

    def _at(self, name: str) -> str:
        return self.pointers.get(name, ["/parameter"])[0]

    def _one(self, name: str) -> dict[str, Any]:
        return self.sent.get(name, [{}])[0]

    def _text(self, name: str) -> str:
        value = self._one(name).get("valueString", "")
        if not isinstance(value, str):
            raise _refused("structure", f"'{name}' must be a string", f"{self._at(name)}/valueString")
        return value

    def _truth(self, name: str, *, otherwise: bool) -> bool:
        value = self._one(name).get("valueBoolean", otherwise)
        if not isinstance(value, bool):
            raise _refused("structure", f"'{name}' must be a boolean", f"{self._at(name)}/valueBoolean")
        return value

    def _resource(self) -> fhir.Resource:
        """The resource itself, or the one in a json-value extension."""
        parameter, pointer = self._one("resource"), self._at("resource")
        resource = parameter.get("resource")
        place = f"{pointer}/resource"
        if resource is None and (text := self._json_value(parameter, pointer)) is not None:
            resource, place = text
        if resource is None:
            raise self._no_resource(parameter, pointer)
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise _refused("structure", "'resource' must be a FHIR resource", place)
        return resource

    def _no_resource(self, parameter: dict[str, Any], pointer: str) -> RequestError:
        if fhir.extension(parameter, XML_VALUE) is not None:
            return _refused("not-supported", "XML is not supported: send the resource as JSON", f"{pointer}/extension")
        if "valueString" in parameter:
            text = "Nothing is fetched: send the resource itself, not its address"
            return _refused("not-supported", text, f"{pointer}/valueString")
        return _refused("required", "There is no resource", pointer)

    def _json_value(self, parameter: dict[str, Any], pointer: str) -> tuple[Any, str] | None:
        """What the json-value extension holds, and where it stands; None when there is no such extension."""
        extension = fhir.extension(parameter, JSON_VALUE)
        if extension is None:
            return None
        place = f"{pointer}/extension/{fhir.as_list(parameter['extension']).index(extension)}/valueString"
        text = extension.get("valueString")
        if not isinstance(text, str):
            raise _refused("structure", "a json-value must be a string", place)
        try:
            return decode(text.encode(), max_depth=self.max_depth, exact=True), place
        except RequestError as error:
            raise _refused("structure", error.issues[0].text.replace("body", "json-value"), place) from None

    def _variables(self) -> dict[str, list[Any]]:
        """The items of each variable; one that is named again adds to them."""
        found: dict[str, list[Any]] = {}
        places = self.pointers.get("variables", [])
        for parameter, place in zip(self.sent.get("variables", []), places, strict=True):
            for index, part in enumerate(_list(parameter.get("part"), f"{place}/part")):
                pointer = f"{place}/part/{index}"
                found.setdefault(_named(part, pointer), []).extend(self._items(part, pointer))
        return found

    def _items(self, part: dict[str, Any], pointer: str) -> list[Any]:
        if (read := self._json_value(part, pointer)) is not None:
            return [item for item in fhir.as_list(read[0]) if item is not None]
        if part.get("resource") is not None:
            return [part["resource"]]
        for key, value in part.items():
            if key.startswith("value") and value is not None:
                reader = _READERS.get(key)
                known = reader(value) if reader is not None and isinstance(value, str) else None
                return [value if known is None else known]
        return []


def _list(value: Any, pointer: str) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise _refused("structure", "must be a list", pointer)
    return value or []


def _named(parameter: Any, pointer: str) -> str:
    """The name of a parameter or part."""
    name = parameter.get("name") if isinstance(parameter, dict) else None
    if not isinstance(name, str) or not name:
        raise _refused("structure", "A parameter must be an object with a name", f"{pointer}/name")
    return name


def _known(name: str) -> str:
    """The name when it is one of ours: what else a caller made up is not sent back."""
    ours = ("expression", "context", "resource", "validate", "debug_trace", "terminologyserver")
    return name if name in ours else "..."


def _refused(code: str, text: str, pointer: str) -> RequestError:
    return RequestError(400, Issue(code, text, pointer))
