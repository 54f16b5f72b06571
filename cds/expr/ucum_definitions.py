"""Every unit of UCUM, from the definitions (ucum-essence) that ucumvert ships. Imported only when a unit is met that
the table of cds.expr.ucum lacks.

Conversion is ours and exact: ucumvert's own, by pint, goes through floats and takes arbitrary units for numbers, so
that `[iU]` would equal `[arb'U]` (against UCUM 24). Two liberties: the mole is a dimension, for an amount of a
substance is no number to a clinician, and the retired homeopathic units (`[hp'_X]`) are comparable with themselves
only.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import re2
from ucumvert import xml_util

from cds.expr.scales import SCALES
from cds.expr.ucum import Unit, reduce

_PREFIXES = {
    prefix.attrib["Code"]: Fraction(value.attrib["value"])
    for prefix in xml_util.root.iterfind("{*}prefix")
    for value in prefix.iterfind("{*}value")
}
_DEFINITIONS = {definition.code_cs: definition for definition in xml_util.get_units_with_full_definition()}
_BASE = frozenset(xml_util.get_base_units())
#: The value of a special unit: a function of an amount of a unit, as in `degf(5 K/9)`.
_FUNCTION = re2.compile(r"(\w+)\((\S+) (.+)\)")
_FUNCTIONS = {"cel": "Cel", "degf": "degF", "degre": "degRe", "2lg": "lgTimes2", "100tan": "tanTimes100"}


def unit(symbol: str) -> Unit | None:
    """A unit, with its prefix if it has one; None when there is no such unit or it has no conversion."""
    if symbol in _BASE or symbol in _DEFINITIONS:
        return _atom(symbol)
    for length in (1, 2):
        prefix, atom = _PREFIXES.get(symbol[:length]), symbol[length:]
        if prefix is not None and (atom in _BASE or (atom in _DEFINITIONS and _DEFINITIONS[atom].is_metric)):
            found = _atom(atom)
            if found is not None and found.scale is not None:
                return found._replace(step=found.step * prefix)
            return None if found is None else found._replace(factor=found.factor * prefix)
    return None


@lru_cache(maxsize=512)
def _atom(code: str) -> Unit | None:
    if code in _BASE or code == "mol":
        return Unit(Fraction(1), ((code, 1),))
    definition = _DEFINITIONS[code]
    if definition.is_special:
        return _special(definition.defining_unit)
    if definition.is_arbitrary and definition.defining_unit == "1":
        return Unit(Fraction(1), ((code, 1),))
    base = reduce(definition.defining_unit)
    return None if base is None else base._replace(factor=base.factor * Fraction(str(definition.conversion_factor)))


def _special(text: str) -> Unit | None:
    match = _FUNCTION.fullmatch(text)
    scale = SCALES.get(_FUNCTIONS.get(match.group(1), match.group(1))) if match else None
    base = reduce(match.group(3)) if match else None
    if match is None or scale is None or base is None:
        return None
    return base._replace(factor=base.factor * Fraction(match.group(2)), scale=scale)
