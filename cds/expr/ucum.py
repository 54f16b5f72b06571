"""UCUM: the factor and the dimensions of a unit code, exactly.

Units of daily use are in a small table here. Every other one comes from the definitions that ucumvert ships
(cds.expr.ucum_definitions), loaded when the first such unit is met, for that takes a third of a second: rules without
units, and with the usual ones, never wait for it.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import re2

from cds.expr.scales import SCALES, Scale

Dimensions = tuple[tuple[str, int], ...]

_MAX_CODE = 100
#: Units of homeopathy, which are functions without a use: valid, and comparable with themselves only.
_RETIRED = frozenset({"[hp'_X]", "[hp'_C]", "[hp'_M]", "[hp'_Q]"})
#: Beyond these a power or a factor is no unit (security.md E5).
_MAX_EXPONENT = 30
_MAX_DIGITS = 9


class Unit(NamedTuple):
    """One of it is `factor` base units, and `dimensions` are their powers. A special unit is on a `scale` of its own
    (Celsius, pH): one is then `step` of the scale, whose ratios are multiples of `factor` base units."""

    factor: Fraction
    dimensions: Dimensions = ()
    scale: Scale | None = None
    step: Fraction = Fraction(1)

    def to_base(self, value: Fraction) -> Fraction | None:
        """`value` of this unit in base units; None when that is beyond the scale."""
        if self.scale is None:
            return value * self.factor
        ratio = self.scale.to_ratio(value * self.step)
        return None if ratio is None else ratio * self.factor

    def of_base(self, value: Fraction) -> Fraction | None:
        """`value` base units in this unit; None when that is beyond the scale."""
        if self.scale is None:
            return value / self.factor
        found = self.scale.of_ratio(value / self.factor)
        return None if found is None else found / self.step


ONE = Unit(Fraction(1))


@lru_cache(maxsize=2048)
def reduce(code: str) -> Unit | None:
    """A UCUM code, case sensitive, as a Unit; None when it is not valid or has no conversion."""
    if not code or len(code) > _MAX_CODE or not code.isascii() or not code.isprintable() or " " in code:
        return None
    tokens = _TOKEN.findall(code)
    if sum(map(len, tokens)) < len(code):
        return None
    try:
        return _Reader(tokens).whole()
    except _InvalidError:
        return None


def is_valid(code: str) -> bool:
    """True for a UCUM code, the retired ones that have no conversion included."""
    return reduce(code) is not None or code in _RETIRED


def powers(code: str) -> dict[str, int] | None:
    """The units of a code with their exponents, in order: `m/s2` as m 1, s -2. None when it has parentheses,
    annotations or factors."""
    found: dict[str, int] = {}
    sign = 1
    for piece in _TOKEN.findall(code) if code != "1" else ():
        match = _EXPONENT.fullmatch(piece)
        symbol, exponent = (match.group(1), int(match.group(2))) if match else (piece, 1)
        if piece in ("/", "."):
            sign = -1 if piece == "/" else 1
        elif not symbol or symbol[0] in "(){":
            return None
        else:
            found[symbol] = found.get(symbol, 0) + sign * exponent
    return found


# --- the syntax (UCUM 2) -----------------------------------------------------------------------------------------

#: A sign, an annotation, or a unit with its exponent: brackets hold their content together.
_TOKEN = re2.compile(r"[./()]|\{[^{}]*\}|(?:[^./(){}\[\]]|\[[^\[\]]*\])+")
_EXPONENT = re2.compile(r"(.*?)([+-]?[0-9]+)")


class _InvalidError(Exception):
    """The code is no UCUM, or a unit in it has no conversion."""


class _Reader:
    """One pass over the tokens of a code."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = [*tokens, ""]
        self.index = 0

    def accept(self, *wanted: str) -> str:
        """The next token when it is one of these, else an empty text."""
        found = self.tokens[self.index]
        if not found or found not in wanted:
            return ""
        self.index += 1
        return found

    def whole(self) -> Unit:
        """The unit of the whole code."""
        unit = self.term()
        if self.tokens[self.index]:
            raise _InvalidError
        return unit

    def term(self) -> Unit:
        """Components joined by `.` and `/`; a first `/` stands for `1/`."""
        sign = -1 if self.accept("/") else 1
        parts = [(self.component(), sign)]
        while operator := self.accept(".", "/"):
            parts.append((self.component(), -1 if operator == "/" else 1))
        return product(parts)

    def component(self) -> Unit:
        """A term in parentheses, a unit, or 1; an annotation may follow and changes nothing."""
        unit = None
        if self.accept("("):
            unit = self.term()
            if not self.accept(")"):
                raise _InvalidError
        elif self.tokens[self.index][:1] not in (*"./()", "{", ""):
            unit = _power(self.tokens[self.index])
            self.index += 1
        if self.tokens[self.index].startswith("{"):
            self.index += 1
        elif unit is None:
            raise _InvalidError
        return unit or ONE


