"""What the drafts of a call must hold for a condition not to be false."""

from __future__ import annotations

from typing import Any

import pytest
from elm_libraries_support import HEADER, MEMBERS, evaluation
from hypothesis import given
from hypothesis import strategies as st

from cds.expr.elm.relevance import Reader, Signs, UnclearError
from cds.expr.libraries import Libraries

DRAFTS = "parameter drafts List<FHIR.ServiceRequest>\ncontext Patient\n"
DEFINES = """
define function Resolve(reference FHIR.Reference, container Any) returns FHIR.Condition: external
define function CalendarDay(value FHIR.dateTime) returns Date: external
define function Words(concept FHIR.CodeableConcept):
  (Flatten({ { concept.text }, concept.coding.display })) W where W is not null
define function SayRest(words List<FHIR.string>):
  exists (words W where Matches(W, '(?is).*rest.*') and not Matches(W, '(?is).*arrest.*'))
define function SayBed(words List<FHIR.string>):
  exists (words W where Matches(W, '(?is).*bed.*') and not IsBedroom(W))
define function IsBedroom(word FHIR.string): Matches(word, '(?is).*bedroom.*')
define function Chosen(order FHIR.ServiceRequest):
  if order.status = 'draft' then null else Coalesce(order.code, (Resolve(order.reasonReference[0], order)).code)
define function Made(order FHIR.ServiceRequest):
  FHIR.CodeableConcept { text: order.code.text, coding: Flatten({ order.code.coding, order.category[0].coding }) }
define Known: exists ([Condition] C where C.code in "VS")
define Orders:
  drafts O
    let item: O.code, isReal: O.doNotPerform is not true
    return all Tuple { order: O, item: item, words: Words(item), isReal: isReal, chosen: Chosen(O) }
define Flags: Flatten({ Orders O where O.isReal, drafts D where D.code in "VS" })
"""
REST = "(?is).*rest.*"
BED = "(?is).*bed.*"


def library(condition: str) -> Any:
    head = HEADER.replace("context Patient\n", DRAFTS)
    return Libraries(lambda _name, _version: None).compile(f"{head}{DEFINES}define Condition: {condition}\n")


def signs_of(condition: str) -> Signs:
    found = library(condition)
    return Reader(found, frozenset({"drafts"}), {}).signs(found.defines["Condition"].node["expression"])


def signs(*, codes: bool = False, patterns: tuple[str, ...] = (), present: bool = False) -> Signs:
    return Signs(frozenset({"vs"} if codes else ()), frozenset(patterns), frozenset({"drafts"} if present else ()))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('exists (drafts D where D.code in "VS")', signs(codes=True)),
        ('exists (Orders O where O.item in "VS")', signs(codes=True)),
        ('exists (Orders O where O.chosen in "VS")', signs(codes=True)),
        ("exists (Orders O where SayRest(O.words))", signs(patterns=(REST,))),
        ('exists (drafts D where Made(D) in "VS" or SayRest(Words(Made(D))))', signs(codes=True, patterns=(REST,))),
        ("exists (Orders O where SayBed(O.words))", signs(patterns=(BED,))),
        ('exists (Orders O where O.item in "VS" or SayRest(O.words))', signs(codes=True, patterns=(REST,))),
        ('exists (Orders O where (O.item in "VS" or SayRest(O.words)) and Known)', signs(codes=True, patterns=(REST,))),
        ('exists (Orders O let byCode: O.item in "VS" where byCode and O.isReal)', signs(codes=True)),
        ('exists (Orders O where if O.isReal then O.item in "VS" else SayRest(O.words))',
         signs(codes=True, patterns=(REST,))),
        ('exists (Flatten({ Orders O where O.item in "VS", Orders O where SayBed(O.words) }))',
         signs(codes=True, patterns=(BED,))),
        ('exists ((drafts D where D.code in "VS") D where D.status = \'draft\')', signs(codes=True)),
        ('exists (drafts D where D.code in "VS") and Known', signs(codes=True)),
        ('(exists (drafts D where D.code in "VS")) is not false', signs(codes=True)),
        ('(exists (drafts D where D.code in "VS")) is true', signs(codes=True)),
        ('not not (exists (drafts D where D.code in "VS"))', signs(codes=True)),
        ("exists (drafts D where D.status = 'draft')", signs(present=True)),
        (
            'exists (from [Condition] C, drafts D where Known) and exists (drafts D where D.code in "VS")',
            signs(codes=True),
        ),
        ("exists drafts", signs(present=True)),
        ("false", signs()),
        ("1 = 1 and false", signs()),
        ("'a' = 'b' or 'a' ~ 'b'", signs()),
    ],
)  # fmt: skip
def test_signs(condition: str, expected: Signs) -> None:
    """Through references, lets, functions and the elements of Tuples; of a conjunction one part is enough."""
    assert signs_of(condition) == expected


