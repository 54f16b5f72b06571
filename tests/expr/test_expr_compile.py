"""The public door: caching, variables, typed results, traces, threads, and errors that reach an author."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from expr_support import NOW, Run, Values

from cds import expr
from cds.errors import CdsError, EvaluationError, ExpressionSemanticError, ExpressionSyntaxError


def test_expressions_are_cached_by_their_arguments() -> None:
    """The same text and names give the same object."""
    assert expr.compile("a", variables=["x", "y"]) is expr.compile("a", variables={"y", "x"})
    assert expr.compile("a") is not expr.compile("a", variables=["x"])


def test_other_languages_are_refused_by_name() -> None:
    """Until CQL is there, it is a clear error."""
    with pytest.raises(ExpressionSemanticError, match="unknown language 'text/cql'"):
        expr.compile("1", "text/cql")


def test_unknown_variables_are_found_with_the_nearest_name() -> None:
    """Names are checked when they are known, standard ones always exist."""
    with pytest.raises(ExpressionSemanticError, match="unknown variable %conditons") as caught:
        expr.compile("1 +\n %conditons.count()", variables=["conditions"])
    assert (caught.value.line, caught.value.column) == (2, 2)
    assert caught.value.hint == "did you mean '%conditions'?"
    expr.compile("%context | %resource | %rootResource | %ucum | %sct | %loinc | %`vs-x` | %`ext-y`", variables=[])


def test_typed_variables_have_their_paths_checked() -> None:
    """A mapping of names to FHIR types finds misspelt elements."""
    with pytest.raises(ExpressionSemanticError, match="Condition has no element 'cod'") as caught:
        expr.compile("%c.cod.coding", variables={"c": "Condition"})
    assert caught.value.column == 4
    with pytest.raises(ExpressionSemanticError, match="the element is 'onset'"):
        expr.compile("%c.onsetDateTime", variables={"c": "Condition"})


def test_a_focus_type_checks_the_whole_path() -> None:
    """`focus` makes the check strict."""
    with pytest.raises(ExpressionSemanticError, match="Patient has no element 'given1'"):
        expr.compile("given1", focus="Patient")
    with pytest.raises(ExpressionSemanticError, match="needs an order"):
        expr.compile("Patient.children().skip(1)", focus="Patient")


def test_undefined_variables_are_an_evaluation_error(run: Run) -> None:
    """A name that nobody defines stops the expression, with its place."""
    with pytest.raises(EvaluationError, match="%z is not defined") as caught:
        run("1 | %z")
    assert caught.value.column == 5


def test_an_expression_says_what_it_mentions() -> None:
    """Names, form and dependencies are static."""
    expression = expr.compile("%a.where(code in %b).exists() and %sct.exists()")
    assert expression.variables == {"a", "b"}
    assert expression.boolean
    assert (expression.sources, expression.criteria) == (frozenset(), frozenset())
    listed = expr.compile("%a.where(code in %b) | iif(%c.exists(), %d, {})")
    assert not listed.boolean
    assert (listed.sources, listed.criteria) == ({"a", "d"}, {"b"})
    assert not expr.compile("%a.select(stage.exists())").boolean


def test_results_carry_their_types_on_demand(patient: dict[str, Any]) -> None:
    """typed() gives FHIR types for elements and System types for values."""
    evaluation = expr.Evaluation(now=NOW, context=patient)
    found = expr.compile("gender | birthDate | 1.5").typed(evaluation)
    assert found[:2] == [("code", "female"), ("date", "1980-02-29")]
    assert [kind for kind, _ in expr.compile("name.first() | deceased | 1").typed(evaluation)] == [
        "HumanName",
        "boolean",
        "System.Integer",
    ]


def test_the_focus_may_be_several_items_or_none(patient: dict[str, Any]) -> None:
    """A focus list replaces the context; none is an empty focus."""
    evaluation = expr.Evaluation(now=NOW, context=patient)
    names = patient["name"]
    assert expr.compile("use")(evaluation, names) == ["official", "usual"]
    assert expr.compile("$this.count()")(evaluation, []) == [0]
    assert expr.compile("where(use = 'usual').exists()")(evaluation, names) == [True]
    assert expr.compile("count()")(expr.Evaluation(now=NOW)) == [0]


def test_results_are_new_lists(patient: dict[str, Any]) -> None:
    """A caller may change the list it got; the resource stays as it is."""
    evaluation = expr.Evaluation(now=NOW, context=patient)
    expr.compile("name")(evaluation).clear()
    expr.compile("name.exists()")(evaluation).append(1)
    assert expr.compile("name.count() | name.exists()")(evaluation) == [2, True]


def test_errors_of_variables_pass_and_surprises_are_wrapped() -> None:
    """Our own errors keep their class; anything else becomes an EvaluationError that names no data."""

    class Failing(Values):
        def value(self, name: str) -> list[Any]:
            raise (CdsError("ours") if name == "a" else ZeroDivisionError("secret"))

    evaluation = expr.Evaluation(now=NOW, variables=Failing({}))
    with pytest.raises(CdsError, match="ours"):
        expr.compile("%a")(evaluation)
    with pytest.raises(EvaluationError, match=r"the expression failed: ZeroDivisionError$"):
        expr.compile("%b")(evaluation)


def test_an_expression_may_evaluate_others_below_it() -> None:
    """A variable computed by another expression on the same evaluation leaves the outer loop as it was."""
    inner = expr.compile("(5 | 6).select($this + $index).aggregate($this + $total, 0)")
    outer = expr.compile("(1 | 2 | 3).where($index < 2).select($this + $index + %x)")

    class Nested(Values):
        def value(self, name: str) -> list[Any]:
            return inner(evaluation)

    evaluation = expr.Evaluation(now=NOW, variables=Nested({}))
    assert outer(evaluation) == [13, 15]


def test_one_expression_serves_many_threads(patient: dict[str, Any]) -> None:
    """Eight threads with their own data and clocks get their own answers (R6)."""
    text = "name.where($index >= 0).given.select($this & %x).join(',') & today().toString()"
    expression = expr.compile(text)
    wrong: list[Any] = []

    def work(number: int) -> None:
        now = datetime(2020 + number, 1, 1, tzinfo=UTC)
        wanted = [f"Ann{number},Bea{number},Ann{number}{2020 + number}-01-01"]
        for _ in range(200):
            evaluation = expr.Evaluation(now=now, context=patient, variables=Values({"x": [str(number)]}))
            result = expression(evaluation)
            if result != wanted:
                wrong.append(result)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        ("name.cnt()", ExpressionSemanticError, "did you mean count()?"),
        ("Patient.nam", ExpressionSemanticError, "did you mean 'name'?"),
        ("x is Quantitie", ExpressionSemanticError, "did you mean 'Quantity'?"),
        ("/* x", ExpressionSyntaxError, "close it with */"),
    ],
)
def test_errors_name_the_remedy(text: str, error: type[CdsError], hint: str) -> None:
    """The nearest valid name, or what to write."""
    with pytest.raises(error) as caught:
        expr.compile(text)
    assert getattr(caught.value, "hint", None) == hint
