"""Random expressions by the grammar, and random resources: strategies for the property tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from cds.expr.code import Function
from cds.expr.fhirpath import PRECEDENCE
from cds.expr.functions import FUNCTIONS

Draw = Callable[[st.SearchStrategy[Any]], Any]

LITERALS = r"""
{} true false 0 1 7 00012 2147483648 9999999999999999999999999999 0.0 2.50 0.0000000000000000000000000001
1'mg' 2.5'[in_i]' (4days) (1year) 10'wk' 1'1' 3'' '' 'a' 'Ann' '\'' '\u00e9\n\\' '(a+)+$' '[a-z]' '12' '1.50' 'true'
'4\u0020days' '2020-02-29' 'https://x' '\ud83d\ude00' @2020 @2020-02 @2020-02-29 @2020T @2020-02-29T10
@2020-02-29T10:00:00+14:00 @2020-02-29T23:59:59.999Z @T10 @T10:30:00.1 @0001-01-01 @9999-12-31
""".split()
NAMES = """
name given family use birthDate active gender deceased multipleBirth contact value code coding system onset extension
url id contained reference entry resource Patient Observation Bundle Resource `given` period start link unknown is
contains
""".split()
TYPES = """
Patient Resource Element HumanName Quantity string code date dateTime boolean uri System.String System.Integer
System.Any FHIR.decimal Period Extension Integer Nonsense
""".split()
#: What to give for an argument, by its name; every other is an expression of its own.
ARGUMENTS = {
    "type": TYPES,
    "regex": ["'a'", "'[A-Z].*'", "'(a|b)+'", "'('", "'(?=a)'", "$this"],
    "substitution": ["''", "'$1'", "'x$0'"],
    "flags": ["'i'", "''", "'im'"],
    "precision": ["0", "2", "8", "-1", "31", "'day'", "'years'"],
    "unit": ["'mg'", "'g'", "'day'", "'wk'"],
    "format": ["'hex'", "'base64'", "'urlbase64'", "'x'"],
    "target": ["'html'", "'json'", "'markdown'"],
    "url": ["'http://e'", "url"],
    "valueSet": ["'vs'", "'other'"],
    "name": ["'v'", "'w'"],
    "num": ["0", "1", "-1", "2"],
    "start": ["0", "1", "9"],
    "structure": ["'http://hl7.org/fhir/StructureDefinition/Patient'", "'x'"],
}
LAMBDAS = frozenset({"criteria", "criterion", "projection", "aggregator", "key", "true-result", "otherwise-result"})
CALLS = [row for row in FUNCTIONS.values() if row.name not in ("is", "as")]
OPERATORS = sorted(set(PRECEDENCE) - {"is", "as"})


@st.composite
def expressions(draw: Draw, depth: int = 3) -> str:
    """Any expression: terms, paths, operators, and every function with lambdas in lambdas."""
    return _expression(draw, depth, in_loop=False)


@st.composite
def calls(draw: Draw) -> list[str]:
    """A call of every function in the table."""
    return [f"{_expression(draw, 1, in_loop=False)}.{_call(draw, row, 1, in_loop=False)}" for row in CALLS]


def _expression(draw: Draw, depth: int, *, in_loop: bool) -> str:
    kind = draw(st.integers(0, 9)) if depth else 0
    if kind == 0:
        return _term(draw, in_loop=in_loop)
    inner = _expression(draw, depth - 1, in_loop=in_loop)
    if kind <= 5:
        return f"{inner}.{_call(draw, draw(st.sampled_from(CALLS)), depth - 1, in_loop=in_loop)}"
    if kind == 6:
        return f"{inner}.{draw(st.sampled_from(NAMES))}"
    if kind == 7:
        return draw(st.sampled_from([f"-{inner}", f"({inner})[0]", f"{inner} /* c */", f"+ {inner}"]))
    if kind == 8:
        return f"({inner} {draw(st.sampled_from(['is', 'as']))} {draw(st.sampled_from(TYPES))})"
    other = _expression(draw, depth - 1, in_loop=in_loop)
    return f"({inner} {draw(st.sampled_from(OPERATORS))} {other})"


def _term(draw: Draw, *, in_loop: bool) -> str:
    special = ["$this", "%context", "%x", "%resource", "%sct", "today()", "now()"]
    if in_loop:
        special += ["$index", "$total", "%v", "$this", "$this"]
    return str(draw(st.sampled_from(LITERALS) | st.sampled_from(NAMES) | st.sampled_from(special)))


def _call(draw: Draw, row: Function, depth: int, *, in_loop: bool) -> str:
    names = [name.rstrip("?*+") for name in row.arguments.split()]
    most = 1 if row.name == "trace" else len(names)  # its projection is evaluated only when it is traced
    count = draw(st.integers(row.least, most))
    arguments = (_argument(draw, name, depth, in_loop=in_loop) for name in names[:count])
    return f"{row.name}({', '.join(arguments)})"


def _argument(draw: Draw, name: str, depth: int, *, in_loop: bool) -> str:
    if name in ARGUMENTS:
        return str(draw(st.sampled_from(ARGUMENTS[name])))
    return _expression(draw, max(depth - 1, 0), in_loop=in_loop or name in LAMBDAS)


# --- resources ---------------------------------------------------------------------------------------------------

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), FLOATS, st.text(max_size=8), st.dates().map(str))
KEYS = """
name _name given _given birthDate _birthDate onsetDateTime valueQuantity value code extension resourceType contained url
start coding system id reference entry
""".split()
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
#: A Patient by its label only.
WILD = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5).map(lambda found: {**found, "resourceType": "Patient"})

DATES = st.sampled_from(["1980", "1980-02", "1980-02-29", "2026-03-03"])
TEXTS = st.sampled_from(["Ann", "Bea", "a b", "", "12", "\U0001f600"])
EXTENSIONS = st.lists(
    st.fixed_dictionaries(
        {"url": st.sampled_from(["http://e", "u"])},
        optional={"valueString": TEXTS, "valueDecimal": st.sampled_from([0.5, 1, 2.25])},
    ),
    min_size=1,
    max_size=2,
)
SIBLING = st.fixed_dictionaries({"extension": EXTENSIONS}, optional={"id": st.just("e1")})
PERIODS = st.fixed_dictionaries({}, optional={"start": DATES, "end": DATES}).filter(bool)
HUMAN_NAMES = st.fixed_dictionaries(
    {"use": st.sampled_from(["official", "usual"]), "family": TEXTS},
    optional={"_family": SIBLING, "given": st.lists(TEXTS, min_size=1, max_size=2), "period": PERIODS},
)
ORGANIZATION = st.just({"resourceType": "Organization", "id": "o", "name": "N"})


def _sound(found: dict[str, Any]) -> dict[str, Any]:
    """One form of a choice, and no primitive that has extensions only: a path leaves those out where types do not
    matter, and keeps them where they do."""
    if "deceasedBoolean" in found:
        found.pop("deceasedDateTime", None)
    return {key: value for key, value in found.items() if key[0] != "_" or key[1:] in found}


#: Resources as FHIR has them.
PATIENTS = st.fixed_dictionaries(
    {"resourceType": st.just("Patient")},
    optional={
        "id": st.just("p"),
        "active": st.booleans(),
        "_active": SIBLING,
        "name": st.lists(HUMAN_NAMES, min_size=1, max_size=3),
        "birthDate": DATES,
        "_birthDate": SIBLING,
        "gender": st.sampled_from(["female", "male"]),
        "deceasedBoolean": st.booleans(),
        "deceasedDateTime": st.just("2020-01-01T10:00:00Z"),
        "multipleBirthInteger": st.integers(0, 3),
        "extension": EXTENSIONS,
        "contained": st.lists(ORGANIZATION, min_size=1, max_size=2),
        "managingOrganization": st.just({"reference": "#o"}),
    },
).map(_sound)
CODES = st.just({"coding": [{"system": "sys", "code": "a"}, {"system": "sys", "code": "b"}], "text": "A"})
OBSERVATIONS = st.fixed_dictionaries(
    {"resourceType": st.just("Observation"), "status": st.just("final"), "code": CODES},
    optional={
        "valueQuantity": st.just({"value": 7.25, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}),
        "effectiveDateTime": DATES,
        "extension": EXTENSIONS,
        "subject": st.just({"reference": "Patient/p"}),
    },
)
ENTRIES = st.fixed_dictionaries({"resource": PATIENTS | OBSERVATIONS}, optional={"fullUrl": st.just("urn:uuid:1")})
BUNDLES = st.fixed_dictionaries(
    {
        "resourceType": st.just("Bundle"),
        "type": st.just("collection"),
        "entry": st.lists(ENTRIES, min_size=1, max_size=4),
    }
)
RESOURCES = st.one_of(PATIENTS, PATIENTS, OBSERVATIONS, BUNDLES)
