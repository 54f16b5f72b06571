"""Guards of security.md section 4 for CQL: regular expressions, steps, sizes, numbers, depth, and no way out."""

from __future__ import annotations

import time
from cProfile import Profile
from datetime import UTC, datetime
from typing import Any

import pytest

from cds.errors import (
    CdsError,
    DefinitionError,
    EvaluationError,
    LimitError,
    PatternLimitError,
    SizeLimitError,
    StepLimitError,
)
from cds.expr import Evaluation
from cds.expr.libraries import Libraries

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = """library T using FHIR version '4.0.1'
parameter S String parameter P String parameter N List<Integer> parameter M List<Integer>
context Patient
"""
CALLS = ["Matches(S, P)", "ReplaceMatches(S, P, 'x')", "SplitOnMatches(S, P)"]


def run(expression: str, *, steps: int = 1_000_000, **parameters: Any) -> Any:
    """The value of an expression over parameters S, P, N and M."""
    library = Libraries().compile(f"{HEADER}define X: {expression}")
    return library.evaluate(Evaluation(now=NOW, parameters=parameters, steps=steps), "X")


def compiles(text: str) -> None:
    """Read, translate and compile a library; raises what that raises."""
    Libraries().compile(f"{HEADER}define X: {text}")


@pytest.mark.parametrize("call", CALLS)
def test_regular_expressions_are_linear(call: str) -> None:
    """A pattern that explodes elsewhere answers at once, also when it comes from patient data (security E1)."""
    started = time.process_time()
    run(call, S="a" * 40 + "b", P="(a+)+$")
    run(call, S="a" * 200, P="(a|a)*(a|aa)+c")
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("pattern", ["(a)\\1", "a(?=b)", "(?<!a)b", "(", "[z-a]"])
def test_unsupported_regular_expressions_are_our_error(call: str, pattern: str) -> None:
    """Look-around, back-references and nonsense are named as such, with the place (security E1)."""
    with pytest.raises(EvaluationError, match="regular expression") as caught:
        run(call, S="x", P=pattern)
    assert (caught.value.library, caught.value.line) == ("T", 4)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("subject", "pattern"), [("a", "a" * 1001), ("a" * 100_001, "a")])
def test_regular_expressions_and_subjects_are_bounded(call: str, subject: str, pattern: str) -> None:
    """Every operator that matches shares the limits of FHIRPath (security E1)."""
    with pytest.raises(PatternLimitError):
        run(call, S=subject, P=pattern)


BOMBS = [
    "Count(from N a, N b, N c return all a)",
    "N a where exists (N b where exists (N c where c = a + b + 100000))",
    "Count(N a return all (N b return all (N c return all c)))",
    "Count(N a with N b such that a = b + 100000)",
    *(
        f"Count(N a return all {inner})"
        for inner in (
            "Count(N b where b in N)",
            "Count(distinct N)",
            "Count(N union M)",
            "Count(N intersect M)",
            "Count(N except M)",
            "Count(N b sort desc)",
            "Count(collapse (N b return all Interval[b, b]))",
            "Sum(N)",
            "Median(N)",
            "Mode(N)",
            "Product(N)",
            "StdDev(N)",
            "IndexOf(N, -1)",
            "(N = M)",
            "(N ~ M)",
            "(N included in M)",
            "(a in (N union M))",
            "Count(expand Interval[a, a + 3000])",
            "Count(flatten { N, N, N })",
            "Length(Combine((M b return all ToString(b)), ','))",
        )
    ),
]


def test_overloads_do_not_multiply_with_their_calls() -> None:
    """A caller's library with many overloads of one function, each called, takes work in proportion to its length
    (security E2)."""

    def work(count: int) -> int:
        lines = [
            f"define function F(p Tuple{{a{i} Integer}}): {i} define D{i}: F(Tuple{{a{i}: 1}})" for i in range(count)
        ]
        with Profile() as profile:
            Libraries().compile("library T " + "\n".join(lines))
        return sum(entry.callcount for entry in profile.getstats())

    one, two = work(100), work(200)
    assert two < 2.8 * one


@pytest.mark.parametrize("text", BOMBS)
def test_step_bombs_stop(text: str) -> None:
    """Lists in loops end at the step budget, in a time that the budget bounds (security E2)."""
    started = time.process_time()
    with pytest.raises(StepLimitError):
        run(text, N=list(range(2000)), M=list(range(2000)), steps=50_000)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "inner",
    [
        "PositionOf('zz', S)",
        "LastPositionOf('zz', S)",
        "Length(Upper(S))",
        "Length(Lower(S))",
        "Length(S + ToString(a))",
        "Matches(S, '(x+x+)+y')",
        "Length(ReplaceMatches(S, 'x', 'y'))",
        "Count(Split(S, 'x'))",
        "Count(SplitOnMatches(S, 'x'))",
        "Count(ToChars(S))",
    ],
)
def test_long_texts_are_paid_for(inner: str) -> None:
    """A step is bounded work: few operators on much text stop too (security E2)."""
    started = time.process_time()
    with pytest.raises(StepLimitError):
        run(f"Count(N a return all {inner})", N=list(range(2000)), S="x" * 90_000, steps=20_000)
    assert time.process_time() - started < 1


