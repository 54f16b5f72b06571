"""Quantity of FHIRPath: a decimal with a UCUM unit or a calendar word, exact conversion between comparable units.

Units are reduced to a factor and dimensions over a small table of UCUM atoms and prefixes; a unit outside the table is
comparable with itself only.
"""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache

_DIVISION = Context(prec=28)
Dimensions = tuple[tuple[str, int], ...]

#: Calendar words, each with its singular.
CALENDAR = {
    word + ending: word
    for word in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for ending in ("", "s")
}
#: Definite UCUM time units that may stand for a calendar unit in date arithmetic (FHIRPath 4.1.8).
TIME_UNITS = {"wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond"}

_PREFIXES = {
    "G": Fraction(10**9),
    "M": Fraction(10**6),
    "k": Fraction(1000),
    "h": Fraction(100),
    "d": Fraction(1, 10),
    "c": Fraction(1, 100),
    "m": Fraction(1, 1000),
    "u": Fraction(1, 10**6),
    "n": Fraction(1, 10**9),
    "p": Fraction(1, 10**12),
    "f": Fraction(1, 10**15),
}

_MAX_EXPONENT = 30
_SECOND, _METRE, _GRAM = {"s": 1}, {"m": 1}, {"g": 1}
#: atom -> (factor, base dimensions, takes prefixes)
_ATOMS: dict[str, tuple[Fraction, dict[str, int], bool]] = {
    "1": (Fraction(1), {}, False),
    "%": (Fraction(1, 100), {}, False),
    "10*": (Fraction(10), {}, False),
    "10^": (Fraction(10), {}, False),
    "s": (Fraction(1), _SECOND, True),
    "min": (Fraction(60), _SECOND, False),
    "h": (Fraction(3600), _SECOND, False),
    "d": (Fraction(86400), _SECOND, False),
    "wk": (Fraction(604800), _SECOND, False),
    "mo": (Fraction(31557600, 12), _SECOND, False),
    "a": (Fraction(31557600), _SECOND, False),
    "m": (Fraction(1), _METRE, True),
    "[in_i]": (Fraction(254, 10000), _METRE, False),
    "[ft_i]": (Fraction(3048, 10000), _METRE, False),
    "g": (Fraction(1), _GRAM, True),
    "[lb_av]": (Fraction(45359237, 100000), _GRAM, False),
    "[oz_av]": (Fraction(45359237, 1600000), _GRAM, False),
    "l": (Fraction(1, 1000), {"m": 3}, True),
    "L": (Fraction(1, 1000), {"m": 3}, True),
    "mol": (Fraction(1), {"mol": 1}, True),
    "eq": (Fraction(1), {"mol": 1}, True),
    "K": (Fraction(1), {"K": 1}, True),
    "A": (Fraction(1), {"A": 1}, True),
    "N": (Fraction(1000), {"g": 1, "m": 1, "s": -2}, True),
    "J": (Fraction(1000), {"g": 1, "m": 2, "s": -2}, True),
    "cal": (Fraction(4184), {"g": 1, "m": 2, "s": -2}, True),
    "W": (Fraction(1000), {"g": 1, "m": 2, "s": -3}, True),
    "Pa": (Fraction(1000), {"g": 1, "m": -1, "s": -2}, True),
    "Hz": (Fraction(1), {"s": -1}, True),
    "m[Hg]": (Fraction(133322387, 1), {"g": 1, "m": -1, "s": -2}, True),
    "[iU]": (Fraction(1), {"[iU]": 1}, True),
    "U": (Fraction(1), {"U": 1}, True),
}


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
        reduced = _reduce(self)
        return hash((reduced[0] * Fraction(self.value), reduced[1]) if reduced else (self.value, self.unit))


def repr_unit(unit: str) -> str:
    """The unit as a FHIRPath string literal."""
    return "'" + unit.replace("\\", "\\\\").replace("'", "\\'") + "'"


def calendar_quantity(value: Decimal, word: str) -> Quantity:
    """A quantity of a calendar word (`day`, `weeks`)."""
    return Quantity(value, word, CALENDAR[word])


def _atom(symbol: str) -> tuple[Fraction, dict[str, int]] | None:
    entry = _ATOMS.get(symbol)
    if entry is not None:
        return entry[0], entry[1]
    prefix, rest = _PREFIXES.get(symbol[:1]), _ATOMS.get(symbol[1:])
    if prefix is not None and rest is not None and rest[2]:
        return prefix * rest[0], rest[1]
    return None


def _component(text: str) -> tuple[Fraction, dict[str, int]] | None:
    """One unit with its exponent and annotation: `m2`, `10*3`, `mg{total}`."""
    if "{" in text:
        text = text[: text.index("{")] or "1"
    symbol = text.rstrip("0123456789")
    if symbol.endswith(("-", "+")) and len(symbol) > 1:
        symbol = symbol[:-1]
    exponent_text = text[len(symbol) :]
    if not symbol or _atom(symbol) is None:
        symbol, exponent_text = text, ""
    if not symbol and text.isdigit():
        symbol = text
    if symbol.isascii() and symbol.isdigit() and symbol != "1" and len(symbol) < 10:
        return Fraction(int(symbol)), {}
    atom = _atom(symbol)
    if atom is None or (not exponent_text.lstrip("+-").isdigit() and exponent_text):
        return None
    exponent = int(exponent_text or 1) if len(exponent_text) < 4 else _MAX_EXPONENT + 1
    if abs(exponent) > _MAX_EXPONENT:
        return None
    return atom[0] ** exponent, {name: power * exponent for name, power in atom[1].items()}


