"""Steps along FHIR elements: plain steps over dicts for speed, typed steps that keep FHIR types and extensions.

A choice element (`onset`) is stored under a key with its type (`onsetDateTime`); a primitive's id and extensions are
stored beside it (`_birthDate`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cds.expr.code import Many, One, Test
from cds.expr.elm.values import Tuple
from cds.expr.evaluation import FEW, Evaluation, capped
from cds.expr.types import Model, Types
from cds.expr.values import EMPTY, Node, TypeInfo

Step = Callable[[list[Any]], list[Any]]
Get = Callable[[dict[str, Any]], list[Any]]

#: Beyond this many types a choice is found by looking at the element's keys instead of trying each.
_TRY_AT_MOST = 6


def getter(model: Model, name: str, *, count: bool = False) -> Get:
    """The items of element `name` of one dict, choices included, JSON nulls left out. The list may be the
    resource's own: callers never change it. With `count`, primitives that have extensions only are there as
    anything: the caller counts."""
    missing = _choice_getter(model.choices.get(name))
    if count:
        missing = _sibling_getter(name, model, missing)
    nulls = not count and (name in model.primitive_names or name not in model.element_names)

    def get(item: dict[str, Any]) -> list[Any]:
        value = item.get(name)
        if value is None:
            return missing(item) if missing is not None else EMPTY
        if type(value) is list:
            return [entry for entry in value if entry is not None] if nulls and None in value else value
        return [value]

    return get


def _choice_getter(table: dict[str, str] | None) -> Get | None:
    if table is None:
        return None
    if len(table) <= _TRY_AT_MOST:
        keys = tuple(table)

        def attempt(item: dict[str, Any]) -> list[Any]:
            for key in keys:
                value = item.get(key)
                if value is not None:
                    return [value]
            return EMPTY

        return attempt

    def scan(item: dict[str, Any]) -> list[Any]:
        for key, value in item.items():
            if key in table and value is not None:
                return [value]
        return EMPTY

    return scan


def _sibling_getter(name: str, model: Model, missing: Get | None) -> Get:
    siblings = ("_" + name, *("_" + key for key in model.choices.get(name, ())))

    def sibling(item: dict[str, Any]) -> list[Any]:
        found = missing(item) if missing is not None else EMPTY
        if found:
            return found
        for key in item:
            if key in siblings:
                value = item[key]
                return value if type(value) is list else [value]
        return EMPTY

    return sibling


#: The types of a JSON value that is one item, for sure.
_ONCE = frozenset({dict, str})


def step(model: Model, name: str, *, count: bool = False) -> Step:
    """A step from many items to the items of their element `name`."""
    get = getter(model, name, count=count)
    has_other_keys = count or name in model.choices

    def walk(items: list[Any]) -> list[Any]:
        if len(items) == 1:
            item = items[0]
            return get(item) if type(item) is dict else beside(item, name)
        try:  # most often every item has the element, and once
            values = [item[name] for item in items]
        except (KeyError, TypeError):
            values = []
        if values and set(map(type, values)) <= _ONCE:
            return values
        result: list[Any] = []
        append = result.append
        for item in items:
            if type(item) is not dict:
                result += beside(item, name)
                continue
            value = item.get(name)
            if type(value) in _ONCE:
                append(value)
            elif value is not None or has_other_keys:
                result += get(item)
        return capped(result)

    return walk


def beside(item: Any, name: str) -> list[Any]:
    """Element `name` of an item that is no dict: a Tuple of CQL may have it, type information has two names, everything
    else none."""
    if type(item) is Tuple:
        value = item.get(name)
        return value if isinstance(value, list) else EMPTY if value is None else [value]
    if type(item) is TypeInfo:
        return item.element(name)
    if type(item) is Node:
        return [child.value for child in typed_children(item, name, None) if child.value is not None]
    return EMPTY


def _steps(model: Model, names: Sequence[str], *, count: bool) -> tuple[Step, ...]:
    return tuple(step(model, name, count=count and place == len(names)) for place, name in enumerate(names, 1))


def from_item(model: Model, names: Sequence[str], *, count: bool = False) -> Many:
    """The path `names` from `$this` when that is one plain item."""
    get, first = getter(model, names[0], count=count and len(names) == 1), names[0]
    if len(names) == 1:

        def single(_: Evaluation, this: Any) -> list[Any]:
            return get(this) if type(this) is dict else beside(this, first)

        return single
    rest = _steps(model, names[1:], count=count)
    if len(rest) == 1:
        second = rest[0]

        def double(ev: Evaluation, this: Any) -> list[Any]:
            items = get(this) if type(this) is dict else beside(this, first)
            if len(items) > FEW:
                ev.spend(len(items))
            return second(items) if items else EMPTY

        return double

    def path(ev: Evaluation, this: Any) -> list[Any]:
        items = get(this) if type(this) is dict else beside(this, first)
        for walk in rest:
            if not items:
                return EMPTY
            if len(items) > FEW:
                ev.spend(len(items))
            items = walk(items)
        return items

    return path


def from_resource(model: Model, kind: str, names: Sequence[str], *, count: bool = False) -> Many:
    """The path `names` from `$this` when that is one plain resource of type `kind`; nothing for any other item."""
    walk = from_item(model, names, count=count) if names else None

    def path(ev: Evaluation, this: Any) -> list[Any]:
        if type(this) is not dict or this.get("resourceType") != kind:
            return EMPTY
        return [this] if walk is None else walk(ev, this)

    return path


def one_from_item(name: str, otherwise: One) -> tuple[One, Test]:
    """The single item of element `name` of `$this`, and its truth, quick where that is a string or a boolean:
    `otherwise` finds everything else."""

    def one(ev: Evaluation, this: Any) -> Any:
        if type(this) is dict or type(this) is Tuple:
            value = this.get(name)
            if type(value) is str or type(value) is bool:
                return value
        return otherwise(ev, this)

    def test(ev: Evaluation, this: Any) -> bool | None:
        if type(this) is dict or type(this) is Tuple:
            value = this.get(name)
            if type(value) is bool:
                return value
        item = otherwise(ev, this)
        return item if item is None or type(item) is bool else True

    return one, test


def from_items(model: Model, base: Many, names: Sequence[str], *, count: bool = False) -> Many:
    """The path `names` from whatever `base` gives."""
    steps = tuple(
        (name, walk, (count and place == len(names)) or name in model.choices)
        for place, (name, walk) in enumerate(zip(names, _steps(model, names, count=count), strict=True), 1)
    )

    def path(ev: Evaluation, this: Any) -> list[Any]:
        items = base(ev, this)
        for name, walk, has_other_keys in steps:
            if not items:
                return EMPTY
            if len(items) == 1:
                item = items[0]
                if type(item) is dict or type(item) is Tuple:  # most often, and most often without a call
                    value = item.get(name)
                    if type(value) is str or type(value) is dict:
                        items = [value]
                        continue
                    if value is None and not has_other_keys:
                        return EMPTY
            elif len(items) > FEW:
                ev.spend(len(items))
            items = walk(items)
        return items

    return path


def from_node(model: Model, names: Sequence[str], *, count: bool = False) -> Many:
    """The path `names` from `$this` when that may be a Node."""
    walk = from_item(model, names, count=count)

    def path(ev: Evaluation, this: Any) -> list[Any]:
        return walk(ev, this.value if type(this) is Node and type(this.value) is dict else this)

    return path


# --- typed -------------------------------------------------------------------------------------------------------


def as_node(item: Any) -> Any:
    """An item of unknown FHIR type as a Node; System values stay."""
    if type(item) is dict:
        kind = item.get("resourceType")
        return Node(item, kind if type(kind) is str else None)
    return Node(item, None) if type(item) in (str, bool, int, float) else item


def typed_step(model: Model, base: Many, name: str) -> Many:
    """A step that gives Nodes."""

    def many(ev: Evaluation, this: Any) -> list[Any]:
        result: list[Any] = []
        items = base(ev, this)
        ev.spend(len(items))
        for item in items:
            if type(item) is TypeInfo:
                result += item.element(name)
            else:
                result += typed_children(item, name, model)
        return capped(result)

    return many


def typed_children(item: Any, name: str, model: Model | None) -> list[Node]:
    """The element `name` of an item as Nodes, with types from `model` as far as they are known."""
    if type(item) is Tuple:
        return [as_node(found) for found in beside(item, name)]
    value, kind, element = (item.value, item.type, item.element) if type(item) is Node else (item, None, None)
    path = f"{item.path}.{name}" if type(item) is Node and item.path is not None else None
    if type(value) is not dict:
        if element is None or name not in ("id", "extension"):
            return []
        return wrap(element.get(name), None, "Extension" if name == "extension" else "string", path)
    resource = value.get("resourceType")
    kind = resource if isinstance(resource, str) else kind
    found, sibling = value.get(name), value.get("_" + name)
    if found is not None or sibling is not None:
        return wrap(found, sibling, only(model.element(frozenset({kind}), name)) if model and kind else None, path)
    table = model.choices.get(name) if model else None
    for key in value if table else ():
        chosen = key.removeprefix("_")
        if table and chosen in table:
            return wrap(value.get(chosen), value.get("_" + chosen), table[chosen], path)
    return []


def only(types: Types | None) -> str | None:
    """The one possible type, or None."""
    return next(iter(types)) if types is not None and len(types) == 1 else None


def wrap(value: Any, sibling: Any, kind: str | None, path: str | None = None) -> list[Node]:
    """A JSON value with its `_` sibling as Nodes; repeated ones pair up, null with an extension only is a Node without
    value. `path` is that of the element."""
    repeats = type(value) is list or type(sibling) is list
    if repeats:
        values = value if type(value) is list else []
        siblings = sibling if type(sibling) is list else []
        count = max(len(values), len(siblings))
        pairs = zip(values + [None] * (count - len(values)), siblings + [None] * (count - len(siblings)), strict=True)
    else:
        pairs = iter([(value, sibling)])  # type: ignore[assignment]
    nodes = []
    for index, (entry, beside_it) in enumerate(pairs):
        place = path if path is None or not repeats else f"{path}[{index}]"
        if type(entry) is dict and isinstance(entry.get("resourceType"), str):
            nodes.append(Node(entry, entry["resourceType"], None, place))
        elif entry is not None or type(beside_it) is dict:
            nodes.append(Node(entry, kind, beside_it if type(beside_it) is dict else None, place))
    return nodes


def all_children(item: Any, model: Model) -> list[Node]:
    """Every child of an item as Nodes, in the order of the data (FHIRPath 5.8.1)."""
    value, element = (item.value, item.element) if type(item) is Node else (item, None)
    if type(value) is not dict:
        return [node for name in element or () for node in typed_children(item, name, model)]
    result: list[Node] = []
    keys = _choice_bases(item, model)
    for name in value:
        plain = name.removeprefix("_")
        if name == "resourceType" or (plain != name and plain in value):
            continue
        result += typed_children(item, keys.get(plain, plain), model)
    return result


def _choice_bases(item: Any, model: Model) -> dict[str, str]:
    """JSON key -> element name for the choices of the item's type (of any type when it is not known)."""
    value, kind = (item.value, item.type) if type(item) is Node else (item, None)
    kind = value.get("resourceType", kind)
    names = model.elements(kind) if isinstance(kind, str) and kind in model else None
    bases = {}
    for key in value:
        name = key.removeprefix("_")
        if names is not None and name in names:
            continue
        base = model.choice_of(name)
        if base is not None and (names is None or base in names):
            bases[name] = base
    return bases
