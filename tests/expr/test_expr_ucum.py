"""UCUM: every valid code, exact factors, special and arbitrary units, and what is loaded for them."""

from __future__ import annotations

import csv
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
import ucumvert
from lark.exceptions import LarkError

from cds.expr import quantity, ucum, ucum_definitions
from cds.expr.quantity import Quantity

pytestmark = pytest.mark.slow

EXAMPLES = Path(ucumvert.__file__).parent / "vendor" / "ucum_examples.tsv"
GRAMMAR = ucumvert.get_ucum_parser()


def examples() -> list[str]:
    """The example codes that UCUM publishes."""
    with EXAMPLES.open(encoding="utf-8") as file:
        return [row["UCUM_CODE"] for row in csv.DictReader(file, delimiter="\t")]


def is_valid(code: str) -> bool:
    """What the grammar of ucumvert says."""
    try:
        GRAMMAR.parse(code)
    except LarkError:
        return False
    return True


def test_every_published_example_is_reduced() -> None:
    """All of UCUM's examples but Torr, which its definitions lack."""
    assert [code for code in examples() if ucum.reduce(code) is None] == ["Torr"]


def test_codes_are_valid_where_the_published_grammar_says_so() -> None:
    """Codes with a character too many or too few are read or refused as ucumvert's grammar has it."""
    for code in examples()[::12]:
        for at in range(len(code)):
            for changed in (code[:at] + code[at + 1 :], code[:at] + "/" + code[at:], code[:at] + "2" + code[at:]):
                if changed and not any(len(digits) > 1 for digits in _exponents(changed)):
                    assert (ucum.reduce(changed) is not None) == is_valid(changed), changed


def _exponents(code: str) -> list[str]:
    """Runs of digits: large exponents are refused here alone."""
    return "".join(char if char.isdigit() else " " for char in code).split()


@pytest.mark.parametrize("symbol", [*ucum._METRIC, *ucum._PLAIN])
def test_the_quick_table_says_what_the_definitions_say(symbol: str) -> None:
    """A unit of the table has the factor and the dimensions that UCUM defines."""
    assert ucum.reduce(symbol) == ucum_definitions.unit(symbol)


def test_only_retired_units_have_no_conversion() -> None:
    """Everything that UCUM defines is reduced, but for four homeopathic functions."""
    missing = [code for code in ucum_definitions._DEFINITIONS if ucum.reduce(code) is None]
    assert missing == ["[hp'_X]", "[hp'_C]", "[hp'_M]", "[hp'_Q]"]


@pytest.mark.parametrize(
    ("value", "unit", "like", "expected"),
    [
        ("37", "Cel", "[degF]", "98.6"),
        ("98.6", "[degF]", "Cel", "37"),
        ("0", "K", "Cel", "-273.15"),
        ("1500", "mCel", "Cel", "1.5"),
        ("80", "[degRe]", "Cel", "100"),
        ("7", "[pH]", "nmol/L", "100"),
        ("30", "dB[W]", "kW", "1"),
        ("1", "[gal_us]", "L", "3.785411784"),
        ("1", "[lb_av]/[ft_i]3", "kg/m3", "16.01846337396013957965507065"),
        ("1", "kat", "U", "60000000"),
        ("1", "10*3/uL", "10*9/L", "1"),
        ("2", "mg/kg/(24.h)", "ug/kg/h", "83.33333333333333333333333333"),
        ("1", "100.mg{dry}", "g", "0.1"),
        ("180", "deg", "[pi].rad", "1"),
        ("5", "bit_s", "1", "32"),
    ],
)
def test_conversion(value: str, unit: str, like: str, expected: str) -> None:
    """Factors are exact; special units go through their scale."""
    found = quantity.convert(Quantity(Decimal(value), unit), Quantity(Decimal(1), like))
    assert found is not None
    assert found.value == Decimal(expected)


@pytest.mark.parametrize(
    ("left", "right"),
    [("[iU]", "[arb'U]"), ("[iU]", "1"), ("mol", "1"), ("Cel.m", "m.Cel"), ("[hp'_X]", "[hp'_C]"), ("g", "G")],
)
def test_units_that_do_not_compare(left: str, right: str) -> None:
    """Arbitrary units measure nothing but themselves, amounts are no numbers, special units stand alone."""
    assert not quantity.comparable(Quantity(Decimal(1), left), Quantity(Decimal(1), right))
    assert quantity.comparable(Quantity(Decimal(1), left), Quantity(Decimal(2), left))


@pytest.mark.parametrize("value", ["1e5", "-1e5"])
def test_a_logarithm_beyond_all_measures_compares_with_nothing(value: str) -> None:
    """No text from data makes a number of that many digits (security E5)."""
    assert quantity.compare(Quantity(Decimal(value), "B[W]"), Quantity(Decimal(1), "W")) is None
    assert quantity.convert(Quantity(Decimal(-1), "W"), Quantity(Decimal(1), "B[W]")) is None


REFUSED = ["", "m-", "10*999999999", "m99999", "m0", "0m", "//", "mg/", ".", "(m", "m)", "[m", "m{", "m}", "µg", "m m"]
LONG = ["x" * 200, "1" * 50, "(" * 49 + "m" + ")" * 49 + "m"]


@pytest.mark.parametrize("code", [*REFUSED, *LONG, "mg\n"])
def test_what_is_no_ucum_is_refused(code: str) -> None:
    """No unit text fails or grows without bound (security E5)."""
    assert ucum.reduce(code) is None


def test_fifty_parentheses_are_read() -> None:
    """The longest code nests no deeper than the reader goes."""
    assert ucum.reduce("(" * 49 + "m" + ")" * 49) == ucum.reduce("m")


def test_the_definitions_are_loaded_for_unusual_units_only() -> None:
    """Starting, rules without units and rules with the usual ones never wait for ucumvert and pint."""
    code = (
        "import sys, cds, cds.service; from cds.expr import ucum;"
        "loaded = lambda: 'pint' in sys.modules or 'ucumvert' in sys.modules;"
        "usual = 'mg/dL mm[Hg] 10*9/L Cel [degF] /min kg/m2 [iU]/L mmol/mol mL/min/{1.73_m2}'.split();"
        "[ucum.reduce(unit) for unit in [*usual, 'no unit']];"
        "print(loaded(), ucum.reduce('[gal_us]') is not None, loaded())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == (
        "False True True\n"
    )


def test_factors_stay_fractions() -> None:
    """A third is a third: nothing is rounded before the value is asked for."""
    unit = ucum.reduce("1/3")
    assert unit is not None
    assert unit.factor == Fraction(1, 3)
