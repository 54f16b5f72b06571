"""The scales of UCUM's special units (UCUM 21-22): from a value of the scale to a multiple of its base unit and back.

Temperatures are exact; logarithms and angles are computed to 28 digits or what a float holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Context, Decimal, DecimalException
from fractions import Fraction
from typing import NamedTuple

_CONTEXT = Context(prec=28)
#: No measurement has more decades than this; a power beyond it would only cost time.
_MOST_DECADES = 1000

Turn = Callable[[Fraction], Fraction | None]


class Scale(NamedTuple):
    """`to_ratio` gives the multiple of the base unit that a value of the scale stands for, `of_ratio` the way back;
    None where there is none."""

    to_ratio: Turn
    of_ratio: Turn


def _decimal(value: Fraction) -> Decimal:
    return _CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator))


def _shifted(zero: Fraction) -> Scale:
    """A temperature whose zero is at `zero` of its own degrees."""
    return Scale(lambda value: value + zero, lambda ratio: ratio - zero)


def _logarithmic(base: Decimal, times: int = 1) -> Scale:
    """`times` the logarithm of the ratio."""
    log = _CONTEXT.ln(base)

    def power(value: Fraction) -> Fraction | None:
        exponent = value / times
        if abs(exponent) > _MOST_DECADES:
            return None
        return Fraction(_CONTEXT.power(base, _decimal(exponent)))

    def logarithm(ratio: Fraction) -> Fraction | None:
        try:
            found = _CONTEXT.divide(_CONTEXT.ln(_decimal(ratio)), log)
        except DecimalException:
            return None
        return Fraction(round(found, 24)) * times if found.is_finite() else None

    return Scale(power, logarithm)


def _root(ratio: Fraction) -> Fraction | None:
    return None if ratio < 0 else Fraction(_CONTEXT.sqrt(_decimal(ratio)))


#: name of UCUM's function -> scale
SCALES = {
    "Cel": _shifted(Fraction(27315, 100)),
    "degF": _shifted(Fraction(45967, 100)),
    "degRe": _shifted(Fraction(21852, 100)),
    "pH": _logarithmic(Decimal(10), -1),
    "lg": _logarithmic(Decimal(10)),
    "lgTimes2": _logarithmic(Decimal(10), 2),
    "ln": _logarithmic(_CONTEXT.exp(Decimal(1))),
    "ld": _logarithmic(Decimal(2)),
    "tanTimes100": Scale(lambda value: Fraction(math.atan(value / 100)), lambda angle: Fraction(math.tan(angle)) * 100),
    "sqrt": Scale(lambda value: value * value, _root),
}
