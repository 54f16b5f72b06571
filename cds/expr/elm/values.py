"""Values that CQL has and FHIRPath does not: Interval, Code, Concept, Ratio, Tuple, value set references, uncertainty.

`==` here is structural, for Python's own containers; the `=` and `~` of CQL live in equality.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any
from weakref import ReferenceType

from cds.errors import EvaluationError
from cds.expr.quantity import Quantity

_MISSING: Any = object()


class Interval:
    """A low and a high boundary, each closed or open (CQL 5.1). A null boundary is the end of the type when closed and
    unknown when open. `point` is the point type (`System.Integer`) where known; otherwise the boundaries tell."""

    __slots__ = ("high", "high_closed", "low", "low_closed", "point")

    def __init__(
        self, low: Any, high: Any, low_closed: bool = True, high_closed: bool = True, point: str | None = None
    ) -> None:
        self.low = low
        self.high = high
        self.low_closed = low_closed
        self.high_closed = high_closed
        self.point = point

    def __eq__(self, other: object) -> bool:
        return type(other) is Interval and _members(self) == _members(other)

    def __hash__(self) -> int:
        return hash(_members(self))

    def __repr__(self) -> str:
        brackets = "(["[self.low_closed], ")]"[self.high_closed]
        return f"Interval{brackets[0]}{self.low}, {self.high}{brackets[1]}"


def _members(interval: Interval) -> tuple[Any, ...]:
    return (interval.low, interval.high, interval.low_closed, interval.high_closed)


class Code:
    """A code of a code system; `system` and `version` are None when not given."""

    __slots__ = ("code", "display", "system", "version")

    def __init__(
        self, code: str | None, system: str | None = None, version: str | None = None, display: str | None = None
    ) -> None:
        self.code = code
        self.system = system
        self.version = version
        self.display = display

    def __eq__(self, other: object) -> bool:
        return type(other) is Code and _parts(self) == _parts(other)

    def __hash__(self) -> int:
        return hash(_parts(self))

    def __repr__(self) -> str:
        return f"Code({self.code!r}, {self.system!r})"


def _parts(code: Code) -> tuple[str | None, ...]:
    return (code.code, code.system, code.version, code.display)


class Concept:
    """Codes that mean the same, with a text."""

    __slots__ = ("codes", "display")

    def __init__(self, codes: Iterable[Code], display: str | None = None) -> None:
        self.codes = tuple(codes)
        self.display = display

    def __eq__(self, other: object) -> bool:
        return type(other) is Concept and self.codes == other.codes and self.display == other.display

    def __hash__(self) -> int:
        return hash((self.codes, self.display))

    def __repr__(self) -> str:
        return f"Concept({list(self.codes)!r}, {self.display!r})"


class Ratio:
    """Two quantities, the numerator `to` the denominator."""

    __slots__ = ("denominator", "numerator")

    def __init__(self, numerator: Quantity, denominator: Quantity) -> None:
        self.numerator = numerator
        self.denominator = denominator

    def __eq__(self, other: object) -> bool:
        return type(other) is Ratio and self.numerator == other.numerator and self.denominator == other.denominator

    def __hash__(self) -> int:
        return hash((self.numerator, self.denominator))

    def __str__(self) -> str:
        return f"{self.numerator}:{self.denominator}"

    def __repr__(self) -> str:
        return f"Ratio({self})"


#: How to compute an element of a Tuple, given the evaluation and the frame it was made in.
Element = Callable[[Any, list[Any]], Any]


class Tuple:
    """Named elements; a null element is kept, for it is part of the type. Those among `runs` that `held` lacks are
    computed when they are asked for, once, while the evaluation they belong to is alive."""

    __slots__ = ("_evaluation", "_frame", "_runs", "held")

    def __init__(
        self,
        held: dict[str, Any],
        runs: Mapping[str, Element] | None = None,
        evaluation: ReferenceType[Any] | None = None,
        frame: list[Any] | None = None,
    ) -> None:
        self.held = held
        self._runs, self._evaluation, self._frame = runs, evaluation, frame

    @property
    def elements(self) -> dict[str, Any]:
        """All elements, in the order they are written."""
        runs = self._runs
        if runs is not None:
            self.held = {name: self.get(name) for name in runs}
            self._runs = self._evaluation = self._frame = None
        return self.held

    def get(self, name: str) -> Any:
        """One element; null when there is none of that name."""
        value = self.held.get(name, _MISSING)
        return self.computed(name) if value is _MISSING else value

    def computed(self, name: str) -> Any:
        """One element that `held` lacks."""
        runs, evaluation = self._runs, self._evaluation
        if runs is None or evaluation is None or name not in runs:
            return None
        alive = evaluation()
        if alive is None or self._frame is None:
            raise EvaluationError(f"the element '{name}' was not computed while its evaluation lasted")
        value = self.held[name] = runs[name](alive, self._frame)
        return value

    def __eq__(self, other: object) -> bool:
        return type(other) is Tuple and self.elements == other.elements

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Tuple({self.elements!r})"


class CodeSystem:
    """A reference to a code system: canonical url and version; `canonical` has both the way a canonical writes them."""

    __slots__ = ("canonical", "id", "name", "version")

    def __init__(self, id: str, version: str | None = None, name: str | None = None) -> None:  # noqa: A002 - CQL's name
        self.id = id
        self.version = version
        self.name = name
        self.canonical = id if version is None else f"{id}|{version}"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.id == other.id and self.version == other.version

    def __hash__(self) -> int:
        return hash((self.id, self.version))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r}, {self.version!r})"


class ValueSet(CodeSystem):
    """A reference to a value set, and the code systems it names versions of."""

    __slots__ = ("codesystems",)

    def __init__(
        self,
        id: str,  # noqa: A002 - CQL's name
        version: str | None = None,
        name: str | None = None,
        codesystems: tuple[CodeSystem, ...] = (),
    ) -> None:
        super().__init__(id, version, name)
        self.codesystems = codesystems


class Partial(list[Any]):
    """A list that may lack items, because the data behind it is incomplete: operators hand the mark on, and what would
    conclude from absence is null."""

    __slots__ = ()


class Uncertainty:
    """A whole number known only as a range, low and high included (CQL, timing with uncertainty). It compares and
    computes like the number; an order that the range leaves open is None."""

    __slots__ = ("high", "low")

    def __init__(self, low: int, high: int) -> None:
        self.low = low
        self.high = high

    def __lt__(self, other: Any) -> bool | None:
        low, high = _range(other)
        return True if self.high < low else False if self.low >= high else None

    def __le__(self, other: Any) -> bool | None:
        low, high = _range(other)
        return True if self.high <= low else False if self.low > high else None

    def __gt__(self, other: Any) -> bool | None:
        low, high = _range(other)
        return True if self.low > high else False if self.high <= low else None

    def __ge__(self, other: Any) -> bool | None:
        low, high = _range(other)
        return True if self.low >= high else False if self.high < low else None

    def __eq__(self, other: object) -> bool | None:  # type: ignore[override]
        if type(other) not in (int, Decimal, Uncertainty):
            return False
        low, high = _range(other)
        if self.low > high or self.high < low:
            return False
        return True if self.low == self.high == low == high else None

    def __ne__(self, other: object) -> bool | None:  # type: ignore[override]
        same = self == other
        return None if same is None else not same

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Uncertainty({self.low}, {self.high})"

    def __neg__(self) -> Uncertainty:
        return Uncertainty(-self.high, -self.low)

    def __add__(self, other: Any) -> Uncertainty:
        low, high = _range(other)
        return Uncertainty(self.low + low, self.high + high)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Uncertainty:
        low, high = _range(other)
        return Uncertainty(self.low - high, self.high - low)

    def __rsub__(self, other: Any) -> Uncertainty:
        return (-self).__add__(other)

    def __mul__(self, other: Any) -> Uncertainty:
        low, high = _range(other)
        products = [mine * theirs for mine in (self.low, self.high) for theirs in (low, high)]
        return Uncertainty(min(products), max(products))

    __rmul__ = __mul__


def _range(value: Any) -> tuple[Any, Any]:
    return (value.low, value.high) if type(value) is Uncertainty else (value, value)