@lru_cache(maxsize=2048)
def reduce_unit(unit: str) -> tuple[Fraction, Dimensions] | None:
    """A UCUM unit of multiplied and divided components as (factor, dimensions); None when it is not in the table."""
    if not unit or len(unit) > 100 or "(" in unit:
        return None
    factor, powers, sign = Fraction(1), dict[str, int](), 1
    for index, piece in enumerate(unit.replace("/", "./").split(".")):
        sign = -1 if piece.startswith("/") else 1
        text = piece.removeprefix("/")
        if not text and index == 0:
            continue
        component = _component(text)
        if component is None:
            return None
        factor *= component[0] ** sign
        for name, power in component[1].items():
            powers[name] = powers.get(name, 0) + power * sign
    return factor, tuple(sorted((name, power) for name, power in powers.items() if power))


def _reduce(quantity: Quantity) -> tuple[Fraction, Dimensions] | None:
    """Factor and dimensions; calendar years and months keep a dimension of their own (FHIRPath 4.1.8)."""
    word = quantity.calendar
    if word in ("year", "month"):
        return Fraction(12 if word == "year" else 1), (("calendar-month", 1),)
    if word is not None:
        word = next(code for code, name in TIME_UNITS.items() if name == word)
    return reduce_unit(word or quantity.unit)


def _pair(left: Quantity, right: Quantity) -> tuple[Fraction, Fraction] | None:
    """Both values in one unit, or None when the units are not comparable."""
    if left.unit == right.unit:
        return Fraction(left.value), Fraction(right.value)
    first, second = _reduce(left), _reduce(right)
    if first is None or second is None or first[1] != second[1]:
        return None
    return Fraction(left.value) * first[0], Fraction(right.value) * second[0]


def comparable(left: Quantity, right: Quantity) -> bool:
    """True when the units measure the same."""
    return _pair(left, right) is not None


def convert(value: Quantity, like: Quantity) -> Quantity | None:
    """`value` in the unit of `like`, or None when the units are not comparable."""
    first, second = _reduce(value), _reduce(like)
    if first is None or second is None or first[1] != second[1]:
        return None
    ratio = Fraction(value.value) * first[0] / second[0]
    converted = _DIVISION.divide(Decimal(ratio.numerator), Decimal(ratio.denominator))
    return Quantity(converted, like.unit, like.calendar)


def compare(left: Quantity, right: Quantity) -> int | None:
    """-1, 0 or 1; None when the units are not comparable."""
    pair = _pair(left, right)
    if pair is None:
        return None
    return (pair[0] > pair[1]) - (pair[0] < pair[1])


def equal(left: Quantity, right: Quantity) -> bool | None:
    """`=`: None when the units are not comparable but both measure time (a year is not a definite duration), false
    when they measure different things (FHIRPath 6.1.1)."""
    order = compare(left, right)
    if order is not None:
        return order == 0
    times = [reduced is not None and _is_time(reduced[1]) for reduced in (_reduce(left), _reduce(right))]
    return None if all(times) else False


def _is_time(dimensions: Dimensions) -> bool:
    return dimensions in ((("s", 1),), (("calendar-month", 1),))


def equivalent(left: Quantity, right: Quantity) -> bool:
    """`~`: equal after rounding to the precision of the value with the coarser unit (FHIRPath 6.1.2); calendar years
    and months equal their definite UCUM units."""
    left, right = _definite(left), _definite(right)
    first, second = _reduce(left), _reduce(right)
    if left.unit == right.unit:
        first = second = (Fraction(1), ())
    if first is None or second is None or first[1] != second[1]:
        return False
    coarse = max(first[0], second[0])
    values = (Fraction(left.value) * first[0] / coarse, Fraction(right.value) * second[0] / coarse)
    digits = min(_places(left.value), _places(right.value))
    return round(values[0], digits) == round(values[1], digits)


def _definite(quantity: Quantity) -> Quantity:
    code = {"year": "a", "month": "mo"}.get(quantity.calendar or "")
    return Quantity(quantity.value, code) if code else quantity


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def unit_product(left: str, right: str) -> str:
    """The unit of a product, `1` dropped and equal units joined into a power: `cm` and `m` give `cm.m`."""
    if left == "1":
        return right
    return left if right == "1" else f"{left}.{right}"


def unit_quotient(left: str, right: str) -> str:
    """The unit of a quotient: `g` by `m` gives `g/m`, `m` by `m` gives `1`."""
    if left == right:
        return "1"
    if right == "1":
        return left
    inverted = "".join("." + part[1:] if part[0] == "/" else "/" + part for part in _pieces(right))
    return ("" if left == "1" else left) + inverted


def _pieces(unit: str) -> list[str]:
    return [piece for piece in unit.replace("/", "./").split(".") if piece]
