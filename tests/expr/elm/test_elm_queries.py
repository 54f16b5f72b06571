"""Queries: sources, let, with and without, where, return, aggregate and sort."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from elm_libraries_support import coded, compiled, evaluation, run

from cds.errors import EvaluationError
from cds.expr.elm.values import Tuple


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("({1, 2, 3}) A where A > 1", [2, 3]),
        ("({1, 2, 3}) A where null as Boolean", []),
        ("({1, 2, 1}) A return A", [1, 2]),
        ("({1, 2, 1}) A return all A", [1, 2, 1]),
        ("({1, 2, 1}) A", [1, 2, 1]),
        ("({'b', 'a', 'b'}) A return A + 'x'", ["bx", "ax"]),
        ("(5) A return A + 1", 6),
        ("(5) A where A > 9 return A + 1", None),
        ("(null as List<Integer>) A return A + 1", None),
        ("({}) A return A", []),
        ("({1, 2}) A let b: A * 10, c: b + 1 return all c", [11, 21]),
        ("from ({1, 2}) A, ({10, 20}) B return all A + B", [11, 21, 12, 22]),
        ("from ({1, 2}) A, ({1, 2}) B where A < B return all A + B", [3]),
        ("from ({1, 2}) A, (null as List<Integer>) B return all A", []),
        ("({1, 2, 3, 4}) A with ({2, 4}) B such that A = B", [2, 4]),
        ("({1, 2, 3, 4}) A without ({2, 4}) B such that A = B", [1, 3]),
        ("({1, 2, 3}) A with (null as List<Integer>) B such that A = B", []),
        ("({1, 2, 3}) A without (null as List<Integer>) B such that A = B", [1, 2, 3]),
        ("({1, null, 1, 2}) A where A is not null", [1, 1, 2]),
        ("({1, null, 1, 2}) A where A is not null return A", [1, 2]),
        ("({null as Integer}) A where A is not null", []),
        ("(5) A where A is not null", 5),
        ("(null as Integer) A where A is not null", None),
        ("({1, null}) A let b: A + 1 where b is not null return all b", [2]),
        ("({Tuple { a: 1 }, Tuple { a: null as Integer }, null, Tuple { a: 1 }}).a", [1, 1]),
        ("({Tuple { a: 1, b: 2 }, Tuple { a: null, b: 3 }}) T where T.a is not null return all T.b", [2]),
        (
            "({1, 2, 3, 4}) A with ({2, 4}) B such that A = B without ({4}) C such that C = A where A > 0 return all A",
            [2],
        ),
    ],
)
def test_clauses(text: str, expected: Any) -> None:
    """Each clause does what its place in the grammar says; a source that is no list gives one value."""
    assert run(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("({3, 1, 2}) A sort asc", [1, 2, 3]),
        ("({3, 1, 2}) A sort desc", [3, 2, 1]),
        ("({3, null, 2}) A sort asc", [None, 2, 3]),
        ("({3, null, 2}) A sort desc", [3, 2, None]),
        ("({'b', 'C', 'a'}) A sort asc", ["C", "a", "b"]),
        ("({2.5, 2, 10.0}) A sort desc", [Decimal("10.0"), Decimal("2.5"), Decimal(2)]),
        ("({-2, 1, 3}) A return all A * A sort asc", [1, 4, 9]),
    ],
)
def test_order_of_values(text: str, expected: list[Any]) -> None:
    """Nulls are least; numbers, texts and quantities have their own order."""
    assert run(text) == expected


def test_quantities_sort_by_what_they_measure() -> None:
    """Units are converted before two quantities are compared."""
    assert [str(q) for q in run("({3 'g', 1 'kg', 20 'mg'}) A sort desc")] == ["1 'kg'", "3 'g'", "20 'mg'"]


def test_order_by_columns_and_expressions() -> None:
    """The first item counts most, the next decides among equals, and equals keep their order."""
    data = "({ Tuple{ a: 1, b: 'x' }, Tuple{ a: 2, b: 'y' }, Tuple{ a: 1, b: 'z' }, Tuple{ a: 2, b: 'w' } })"
    rows = run(f"(({data} T sort by a desc, b asc) S return all S.b)")
    assert rows == ["w", "y", "x", "z"]
    assert run(f"(({data} T sort by (a * -1)) S return all S.b)") == ["y", "w", "x", "z"]


def test_dates_of_resources_sort_as_points_in_time() -> None:
    """A FHIR dateTime is text, but it is not sorted as text."""
    early, late = "2020-01-01T23:00:00-05:00", "2020-01-02T01:00:00+00:00"
    resources = [
        coded("Observation", "later", effectiveDateTime=early),
        coded("Observation", "sooner", effectiveDateTime=late),
        coded("Observation", "never"),
    ]
    found = run("[Observation] O sort by (effective as FHIR.dateTime)", *resources)
    assert [own["id"] for own in found] == ["never", "sooner", "later"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("({1, 2, 3}) A aggregate R starting 0: R + A", 6),
        ("({2, 2, 3}) A aggregate distinct R starting 0: R + A", 5),
        ("({2, 2, 3}) A aggregate all R starting 1: R * A", 12),
        ("from ({1, 2}) A, ({10, 20}) B aggregate R starting 0: R + A * B", 90),
        ("({1, 2}) A aggregate R: Coalesce(R, 0) + A", 3),
        ("({1, 2, 3}) A let b: A * 2 where b > 2 aggregate R starting 0: R + b", 10),
    ],
)
def test_aggregate(text: str, expected: int) -> None:
    """The running value goes over the rows that stay."""
    assert run(text) == expected


def test_several_sources_without_return_give_tuples() -> None:
    """The rows are tuples of the aliases."""
    assert run("from ({1}) A, ({'x', 'y'}) B") == [Tuple({"A": 1, "B": "x"}), Tuple({"A": 1, "B": "y"})]


def test_a_let_is_computed_only_when_a_row_uses_it() -> None:
    """A row that where drops does not compute what only return uses."""
    library = compiled(
        "define X: ({1, 2, 3}) N let m: Message(N, true, 'let', 'Message', ToString(N)) where N > 2 return all m + m"
    )
    ev = evaluation()
    assert library.evaluate(ev, "X") == [6]
    assert [m.text for m in ev.messages] == ["3"]


def test_an_element_of_a_tuple_is_computed_only_when_it_is_asked_for() -> None:
    """Each row keeps its own values, once computed, and what nobody asks for may even fail."""
    library = compiled(
        "define Rows: ({1, 2, 3}) N let m: Message(N * 10, true, 'let', 'Message', ToString(N)) "
        "return all Tuple { n: N, made: m, more: m + 1, fails: singleton from ({ N, N }) } "
        "define X: Rows R where R.made > 10 and R.n < 3 return all R.more"
    )
    ev = evaluation()
    assert library.evaluate(ev, "X") == [21]
    rows = library.evaluate(ev, "Rows")
    assert [row.get("made") for row in rows] == [10, 20, 30]
    assert [m.text for m in ev.messages] == ["1", "2", "3"]
    assert rows[0].get("none") is None
    with pytest.raises(EvaluationError, match="singleton"):
        _ = rows[0].elements
    assert rows[0].get("made") == 10


def test_an_element_is_not_computed_after_its_evaluation() -> None:
    """What was asked for before stays; the rest says why it is not there."""
    ev = evaluation()
    (row,) = compiled("define X: ({ 1 }) N return all Tuple { made: N + 1, more: N + 2 }").evaluate(ev, "X")
    assert row.get("made") == 2
    del ev
    assert row.get("made") == 2
    with pytest.raises(EvaluationError, match="while its evaluation lasted"):
        row.get("more")


def test_a_tuple_that_is_complete_lists_its_elements_as_written() -> None:
    """Whatever was asked for first."""
    ev = evaluation()
    row = compiled("define X: Tuple { b: 1 + 1, a: 2 + 2, c: 3 }").evaluate(ev, "X")
    assert row.get("a") == 4
    assert list(row.elements.items()) == [("b", 2), ("a", 4), ("c", 3)]


def test_a_related_source_is_evaluated_once() -> None:
    """A source of with that does not depend on the row is looked up once for all rows."""
    ev = evaluation(*(coded("Condition", f"c{n}") for n in range(3)), coded("Observation", "o"))
    library = compiled("define X: [Condition] C with [Observation] O such that O.id != C.id")
    assert len(library.evaluate(ev, "X")) == 3
    assert [kind for kind, *_ in ev.data.asked].count("Observation") == 1  # type: ignore[union-attr]


def test_a_related_source_may_depend_on_the_row() -> None:
    """Then it is evaluated for each."""
    assert run("({1, 2, 3}) A with ({A - 2, A + 10}) B such that B = 0 return all A") == [2]


def test_queries_within_queries_keep_their_rows_apart() -> None:
    """An inner query neither sees nor changes the row of the outer one beyond its own alias."""
    text = "({1, 2}) A return all Sum(({10, 20}) B let c: A * B return all c) + A"
    assert run(text) == [31, 62]


def test_a_function_called_in_a_row_has_a_frame_of_its_own() -> None:
    """The alias of a query in the function is not that of the caller."""
    text = "define function f(n Integer): Sum(({1, 2}) A return all A * n)\ndefine X: ({10, 20}) A return all f(A) + A"
    assert run(text) == [40, 80]
