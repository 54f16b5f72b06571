"""Guards of security.md section 4: regular expressions, steps, sizes, numbers, and no way out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from expr_support import NOW, Run

import cds.expr
from cds.errors import EvaluationError, LimitError

SOURCES = sorted(Path(cds.expr.__file__).parent.rglob("*.py"))


def test_regular_expressions_are_linear(run: Run) -> None:
    """A pattern that explodes elsewhere answers at once, also when it comes from patient data (E1)."""
    started = time.perf_counter()
    assert run("%subject.matches(%pattern)", subject=["a" * 40 + "b"], pattern=["(a+)+$"]) == [False]
    assert run(f"'{'a' * 200}'.matches('(a|a)*(a|aa)+c')") == [False]
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize("pattern", ["(a)\\\\1", "a(?=b)", "(?<!a)b", "(", "[z-a]"])
def test_unsupported_regular_expressions_are_our_error(pattern: str, run: Run) -> None:
    """Look-around, back-references and nonsense are named as such (E1)."""
    with pytest.raises(EvaluationError, match="regular expression"):
        run(f"'x'.matches('{pattern}')")


@pytest.mark.parametrize(("subject", "pattern"), [("a", "a" * 1001), ("a" * 100_001, "a")])
@pytest.mark.parametrize("call", ["matches(%p)", "matchesFull(%p)", "replaceMatches(%p, 'x')"])
def test_regular_expressions_and_subjects_are_bounded(call: str, subject: str, pattern: str, run: Run) -> None:
    """Every function that matches shares the limits (E1)."""
    with pytest.raises(LimitError):
        run(f"%s.{call}", s=[subject], p=[pattern])


def test_the_evaluator_uses_no_other_regular_expressions() -> None:
    """The standard library's engine backtracks; it is not imported (E1). Lexers may: their patterns are their own and
    they run when content is loaded."""
    evaluator = [source for source in SOURCES if source.name != "lexer.py"]
    lines = [line.split() for source in evaluator for line in source.read_text().splitlines()]
    assert not [line for line in lines if line[:1] in (["import"], ["from"]) and line[1].rstrip(",") in ("re", "regex")]


@pytest.mark.parametrize(
    "call", ["eval(", "exec(", "pickle", "getattr(", "__import__", "subprocess", "socket", " open("]
)
def test_nothing_leads_out(call: str) -> None:
    """No code from data, no attribute by name, no file, no network (E6)."""
    assert not [source.name for source in SOURCES if call in source.read_text()]


@pytest.mark.parametrize("text", ["%resource.__class__", "%context.keys", "'x'.__len__", "__dict__", "(1).real", "get"])
def test_python_attributes_are_no_elements(text: str, run: Run, patient: dict[str, Any]) -> None:
    """A path reads JSON keys only (E6)."""
    assert run(text, patient) == []


BOMBS = [
    "repeatAll($this)",
    "%n.repeat($this + 1)",
    "%n.where(" * 10 + "$this > %n.count()" + ")" * 10,
    "%n.select(%n.select(%n.select(%n)))",
    "%n.aggregate($total.combine($total), %n)",
    "%n.select(%n.where($this != %n.first() or $this in %n.combine(%n))).count()",
    "%n.subsetOf(%n) and %n.select(%n.subsetOf(%n)).allTrue()",
    "%n.select(%n ~ %n).count()",
    "%n.where(%n.combine($this).a.exists())",
    "%n.where((%n = %n).not())",
    "%n.where((%n | $this).count() = 0)",
    "%n.select($this | %n.ofType(Patient)).count()",
]


@pytest.mark.parametrize("text", BOMBS, ids=range(len(BOMBS)))
def test_step_bombs_stop(text: str, run: Run, patient: dict[str, Any]) -> None:
    """Loops in loops end at the step budget or the size cap, in reasonable time (E2, E5)."""
    started = time.perf_counter()
    with pytest.raises(LimitError):
        run(text, patient, n=list(range(400)), steps=100_000)
    assert time.perf_counter() - started < 2


def test_the_budget_spans_expressions_of_one_evaluation() -> None:
    """Many small expressions share one budget (E2)."""
    evaluation = cds.expr.Evaluation(now=NOW, steps=50)
    expression = cds.expr.compile("(1 | 2 | 3 | 4 | 5).where($this > 0)")
    for _ in range(10):
        expression(evaluation)
    with pytest.raises(LimitError):
        expression(evaluation)


@pytest.mark.parametrize(
    "text",
    [
        "(1 | 2 | 3).aggregate($total & $total & $total & $total, %s)",
        "%s & %s & %s",
        "%s + %s + %s",
        "%s.replace('x', %s)",
        "%s.replace('', %s)",
        "%s.replaceMatches('x', %s)",
        "(%s).combine(%s).combine(%s).join(%s)",
        "%s.encode('hex').encode('hex')",
        "%s.escape('html').escape('json').combine(%s).combine(%s).join(%s)",
    ],
)
def test_strings_do_not_grow_without_bound(text: str, run: Run) -> None:
    """Every way to make text longer is capped (E3)."""
    with pytest.raises(LimitError):
        run(text, s=["x" * 40_000])


@pytest.mark.parametrize(
    "text",
    [
        "10.power(1000000000)",
        "10.0.power(1000000000)",
        "2.power(100)",
        "1000000.exp()",
        "9999999999999999999999999999 * 9999999999999999999999999999",
        "9999999999999999999999999999 + 1",
        "999999999999999999999999999.0 * 100",
        "1 'a' * 9999999999999999999999999999 * 10",
    ],
)
def test_numbers_do_not_grow_without_bound(text: str, run: Run) -> None:
    """Powers and products stop at 28 digits (E5)."""
    started = time.perf_counter()
    with pytest.raises(LimitError):
        run(text)
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize("text", ["(1).combine(%n).select(%n)", "%t.toChars().combine(%t.toChars())", "%t.split('')"])
def test_collections_do_not_grow_without_bound(text: str, run: Run) -> None:
    """A collection has at most 100,000 items (E5)."""
    with pytest.raises(LimitError):
        run(text, n=list(range(1000)), t=["x" * 60_000 * (1 + ("split" in text))], steps=10**9)
