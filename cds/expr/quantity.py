"""Quantity of FHIRPath: a decimal with a UCUM unit or a calendar word, exact conversion between comparable units.

Units that measure the same are comparable; a unit that is no UCUM is comparable with itself only. Calendar years and
months are no definite durations: they compare with calendar units, and with UCUM's only under `~` (FHIRPath 3.0,
Time-valued Quantities).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from fractions import Fraction

from cds.expr import ucum
from cds.expr.ucum import Unit

_DIVISION = Context(prec=28)
_WIDE = Context(prec=200)

#: Calendar words, each with its singular.
CALENDAR = {
    word + ending: word
    for word in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for ending in ("", "s")
}
#: Definite UCUM time units that may stand for a calendar unit in date arithmetic (FHIRPath 4.1.8).
TIME_UNITS = {"wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond"}
#: Calendar word -> the UCUM unit that is equal to it, or for years and months equivalent.
UCUM_OF = {word: code for code, word in TIME_UNITS.items()} | {"year": "a", "month": "mo"}
_MONTHS = {"year": 12, "month": 1}
#: What years and months count beside the other calendar words.
_DAYS = {"year": 365, "month": 30}


class Quantity:
    """A value (Decimal) with a unit: a UCUM code, or a calendar word as it was written (`calendar` is its singular)."""

    __slots__ = ("calendar", "unit", "value")

    def __init__(self, value: Decimal, unit: str = "1", calendar: str | None = None) -> None:
        self.value = value
        self.unit = unit
        self.calendar = calendar

    def __str__(self) -> str:
        return f"{self.value:f} {self.unit if self.calendar else repr_unit(self.unit)}"

    def __repr__(self) -> str:
        return f"Quantity({self})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and equal(self, other) is True

    def __hash__(self) -> int:
        unit = _unit(self)
        base = unit.to_base(Fraction(self.value)) if unit else None
        return hash((base, unit.dimensions) if unit and base is not None else (self.value, self.unit))


def repr_unit(unit: str) -> str:
    """The unit as a FHIRPath string literal."""
    return "'" + unit.replace("\\", "\\\\").replace("'", "\\'") + "'"


def calendar_quantity(value: Decimal, word: str) -> Quantity:
    """A quantity of a calendar word (`day`, `weeks`)."""
    return Quantity(value, word, CALENDAR[word])


def _unit(quantity: Quantity) -> Unit | None:
    """Its unit; a calendar year or month has a dimension of its own."""
    word = quantity.calendar
    if word in _MONTHS:
        return Unit(Fraction(_MONTHS[word]), (("calendar-month", 1),))
    return ucum.reduce(quantity.unit if word is None else UCUM_OF[word])


def _units(left: Quantity, right: Quantity) -> tuple[Unit, Unit] | None:
    """Both units when they measure the same. Where a calendar year or month meets a shorter calendar word, it counts
    as 365 or 30 days."""
    first, second = _unit(left), _unit(right)
    if left.calendar and right.calendar and (left.calendar in _MONTHS) is not (right.calendar in _MONTHS):
        first, second = _in_days(left), _in_days(right)
    return (first, second) if first and second and first.dimensions == second.dimensions else None


def _in_days(quantity: Quantity) -> Unit | None:
    days = _DAYS.get(quantity.calendar or "")
    return Unit(Fraction(days * 86400), (("s", 1),)) if days else _unit(quantity)


def comparable(left: Quantity, right: Quantity) -> bool:
    """True when the units measure the same."""
    return left.unit == right.unit or _units(left, right) is not None


def compare(left: Quantity, right: Quantity) -> int | None:
    """-1, 0 or 1; None when the units are not comparable."""
    if left.unit == right.unit:
        return (left.value > right.value) - (left.value < right.value)
    units = _units(left, right)
    if units is None:
        return None
    if units[0].scale is None and units[1].scale is None:
        # as whole numbers: a fraction is reduced at every step, which costs more than all the rest
        (above, below), (numerator, denominator) = left.value.as_integer_ratio(), right.value.as_integer_ratio()
        one, other = units[0].factor, units[1].factor
        ours = above * denominator * one.numerator * other.denominator
        theirs = numerator * below * other.numerator * one.denominator
        return (ours > theirs) - (ours < theirs)
    first, second = units[0].to_base(Fraction(left.value)), units[1].to_base(Fraction(right.value))
    return None if first is None or second is None else (first > second) - (first < second)


def equal(left: Quantity, right: Quantity) -> bool | None:
    """`=`: None when the units are not comparable (FHIRPath 6.1.1)."""
    order = compare(left, right)
    return None if order is None else order == 0


def equivalent(left: Quantity, right: Quantity) -> bool:
    """`~`: equal in the coarser unit, rounded to the fewer decimals; calendar years and months count as their definite
    UCUM units (FHIRPath 6.1.2). False when the units are not comparable."""
    if left.unit == right.unit:
        return same_rounded(left.value, right.value)
    left, right = _definite(left), _definite(right)
    units = _units(left, right)
    if units is None:
        return False
    if units[0].factor < units[1].factor:
        left, right = right, left
    converted = convert(right, left)
    return converted is not None and same_rounded(left.value, converted.value)


def same_rounded(left: Decimal, right: Decimal) -> bool:
    """True when two numbers are equal after rounding to the fewer of their decimals; final zeros do not count."""
    unit = Decimal(1).scaleb(-min(_places(left), _places(right)))
    try:
        return left.quantize(unit, ROUND_HALF_UP, _WIDE) == right.quantize(unit, ROUND_HALF_UP, _WIDE)
    except InvalidOperation:  # hundreds of digits
        return left == right


def _places(value: Decimal) -> int:
    exponent = value.normalize(_WIDE).as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _definite(quantity: Quantity) -> Quantity:
    return Quantity(quantity.value, UCUM_OF[quantity.calendar]) if quantity.calendar in _MONTHS else quantity


def _decimal(value: Fraction) -> Decimal:
    return _DIVISION.divide(Decimal(value.numerator), Decimal(value.denominator))


# --- conversion --------------------------------------------------------------------------------------------------


def convert(value: Quantity, like: Quantity) -> Quantity | None:
    """`value` in the unit of `like`, or None when the units are not comparable."""
    units = _units(value, like)
    base = units[0].to_base(Fraction(value.value)) if units else None
    found = units[1].of_base(base) if units and base is not None else None
    return None if found is None else Quantity(_decimal(found), like.unit, like.calendar)


def convert_explicitly(value: Quantity, like: Quantity) -> Quantity | None:
    """As convert(), for toQuantity(unit): between calendar words and UCUM the value is converted within its own system
    and then renamed, so that a year is an `a` (FHIRPath 3.0 5.5.7)."""
    if (value.calendar is None) is (like.calendar is None):
        return convert(value, like)
    if like.calendar is not None:
        step = Quantity(Decimal(1), UCUM_OF[like.calendar])
    else:
        word = {code: word for word, code in UCUM_OF.items()}.get(like.unit)
        if word is None:
            return convert(value, like)
        step = calendar_quantity(Decimal(1), word)
    found = convert(value, step)
    return None if found is None else Quantity(found.value, like.unit, like.calendar)


def to_finer(left: Quantity, right: Quantity) -> tuple[Quantity, Quantity] | None:
    """Both in the finer of their units, for a sum (FHIRPath 6.6), and in calendar words when one is in such a word.
    None when the units are not comparable, special, or different ones of which one is a calendar year or month."""
    if left.unit == right.unit or (left.calendar and left.calendar == right.calendar):
        return left, Quantity(right.value, left.unit, left.calendar)
    units = _units(left, right)
    if units is None or left.calendar in _MONTHS or right.calendar in _MONTHS or units[0].scale or units[1].scale:
        return None
    like = left if units[0].factor <= units[1].factor else right
    if (left.calendar or right.calendar) and like.unit in TIME_UNITS:
        like = calendar_quantity(Decimal(1), TIME_UNITS[like.unit] + "s")
    first, second = convert(left, like), convert(right, like)
    return None if first is None or second is None else (first, second)


# --- products ----------------------------------------------------------------------------------------------------


def unit_product(left: Quantity, right: Quantity, *, inverse: bool = False) -> str | None:
    """The unit of a product, or of a quotient when `inverse`, with the powers of each unit joined: `cm` by `cm` is
    `cm2`, `m/s` by `s` is `m`. None for calendar words, special units and what is no UCUM."""
    if right.unit == "1" or (left.unit == "1" and not inverse):
        return left.unit if right.unit == "1" else right.unit
    for quantity in (left, right):
        unit = None if quantity.calendar else ucum.reduce(quantity.unit)
        if unit is None or unit.scale is not None:
            return None
    first, second = ucum.powers(left.unit), ucum.powers(right.unit)
    if first is None or second is None:
        return f"({left.unit}){'/' if inverse else '.'}({right.unit})"
    for symbol, power in second.items():
        first[symbol] = first.get(symbol, 0) + (-power if inverse else power)
    above = [_written(symbol, power) for symbol, power in first.items() if power > 0]
    below = ["/" + _written(symbol, -power) for symbol, power in first.items() if power < 0]
    return ".".join(above) + "".join(below) or "1"


def _written(symbol: str, power: int) -> str:
    return symbol if power == 1 else f"{symbol}{power}"
