"""JSON definitions in canonical form: elements in FHIR's order, indented by two, numbers as they are written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cds.definitions.read_json import read_json
from cds.formatting.order import in_order, kind_of


class _Number(str):
    """A number with its own digits."""

    __slots__ = ()


def format_json(text: str) -> str:
    """The canonical text; one that holds no resource keeps the order of its members. Raises ReadError."""
    list(read_json(text))  # what is wrong is said with its place
    value = json.loads(text, parse_float=_Number, parse_int=_Number)
    kind = str(value.get("resourceType", "")) if isinstance(value, dict) else ""
    return "".join(_written(value, kind, "\n")) + "\n"


def _written(value: Any, kind: str, newline: str) -> Iterator[str]:
    inner = newline + "  "
    if isinstance(value, dict) and value:
        yield "{"
        for number, name in enumerate(in_order(kind, value) if kind else value):
            yield f"{',' if number else ''}{inner}{json.dumps(name, ensure_ascii=False)}: "
            yield from _written(value[name], kind_of(kind, name, value[name]), inner)
        yield newline + "}"
    elif isinstance(value, list) and value:
        yield "["
        for number, item in enumerate(value):
            own = item.get("resourceType", "") if kind == "Resource" and isinstance(item, dict) else kind
            yield f"{',' if number else ''}{inner}"
            yield from _written(item, own, inner)
        yield newline + "]"
    else:
        yield value if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)
