"""Items: what a collection holds, and how items are equal, ordered and shown.

An item is a plain JSON value (dict, str, bool, int, float, Decimal) or a System value (Date, DateTime, Time,
Quantity). A Node is an item that remembers its FHIR type and primitive extensions; it exists only inside an
evaluation, below functions that ask for either.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any

import orjson

from cds.errors import EvaluationError, SizeLimitError
from cds.expr import quantity as quantities
from cds.expr import temporal
from cds.expr.quantity import Quantity
from cds.expr.temporal import Date, DateTime, Temporal, Time

#: Decimal arithmetic of the engine: 28 digits, whatever the calling thread has set (security.md E5).
ARITHMETIC = Context(prec=28, traps=[InvalidOperation, DivisionByZero, Overflow])
MAX_DIGITS = 28
#: The largest Long.
LONGEST = 2**63 - 1

#: Unicode's white space, as a plain space.
_SPACES = dict.fromkeys(
    [*range(9, 14), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000], " "
)

_UCUM = "http://unitsofmeasure.org"
#: Shared results. Lists that pass between closures are never changed.
EMPTY: list[Any] = []
TRUE: list[Any] = [True]
FALSE: list[Any] = [False]


class Node:
    """An item with its FHIR type (None when unknown) and, for a primitive, the element that holds its id and
    extensions. `value` is None for a primitive that has extensions only; `path` is known in traced evaluations."""

    __slots__ = ("element", "path", "type", "value")

    def __init__(
        self, value: Any, kind: str | None, element: dict[str, Any] | None = None, path: str | None = None
    ) -> None:
        self.value = value
        self.type = kind
        self.element = element
        self.path = path


class Long(int):
    """A whole number that was written as one of 64 bits (`5L`, toLong()); an Integer next to it becomes one too."""

    __slots__ = ()


class TypeInfo:
    """What `type()` returns: namespace and name, readable as elements."""

    __slots__ = ("name", "namespace")

    def __init__(self, namespace: str, name: str) -> None:
        self.namespace = namespace
        self.name = name

    def element(self, name: str) -> list[Any]:
        """`namespace` or `name` as a collection; empty for any other element."""
        return [self.namespace] if name == "namespace" else [self.name] if name == "name" else EMPTY


def plain(items: list[Any]) -> list[Any]:
    """Items without their Nodes; primitives that have no value fall away."""
    if not items or Node not in map(type, items):
        return items
    values = [item.value if type(item) is Node else item for item in items]
    return [value for value in values if value is not None]


def boolean(value: bool | None) -> list[Any]:
    """A three-valued result as a collection."""
    return TRUE if value else EMPTY if value is None else FALSE


# --- kinds -------------------------------------------------------------------------------------------------------

_SYSTEM_NAMES = {
    bool: "Boolean",
    str: "String",
    int: "Integer",
    Long: "Long",
    float: "Decimal",
    Decimal: "Decimal",
    Date: "Date",
    DateTime: "DateTime",
    Time: "Time",
    Quantity: "Quantity",
}


def system_type(item: Any) -> str | None:
    """The System type name of an item (`Integer`), None for complex elements."""
    return _SYSTEM_NAMES.get(type(item))


def describe(item: Any) -> str:
    """What kind of item this is, for messages; never its content."""
    kind = system_type(item)
    if kind is None and isinstance(item, dict):
        kind = "resource" if "resourceType" in item else "element"
    return kind or type(item).__name__


def decimal(value: int | float | Decimal) -> Decimal:
    """A JSON or System number as a Decimal with the digits it was written with."""
    if type(value) is float:
        return Decimal(repr(value))
    return value if type(value) is Decimal else Decimal(value)


def is_number(item: Any) -> bool:
    """True for int, Long, float and Decimal, not for bool."""
    return type(item) in (int, float, Decimal, Long)


def bounded(value: Decimal) -> Decimal:
    """A computed decimal held to 28 digits on either side of the point (security.md E5)."""
    if not value.is_finite() or value.adjusted() >= MAX_DIGITS:
        raise SizeLimitError(f"a number has more than {MAX_DIGITS} digits")
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -MAX_DIGITS:
        value = round(value, MAX_DIGITS)
    return value


def as_quantity(item: Any) -> Quantity | None:
    """A Quantity, a number (unit 1), or a FHIR Quantity element (value with a UCUM code) as a Quantity; else None."""
    if type(item) is Quantity:
        return item
    if is_number(item):
        return Quantity(decimal(item))
    if type(item) is dict and is_number(item.get("value")):
        unit = _unit_of(item)
        if isinstance(unit, str):
            return Quantity(decimal(item["value"]), unit)
    return None


def _unit_of(item: dict[str, Any]) -> Any:
    """The unit of a FHIR Quantity element: its UCUM code, else what is written for people. A code of another system is
    no UCUM and compares with itself only."""
    code, unit = item.get("code"), item.get("unit")
    if code and item.get("system", _UCUM) != _UCUM:
        return unit or f"{item['system']}|{code}"
    return code or unit or "1"


def as_temporal(item: Any, like: type[Temporal]) -> Temporal | None:
    """A temporal value, or a string that reads as one of the family of `like`; else None."""
    if isinstance(item, Temporal):
        return item
    if type(item) is str:
        return temporal.parse_time(item) if like is Time else temporal.parse(item)
    return None


def temporal_pair(left: str, right: str) -> tuple[Temporal, Temporal] | None:
    """Two strings of unknown FHIR type that both read as dates or dateTimes; None when they are just text."""
    if left[:4].isdigit() and right[:4].isdigit():
        first, second = temporal.parse(left), temporal.parse(right)
        if first is not None and second is not None:
            return first, second
    return None


# --- equality ----------------------------------------------------------------------------------------------------


def equal(left: Any, right: Any) -> bool | None:
    """FHIRPath 6.1.1 `=` of two items: None when partial dates leave it open. Strings that both read as dates compare
    as dates."""
    kind, other = type(left), type(right)
    if kind is other:
        if kind is str:
            if left == right:
                return True
            pair = temporal_pair(left, right)
            return temporal.equal(*pair) if pair else False
        if kind is dict:
            return True if left == right else _equal_elements(left, right)
        if isinstance(left, Temporal):
            return temporal.equal(left, right)
        return quantities.equal(left, right) if kind is Quantity else bool(left == right)
    if isinstance(left, Temporal) or isinstance(right, Temporal):
        return _equal_temporal(left, right)
    if kind is Quantity or other is Quantity:
        first, second = as_quantity(left), as_quantity(right)
        return quantities.equal(first, second) if first and second else False
    if is_number(left) and is_number(right):
        return decimal(left) == decimal(right)
    return False


def _equal_temporal(left: Any, right: Any) -> bool | None:
    like = type(left) if isinstance(left, Temporal) else type(right)
    first, second = as_temporal(left, like), as_temporal(right, like)
    return temporal.equal(first, second) if first is not None and second is not None else False


def _equal_elements(left: dict[str, Any], right: dict[str, Any]) -> bool | None:
    if left.keys() != right.keys():
        return False
    answer: bool | None = True
    for name, value in left.items():
        same = _equal_values(value, right[name])
        if same is False:
            return False
        answer = answer and same
    return answer


def _equal_values(left: Any, right: Any) -> bool | None:
    if type(left) is list and type(right) is list:
        return equal_collections(left, right) if len(left) == len(right) else False
    return equal(left, right)


def equal_collections(left: list[Any], right: list[Any]) -> bool | None:
    """`=` of two collections that are not empty: same items in the same order."""
    if len(left) != len(right):
        return False
    answer: bool | None = True
    for first, second in zip(left, right, strict=True):
        same = equal(first, second)
        if same is False:
            return False
        answer = answer and same
    return answer


def equivalent(left: Any, right: Any) -> bool:
    """FHIRPath 6.1.2 `~` of two items: text without case and space differences, numbers at the coarser precision."""
    if type(left) is str and type(right) is str:
        pair = temporal_pair(left, right)
        return temporal.equivalent(*pair) if pair else folded(left) == folded(right)
    if is_number(left) and is_number(right):
        return quantities.same_rounded(decimal(left), decimal(right))
    if type(left) is dict and type(right) is dict and as_quantity(left) is None:
        return _equivalent_elements(left, right)
    if type(left) is Quantity or type(right) is Quantity or type(left) is dict:
        one, other = as_quantity(left), as_quantity(right)
        return quantities.equivalent(one, other) if one and other else False
    return equal(left, right) is True


def _equivalent_elements(left: dict[str, Any], right: dict[str, Any]) -> bool:
    if left.keys() - {"id"} != right.keys() - {"id"}:
        return False
    return all(
        equivalent_collections(_as_list(value), _as_list(right[name])) for name, value in left.items() if name != "id"
    )


def equivalent_collections(left: list[Any], right: list[Any]) -> bool:
    """`~` of two collections: the same items in any order; two empty ones are equivalent."""
    if len(left) != len(right):
        return False
    rest = list(right)
    for item in left:
        match = next((index for index, other in enumerate(rest) if equivalent(item, other)), None)
        if match is None:
            return False
        del rest[match]
    return True


def _as_list(value: Any) -> list[Any]:
    return value if type(value) is list else [value]


def folded(text: str) -> str:
    """Text without differences of case and of kinds of white space (FHIRPath 3.0 6.1.2: runs of it are kept)."""
    return text.casefold().translate(_SPACES)


# --- order -------------------------------------------------------------------------------------------------------


def compare(left: Any, right: Any) -> int | None:
    """FHIRPath 6.2 order of two items: -1, 0, 1, or None when it is open. EvaluationError for types that have no
    order between them."""
    kind = type(left)
    if kind is type(right):
        if kind is str:
            pair = temporal_pair(left, right) if left != right else None
            return temporal.compare(*pair) if pair else (left > right) - (left < right)
        if kind is int or kind is float or kind is Decimal:
            return int(left > right) - int(left < right)
    if is_number(left) and is_number(right):
        first, second = decimal(left), decimal(right)
        return (first > second) - (first < second)
    if isinstance(left, Temporal) or isinstance(right, Temporal):
        return _compare_temporal(left, right)
    if {kind, type(right)} & {Quantity, dict}:
        one, other = as_quantity(left), as_quantity(right)
        if one is not None and other is not None:
            return quantities.compare(one, other)
    raise EvaluationError(f"{describe(left)} and {describe(right)} have no order", hint="compare values of one type")


def _compare_temporal(left: Any, right: Any) -> int | None:
    like = type(left) if isinstance(left, Temporal) else type(right)
    first, second = as_temporal(left, like), as_temporal(right, like)
    if type(left if first is None else right) is str and (first is None or second is None):
        return None  # text that is no date: unknown, as data comes from many hands
    if first is None or second is None or not temporal.comparable(first, second):
        raise EvaluationError(
            f"{describe(left)} and {describe(right)} have no order",
            hint="choose one type first, such as onset.ofType(dateTime)",
        )
    return temporal.compare(first, second)


#: Steps for content (security.md E2): one for so many bytes of JSON; sets count only for larger elements.
_LIGHT, _HEAVY = 100, 10_000
Spend = Callable[[int], None]

# --- sets --------------------------------------------------------------------------------------------------------


def key(item: Any) -> Hashable:
    """A value that is the same for equal items, for distinct, union and membership."""
    kind = type(item)
    if kind is str:
        return str(item)
    if kind is bool:
        return (bool, item)
    if kind is float:
        return decimal(item)
    if kind is dict or kind is list:  # a list within a list is no FHIR, and may come all the same
        return _canonical(item)
    if kind is TypeInfo:
        return (TypeInfo, item.namespace, item.name)
    if kind is Node:
        return key(item.value) if item.value is not None else (Node, key(item.element or {}))
    return item  # type: ignore[no-any-return]


def _canonical(item: Any, option: int = orjson.OPT_SORT_KEYS) -> bytes | str:
    try:
        return orjson.dumps(item, default=_json_default, option=option)
    except TypeError:  # integers beyond 64 bits, which orjson does not write
        return json.dumps(item, default=_json_default, sort_keys=True)


def weight(items: list[Any]) -> int:
    """What it costs to compare elements by content, in steps of the budget: about a microsecond each."""
    return sum(len(_canonical(item, 0)) // _LIGHT for item in items if type(item) is dict)


def effort(items: list[Any]) -> int:
    """What `~` may cost for a collection, in steps: each item, and each in a list below, may be compared with every
    other one."""
    return len(items) * sum(_effort(item) for item in items)


def _effort(item: Any) -> int:
    if type(item) is not dict:
        return 1
    return 1 + sum(effort(value) if type(value) is list else _effort(value) for value in item.values())


def _free(_: int) -> None:
    """Takes steps from nobody."""


def _paid(item: Any, spend: Spend) -> Hashable:
    """The key of an item; a large element is paid for."""
    mark = key(item)
    if type(mark) is bytes and len(mark) > _HEAVY:
        spend(len(mark) // _LIGHT)
    return mark


def distinct(items: list[Any], spend: Spend = _free) -> list[Any]:
    """Items without later duplicates; `spend` takes the steps for large elements."""
    if set(map(type, items)) == {str}:
        return list(dict.fromkeys(items))
    seen = set()
    result = []
    for item in items:
        mark = _paid(item, spend)
        if mark not in seen:
            seen.add(mark)
            result.append(item)
    return result


class Seen:
    """Which items came by before, as `key` tells them apart. Elements that each have another id need no key."""

    __slots__ = ("_by_id", "_keys", "_spend")

    def __init__(self, spend: Spend = _free) -> None:
        self._spend = spend
        self._by_id: dict[str, Any] = {}
        self._keys: set[Hashable] = set()

    def is_new(self, item: Any) -> bool:
        """True when no equal item came by; from now on one did."""
        element = item.value if type(item) is Node else item
        identifier = element.get("id") if type(element) is dict else None
        if type(identifier) is str:
            first = self._by_id.setdefault(identifier, item)
            if first is item:
                return True
            self._keys.add(_paid(first, self._spend))
        mark = _paid(item, self._spend)
        if mark in self._keys:
            return False
        self._keys.add(mark)
        return True


# --- results -----------------------------------------------------------------------------------------------------


def truth(items: list[Any]) -> bool | None:
    """Singleton evaluation of a condition (FHIRPath 4.5): the boolean, True for a single item of another type, None
    for empty. EvaluationError for more than one item."""
    if not items:
        return None
    if len(items) > 1:
        raise EvaluationError(f"a condition gave {len(items)} items", hint="use exists() to make it one boolean")
    return items[0] if type(items[0]) is bool else True


def _json_default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return json_number(value)
    raise TypeError


def json_number(value: Decimal) -> int | float:
    """A Decimal as the JSON number that keeps its digits where a number can."""
    return int(value) if value == value.to_integral_value() and value.as_tuple().exponent == 0 else float(value)


def to_json(item: Any, *, exact: bool = False) -> Any:
    """An item as FHIR JSON: dates and times as strings, a Quantity as a Quantity element, decimals as numbers, or as
    they are when `exact`."""
    if type(item) is str or type(item) is dict:
        return item
    if isinstance(item, Temporal):
        return str(item)
    if type(item) is Decimal:
        return item if exact else json_number(item)
    if type(item) is Long:
        return int(item)
    if type(item) is Quantity:
        value = item.value if exact else json_number(item.value)
        element: dict[str, Any] = {"value": value, "unit": item.unit}
        code = _ucum(item)
        return {**element, "system": _UCUM, "code": code} if code else element
    if type(item) is TypeInfo:
        return {"namespace": item.namespace, "name": item.name}
    return item.value if type(item) is Node else item


def _ucum(item: Quantity) -> str | None:
    if item.calendar is None:
        return item.unit
    return quantities.UCUM_OF[item.calendar]


def text_of(item: Any) -> str | None:
    """An item as text the way toString() shows it (FHIRPath 5.5.6); None for elements."""
    kind = type(item)
    if kind is str:
        return str(item)
    if kind is int:
        return str(item)
    if kind is bool:
        return "true" if item else "false"
    if is_number(item):
        return f"{decimal(item):f}"
    if isinstance(item, (Temporal, Quantity)):
        return str(item)
    return None