def test_steps_for_ordinary_data_are_few() -> None:
    """Looking through a list costs about a step for an item, a code or name none (security E2)."""
    text = "Count(N a where a in M and Matches(S, 'a+') and exists M and StartsWith(Upper(S), 'A'))"
    assert run(text, N=list(range(100)), M=list(range(20)), S="aaa", steps=2_500) == 20


@pytest.mark.parametrize(
    "text",
    ["S + S + S", "Combine({ S, S, S })", "ReplaceMatches(S, 'x', S)", "(N) a aggregate t starting (S): t + t"],
)
def test_texts_do_not_grow_without_bound(text: str) -> None:
    """Every way to make text longer is capped (security E3)."""
    with pytest.raises(SizeLimitError):
        run(text, S="x" * 40_000, N=list(range(40)))


@pytest.mark.parametrize(
    "text",
    [
        *("(" * 5000, "not " * 5000 + "true", "-" * 5000 + "1", "1" + " + 1" * 5000, "{" * 5000, "Interval[" * 500),
        *("if true then " * 500 + "1", "1" + ".a" * 5000, "First(" * 5000, "convert 1 to " + "List<" * 500),
        *("'" + "a" * 1_000_001 + "'", "from " * 5000, "[Condition: " * 500, "case when " * 500),
    ],
    ids=lambda text: text[:8],
)
def test_expressions_are_bounded_when_they_are_read(text: str) -> None:
    """Length and nesting have limits, reading stops at them at once, and the error is ours (security E4)."""
    started = time.process_time()
    with pytest.raises(DefinitionError) as caught:
        compiles(text)
    assert caught.value.problems[0].code == "expression-syntax"
    assert time.process_time() - started < 1


@pytest.mark.slow
@pytest.mark.parametrize("text", ["flatten { N, N, N }", "ToChars(S + S)", "expand Interval[1, 2147483647]"])
def test_lists_do_not_grow_without_bound(text: str) -> None:
    """A list has at most 100,000 items (security E5)."""
    with pytest.raises(SizeLimitError):
        run(text, N=list(range(40_000)), S="x" * 50_000 + "y")


@pytest.mark.parametrize(
    "text",
    [
        *("Power(10, 1000000000)", "10.0 ^ 1000000000", "2 ^ 100", "2147483647 * 2147483647", "Product(N)"),
        *("Power(1.000001, 100000000)", "9999999999999999999999999999.0 * 9999999999999999999999999999.0"),
    ],
)
def test_numbers_do_not_grow_without_bound(text: str) -> None:
    """What is too large for its type is null, at once (security E5; CQL 1.5, B.4)."""
    started = time.process_time()
    assert run(text, N=list(range(1, 40_000))) is None
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("text", ["Exp(1000000)", "Round(1.5, 1000000000)", "@2020 + 2147483647 years"])
def test_results_beyond_the_types_are_our_error(text: str) -> None:
    """No Python exception comes through (security E5)."""
    with pytest.raises(EvaluationError, match=r"Exp|Round|date"):
        run(text)


ATTRIBUTES = ["__class__", "__dict__", "__len__", "real", "append", "keys", "get", "raw", "elements", "offset"]


@pytest.mark.parametrize("name", ATTRIBUTES)
@pytest.mark.parametrize(
    "source", ["S", "N", "(1)", "Tuple { a: 1 }", "Now()", "Interval[1, 2]", "Patient", "Patient.name"]
)
def test_python_attributes_are_no_elements(source: str, name: str) -> None:
    """A path reads elements of the type only (security E6)."""
    with pytest.raises(DefinitionError, match="has no element"):
        compiles(f'{source}."{name}"')


@pytest.mark.parametrize("name", ATTRIBUTES)
@pytest.mark.parametrize(
    "source",
    [
        {"type": "Tuple", "element": [{"name": "a", "value": {"type": "Null"}}]},
        {"type": "ParameterRef", "name": "P"},
        {"type": "Now"},
        {"type": "Code", "system": {"name": "S"}, "code": "a"},
    ],
    ids=["tuple", "any", "date", "code"],
)
def test_elm_reaches_no_attributes_either(source: dict[str, Any], name: str) -> None:
    """ELM of others may have paths that no translator would write: null, or an error of ours (security E6)."""
    library = {
        "identifier": {"id": "E"},
        "codeSystems": {"def": [{"name": "S", "id": "s"}]},
        "parameters": {"def": [{"name": "P"}]},
        "statements": {"def": [{"name": "X", "expression": {"type": "Property", "path": name, "source": source}}]},
    }
    for given in (None, 1, "x", [1], {"a": 1}, NOW):
        try:
            value = Libraries().compile(library).evaluate(Evaluation(now=NOW, parameters={"P": given}), "X")
        except CdsError:
            continue
        assert value is None or value == []


def test_limits_have_a_place() -> None:
    """The definition that went too far is told, by library, line and column."""
    with pytest.raises(LimitError) as caught:
        run("Count(from N a, N b return all a)", N=list(range(2000)), steps=1000)
    assert (caught.value.library, caught.value.line, caught.value.column) == ("T", 4, 1)
