"""Items and steps of an evaluated expression as text for a terminal."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson

from cds.expr import Item, Step, to_json
from cds.fhir import written

#: What of a step fits on a line or two; the results are always shown whole.
_MOST_SHOWN = 5
_LONGEST_SHOWN = 60


def render_items(items: list[Item]) -> Iterator[str]:
    """A line per item: type, value as JSON, place. Elements and resources follow below their line."""
    width = max((len(item.type) for item in items), default=0)
    for item in items:
        where = f"  {item.path}" if item.path else ""
        if type(item.value) is dict:
            yield f"{item.type}{where}"
            yield textwrap.indent(json_text(item.value, indent=True), "  ")
        else:
            yield f"{item.type:{width}}  {json_text(item.value)}{where}"


def render_steps(
    steps: Iterable[Step], shown: Callable[[list[Item]], str] | None = None, *, library: str = ""
) -> Iterator[str]:
    """A line per step: line and column, behind the library where that is not `library`; name, the index within a loop,
    and the items as they are `shown`."""
    width = shutil.get_terminal_size().columns - 4  # they may stand indented below a context or value
    told = shown or _shown
    for step in steps:
        where = f"{step.library}:{step.line}" if step.library != library else step.line
        head = f"{f'{where}:{step.column}':<6} {step.name}{'' if step.index is None else f' [{step.index}]'}"
        yield textwrap.fill(f"{head:<24} {told(step.items)}", width, subsequent_indent=" " * 25)


def _shown(items: list[Item]) -> str:
    shown = [_brief(item) for item in items[:_MOST_SHOWN]]
    rest = len(items) - len(shown)
    return ", ".join([*shown, f"and {rest} more"] if rest else shown) or "{ }"


def _brief(item: Item) -> str:
    if type(item.value) is dict and item.path:
        return item.path
    text = json_text(item.value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."


def json_text(value: Any, *, indent: bool = False) -> str:
    """A value as JSON. What a terminal would act on is escaped."""
    option = orjson.OPT_INDENT_2 if indent else None
    text = orjson.dumps(to_json(value, exact=True), default=written, option=option).decode()
    return harmless(text)


def harmless(text: str) -> str:
    """The text without what a terminal would act on."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    return character if character == "\n" or character.isprintable() else json.dumps(character)[1:-1]