@pytest.mark.parametrize(
    "condition",
    [
        "true",
        "null as Boolean",
        "Known",
        "not Known",
        'not exists (drafts D where D.code in "VS")',
        'exists (drafts D where D.code in "VS") or Known',
        'exists ([Condition] C where C.code in "VS")',
        '(exists (drafts D where D.code in "VS")) is null',
        "exists ({ 1 })",
        "'a' = 'a'",
        "'A b' ~ 'a B'",
        "1 = 1.0",
        'exists (from [Condition] C, drafts D where C.code in "VS")',
    ],
)
def test_unclear(condition: str) -> None:
    """What may be true, or null, for other reasons has no signs."""
    with pytest.raises(UnclearError):
        signs_of(condition)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("exists (drafts D where Matches(D.code.text + 'x', '.*rest.*'))", signs(present=True)),
        ("exists (Orders O where Matches(First(O.words), '.*rest.*'))", signs(present=True)),
        (
            "exists ((Flatten((drafts D return all D.code.coding.display) L where L is not null)) W "
            "where Matches(W, '.*rest.*') and not IsBedroom(W))",
            signs(present=True),
        ),
        ('exists (drafts D where "A" in "VS")', signs(present=True)),
        (
            'exists (drafts D where FHIR.CodeableConcept { coding: (First([Condition])).code.coding } in "VS")',
            signs(present=True),
        ),
        ('exists (Orders O with [Condition] C such that C.code in "VS" where O.item in "VS")', signs(codes=True)),
        ('exists (Orders O let item: (First([Condition])).code where item in "VS")', signs(present=True)),
        ('exists (Orders O where (O.item in "VS") is null)', signs(present=True)),
    ],
)
def test_values_that_are_made_or_come_from_elsewhere(condition: str, expected: Signs) -> None:
    """A text that is put together, a code as it is written and data of the record stand in no draft: what is left is
    whether there are drafts."""
    assert signs_of(condition) == expected


def test_where_words_and_resources_come_from() -> None:
    """The reader tells the elements that words are in, and those that name resources which belong to a draft."""
    found = library('exists (Orders O where O.chosen in "VS" or SayRest(O.words))')
    reader = Reader(found, frozenset({"drafts"}), {})
    reader.signs(found.defines["Condition"].node["expression"])
    assert reader.texts == {"text", "display", "coding", "code"}
    assert reader.references == {"reasonReference"}


def test_constants_of_inline_expressions() -> None:
    """A constant that stands for a text is compared when the condition is read."""
    comparison = {
        "type": "Equal",
        "operand": [
            {"type": "OperandRef", "name": "%hook"},
            {"type": "Literal", "valueType": "{urn:hl7-org:elm-types:r1}String", "value": "order-sign"},
        ],
    }
    of_other_hooks = Reader(library("true"), frozenset(), {"%hook": "patient-view"})
    assert of_other_hooks.signs(comparison) == signs()
    with pytest.raises(UnclearError):
        Reader(library("true"), frozenset(), {"%hook": "order-sign"}).signs(comparison)


def nested(depth: int) -> dict[str, Any]:
    """A truth behind as many negations."""
    node: dict[str, Any] = {"type": "Literal", "value": "true"}
    for _ in range(depth):
        node = {"type": "Not", "operand": node}
    return node


@pytest.mark.parametrize(
    "node", [{}, nested(5000), {"type": "Exists"}, {"type": "And", "operand": 5}, {"type": "Exotic"}]
)
def test_odd_elm(node: dict[str, Any]) -> None:
    """ELM of a form that is not known here is unclear, and nothing worse."""
    with pytest.raises(UnclearError):
        Reader(library("true"), frozenset(), {}).signs(node)