def _power(text: str) -> Unit:
    """A number, or a unit with its exponent: `m2`, `10*-3`."""
    if text.isdigit():
        if len(text) > _MAX_DIGITS or text[0] == "0":
            raise _InvalidError
        return Unit(Fraction(int(text)))
    match = _EXPONENT.fullmatch(text)
    if match is None:
        return _simple(text)
    exponent = int(match.group(2)) if len(match.group(2)) < 4 else 0
    if not 0 < abs(exponent) <= _MAX_EXPONENT or match.group(2).lstrip("+-").startswith("0"):
        raise _InvalidError
    return product([(_simple(match.group(1)), exponent)])


def product(parts: list[tuple[Unit, int]]) -> Unit:
    """Units raised to powers and multiplied; a special unit stands alone."""
    if len(parts) == 1 and parts[0][1] == 1:
        return parts[0][0]
    factor, powers = Fraction(1), dict[str, int]()
    for unit, power in parts:
        if unit.scale is not None:
            raise _InvalidError
        factor *= unit.factor**power
        for name, exponent in unit.dimensions:
            powers[name] = powers.get(name, 0) + exponent * power
    return Unit(factor, tuple(sorted((name, power) for name, power in powers.items() if power)))


def _simple(symbol: str) -> Unit:
    """A unit, with its prefix if it has one."""
    found = _PLAIN.get(symbol) or _METRIC.get(symbol)
    if found is not None:
        return found
    prefix, atom = _PREFIXES.get(symbol[:1]), _METRIC.get(symbol[1:])
    if prefix is not None and atom is not None:
        return Unit(atom.factor * prefix, atom.dimensions)
    from cds.expr import ucum_definitions

    found = ucum_definitions.unit(symbol)
    if found is None:
        raise _InvalidError
    return found


# --- the units of daily use --------------------------------------------------------------------------------------

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


def _unit(numerator: int, denominator: int = 1, **dimensions: int) -> Unit:
    return Unit(Fraction(numerator, denominator), tuple(sorted(dimensions.items())))


_METRIC = {
    "s": _unit(1, s=1),
    "m": _unit(1, m=1),
    "g": _unit(1, g=1),
    "l": _unit(1, 1000, m=3),
    "L": _unit(1, 1000, m=3),
    "mol": _unit(1, mol=1),
    "eq": _unit(1, mol=1),
    "osm": _unit(1, mol=1),
    "K": _unit(1, K=1),
    "N": _unit(1000, g=1, m=1, s=-2),
    "J": _unit(1000, g=1, m=2, s=-2),
    "cal": _unit(4184, g=1, m=2, s=-2),
    "W": _unit(1000, g=1, m=2, s=-3),
    "Pa": _unit(1000, g=1, m=-1, s=-2),
    "Hz": _unit(1, s=-1),
    "m[Hg]": _unit(133_322_000, g=1, m=-1, s=-2),
    "U": _unit(1, 60_000_000, mol=1, s=-1),
    "[iU]": Unit(Fraction(1), (("[iU]", 1),)),
    "[IU]": Unit(Fraction(1), (("[iU]", 1),)),
}
_PLAIN = {
    "%": _unit(1, 100),
    "10*": _unit(10),
    "10^": _unit(10),
    "min": _unit(60, s=1),
    "h": _unit(3600, s=1),
    "d": _unit(86400, s=1),
    "wk": _unit(604_800, s=1),
    "mo": _unit(2_629_800, s=1),
    "a": _unit(31_557_600, s=1),
    "[in_i]": _unit(254, 10_000, m=1),
    "[ft_i]": _unit(3048, 10_000, m=1),
    "[lb_av]": _unit(45_359_237, 100_000, g=1),
    "[oz_av]": _unit(45_359_237, 1_600_000, g=1),
    "Cel": Unit(Fraction(1), (("K", 1),), SCALES["Cel"]),
    "[degF]": Unit(Fraction(5, 9), (("K", 1),), SCALES["degF"]),
}
