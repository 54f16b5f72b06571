"""Results as the Parameters resource the FHIRPath Lab reads (server-api.md, "Output Parameters")."""

from __future__ import annotations

from typing import Any

import orjson

from cds.errors import Issue, RequestError
from cds.expr import Item, Step, to_json
from cds.expr.types import PRIMITIVES, Model
from cds.fhir import written
from cds.fhirpath.parameters import JSON_VALUE
from cds.fhirpath.question import Result
from cds.fhirpath.syntax import lab_type

RESOURCE_PATH = "http://fhir.forms-lab.com/StructureDefinition/resource-path"

#: Bytes of values in an answer, and of values in its debug traces.
MAX_RESULTS = 16 * 1024 * 1024
MAX_TRACES = 8 * 1024 * 1024
_OVERHEAD = 100
_LARGEST_INTEGER = 2**31

Part = dict[str, Any]


class Renderer:
    """Renders the results of one call. A value that occurs again and again is written once and counted each time."""

    def __init__(self, model: Model) -> None:
        self._forms = model.elements("ParametersParameter")["value"]
        self._texts: dict[int, tuple[Any, bytes]] = {}
        self._room = MAX_RESULTS
        self.cut = False

    def results(self, results: list[Result], context: str) -> list[Part]:
        """The `result` and `debug-trace` parameters, alternating per context item. Raises RequestError 422 when the
        values are more than an answer can hold; traces are cut instead."""
        try:
            rendered = [[self._result(result, _label(result, context, index))] for index, result in enumerate(results)]
        except _FullError:
            text = f"The results are larger than {MAX_RESULTS} bytes"
            raise RequestError(422, Issue("too-costly", text)) from None
        self._room = MAX_TRACES
        for index, result in enumerate(results):
            if result.steps or result.cut:
                self.cut = self.cut or result.cut
                rendered[index].append(self._debug(result, _label(result, context, index)))
        return [part for parts in rendered for part in parts]

    def _result(self, result: Result, label: Part) -> Part:
        parts = [self._item(item) for item in result.items]
        for name, items in result.logs:
            self._spend(_OVERHEAD)
            parts.append({"name": "trace", "valueString": name, **_parts([self._item(item) for item in items])})
        return {"name": "result", **label, **_parts(parts)}

    def _debug(self, result: Result, label: Part) -> Part:
        steps = []
        for step in result.steps:
            try:
                steps.append(self._step(step))
            except _FullError:
                self.cut = True
                break
        return {"name": "debug-trace", **label, **_parts(steps)}

    def _step(self, step: Step) -> Part:
        told = (("", step.items), ("focus-", step.focus), ("this-", step.this))
        parts = [self._told(item, prefix) for prefix, items in told for item in items]
        parts.append({"name": "index", "valueInteger": step.index or 0})
        return {"name": f"{step.position},{step.length},{step.name}", "part": parts}

    def _told(self, item: Item, prefix: str) -> Part:
        """An item in a step: of an element of the resource its place is enough."""
        if item.path is not None and type(item.value) is dict:
            return {"name": f"{prefix}resource-path", "valueString": item.path}
        part = self._item(item)
        return {**part, "name": prefix + part["name"]}

    def _item(self, item: Item) -> Part:
        """One value with its type and place: in value[x], as a resource, or in a json-value extension."""
        name, value = lab_type(item.type), to_json(item.value, exact=True)
        extensions = [{"url": RESOURCE_PATH, "valueString": item.path}] if item.path else []
        self._spend(_OVERHEAD)
        if value == "":
            return _part("empty-string", extensions)
        if value is None:  # a primitive that has extensions only: there is nothing to show but that it is there
            return _part(name, extensions)
        if type(value) is dict and isinstance(value.get("resourceType"), str):
            return _part(name, extensions, resource=self._written(value))
        if self._fits(name, value):
            key = f"value{name[0].upper()}{name[1:]}"
            return _part(name, extensions, **{key: self._written(value)})
        extensions.append({"url": JSON_VALUE, "valueString": self._text(value).decode()})
        return _part(name, extensions)

    def _fits(self, name: str, value: Any) -> bool:
        """Whether value[x] can hold it."""
        if name not in self._forms or (type(value) is dict) is (name in PRIMITIVES):
            return False
        return type(value) is not int or name == "decimal" or -_LARGEST_INTEGER <= value < _LARGEST_INTEGER

    def _written(self, value: Any) -> Any:
        if type(value) is dict:
            return orjson.Fragment(self._text(value))
        self._spend(len(value) if type(value) is str else 0)
        return value

    def _text(self, value: Any) -> bytes:
        """The JSON of a value, made once for each object."""
        known = self._texts.get(id(value))
        if known is None:
            known = self._texts[id(value)] = value, orjson.dumps(value, default=written)
        self._spend(len(known[1]))
        return known[1]

    def _spend(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise _FullError


class _FullError(Exception):
    pass


def _label(result: Result, context: str, index: int) -> Part:
    """Which context item a result is for."""
    if result.context is None:
        return {}
    return {"valueString": result.context.path or f"{context}[{index}]"}


def _part(name: str, extensions: list[dict[str, str]], **value: Any) -> Part:
    return {**({"extension": extensions} if extensions else {}), "name": name, **value}


def _parts(parts: list[Part]) -> Part:
    """FHIR knows no empty lists."""
    return {"part": parts} if parts else {}