# --- soundness -------------------------------------------------------------------------------------------------------

LEAVES = (
    'O.item in "VS"', 'O.chosen in "VS"', 'O.order.code in "VS"', "SayRest(O.words)", "SayBed(O.words)",
    "SayRest(Words(O.item))", "O.isReal", "O.order.status = 'draft'", "Known", "true", "false", "null as Boolean",
    "exists O.words", "O.order.doNotPerform", 'exists (O.order.reasonCode C where C in "VS")',
    "exists (Flags F)", "exists [Condition]", "SayBed(Flatten([Condition] C return all Words(C.code)))",
    'exists ((Orders X where Known) X where X.item in "VS")', "O.item is null", "Matches(O.item.text, '.*rest.*')",
)  # fmt: skip
CONCEPTS = st.sampled_from(
    [
        None, {}, {"text": "Bed rest"}, {"text": "Walking"}, {"text": "Cardiac arrest"}, {"text": "Bedroom"},
        {"coding": [{"system": "sys", "code": "a"}]}, {"coding": [{"code": "a"}]}, {"coding": [{"display": "rest"}]},
        {"coding": [{"system": "other", "code": "a", "display": "Bed"}]},
        {"coding": [{}, {"system": "sys", "code": "b"}]},
    ]
)  # fmt: skip


@st.composite
def criteria(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(LEAVES))
    inner = criteria(depth - 1)
    form = draw(
        st.sampled_from(("{} and {}", "{} or {}", "not {}", "{} is true", "{} is not false", "if {} then {} else {}"))
    )
    return "(" + form.format(*("(" + draw(inner) + ")" for _ in range(form.count("{}")))) + ")"


@st.composite
def conditions(draw: st.DrawFn) -> str:
    where = draw(criteria())
    form = draw(
        st.sampled_from(
            (
                "exists (Orders O where {})",
                "exists (Orders O let it: {} where it return all O.order)",
                "exists ((Orders O where {}) O where O.isReal)",
                "exists Flatten({{ Orders O where {}, Orders O where SayBed(O.words) }})",
                "(exists (Orders O where {})) is not false",
                "exists (Orders O where {}) and Known",
                "exists (Orders O where {}) or Known",
                "exists (from [Condition] C, Orders O where {})",
                "exists (from Orders O, [Condition] C where {})",
                'exists (Orders O with [Condition] C such that C.code in "VS" where {})',
                "exists ((Flatten({{ (Orders O where {}) O return all O.order, [Condition] }})) C where Known)",
                "exists ((from Orders O return all O) O where {})",
            )
        )
    )
    return form.format(where)


@given(conditions(), st.lists(st.tuples(CONCEPTS, st.sampled_from([None, True, False])), max_size=2), st.booleans())
def test_a_closed_condition_is_false(condition: str, drafts: list[tuple[Any, Any]], partial: bool) -> None:
    """Where a condition has signs and the drafts show none, evaluating it gives false: not true, and not null either
    when data is missing (P5)."""
    found = library(condition)
    reader = Reader(found, frozenset({"drafts"}), {})
    try:
        needed = reader.signs(found.defines["Condition"].node["expression"])
    except UnclearError:
        return
    orders = [_order(*parts) for parts in drafts]
    if _passes(needed, orders):
        return
    here = evaluation(partial=("Condition",) if partial else (), parameters={"drafts": orders}, lenient=True)
    assert found.evaluate(here, "Condition") is False, condition


def _order(concept: Any, prohibited: Any) -> dict[str, Any]:
    order = {"resourceType": "ServiceRequest", "code": concept, "doNotPerform": prohibited, "status": "active"}
    return {name: value for name, value in order.items() if value is not None}


def _passes(needed: Signs, orders: list[dict[str, Any]]) -> bool:
    concepts = [order.get("code", {}) for order in orders]
    codings = [coding for concept in concepts for coding in concept.get("coding", ())]
    words = [*(concept.get("text", "") for concept in concepts), *(coding.get("display", "") for coding in codings)]
    bare = {code for url in needed.value_sets for _, code in MEMBERS[url]}
    said = any(
        pattern.removeprefix("(?is).*").removesuffix(".*") in word.lower()
        for pattern in needed.patterns
        for word in words
    )
    return said or any(coding.get("code") in bare for coding in codings) or bool(needed.parameters and orders)
