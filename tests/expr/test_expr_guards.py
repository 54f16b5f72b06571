"""Guards of security.md section 4: regular expressions, steps, sizes, numbers, and no way out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from expr_support import NOW, Run

import cds.expr
from cds.errors import (
    EvaluationError,
    ExpressionLimitError,
    ExpressionSemanticError,
    ExpressionSyntaxError,
    LimitError,
    PatternLimitError,
    SizeLimitError,
    StepLimitError,
)

SOURCES = sorted(Path(cds.expr.__file__).parent.rglob("*.py"))


def test_regular_expressions_are_linear(run: Run) -> None:
    """A pattern that explodes elsewhere answers at once, also when it comes from patient data (security E1)."""
    started = time.process_time()
    assert run("%subject.matches(%pattern)", subject=["a" * 40 + "b"], pattern=["(a+)+$"]) == [False]
    assert run(f"'{'a' * 200}'.matches('(a|a)*(a|aa)+c')") == [False]
    assert time.process_time() - started < 0.5


UNREADABLE = ["(a)\\1", "a(?=b)", "(?<!a)b", "(", "[z-a]"]


@pytest.mark.parametrize("call", ["matches(%p)", "matchesFull(%p)", "replaceMatches(%p, 'x')"])
@pytest.mark.parametrize("pattern", UNREADABLE)
def test_unsupported_regular_expressions_are_our_error(pattern: str, call: str, run: Run) -> None:
    """Look-around, back-references and nonsense from data are named as such (security E1)."""
    with pytest.raises(EvaluationError, match="regular expression"):
        run(f"'x'.{call}", p=[pattern])


@pytest.mark.parametrize("pattern", UNREADABLE)
def test_unsupported_regular_expressions_are_found_when_content_is_loaded(pattern: str) -> None:
    """A regular expression that is written out is an author's mistake, not a failure of a call (security E1)."""
    written = pattern.replace("\\", "\\\\")
    with pytest.raises(ExpressionSemanticError, match="regular expression") as caught:
        cds.expr.compile(f"'x'.matches('{written}')")
    assert caught.value.column == 13
    assert cds.expr.compile(f"'x'.matches('{written}')", strict=False)


@pytest.mark.parametrize(("subject", "pattern"), [("a", "a" * 1001), ("a" * 100_001, "a")])
@pytest.mark.parametrize("call", ["matches(%p)", "matchesFull(%p)", "replaceMatches(%p, 'x')"])
def test_regular_expressions_and_subjects_are_bounded(call: str, subject: str, pattern: str, run: Run) -> None:
    """Every function that matches shares the limits (security E1)."""
    with pytest.raises(PatternLimitError):
        run(f"%s.{call}", s=[subject], p=[pattern])


def test_the_evaluator_uses_no_other_regular_expressions() -> None:
    """The standard library's engine backtracks; it is not imported (security E1). Lexers may: their patterns are their
    own and they run when content is loaded."""
    evaluator = [source for source in SOURCES if source.name != "lexer.py"]
    lines = [line.split() for source in evaluator for line in source.read_text().splitlines()]
    assert not [line for line in lines if line[:1] in (["import"], ["from"]) and line[1].rstrip(",") in ("re", "regex")]


@pytest.mark.parametrize(
    "call", ["eval(", "exec(", "pickle", "getattr(", "__import__", "subprocess", "socket", " open("]
)
def test_nothing_leads_out(call: str) -> None:
    """No code from data, no attribute by name, no file, no network (security E6)."""
    assert not [source.name for source in SOURCES if call in source.read_text()]


@pytest.mark.parametrize("text", ["%resource.__class__", "%context.keys", "'x'.__len__", "__dict__", "(1).real", "get"])
def test_python_attributes_are_no_elements(text: str, run: Run, patient: dict[str, Any]) -> None:
    """A path reads JSON keys only (security E6)."""
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
    """Loops in loops end at the step budget or the size cap, in reasonable time (security E2, security E5)."""
    started = time.process_time()
    with pytest.raises(LimitError):
        run(text, patient, n=list(range(400)), steps=100_000)
    assert time.process_time() - started < 2


LARGE = {"entry": [{"id": str(number), "code": {"text": "x" * 20}} for number in range(4000)]}
COPY = {"entry": [{"id": str(number), "code": {"text": "x" * 20}} for number in range(4000)]}
HEAVY = [
    "%large ~ %copy",
    "%n.where(%large = %copy).count()",
    "%n.where(%large in (%copy | $this)).count()",
    "%n.select(%large | %copy).count()",
    "%n.select((%large | $this).intersect(%copy)).count()",
    "%n.select((%large.combine(%copy)).distinct()).count()",
    "%n.where((%large.combine(%copy)).isDistinct()).count()",
    "%n.where((%large.combine($this)).subsetOf(%copy)).count()",
    "%n.select((1 | 2).repeat(iif($this is Integer, %large.combine(%copy), {}))).count()",
    "%n.select((%long & $this.toString()).lower().upper().length()).count()",
    "%n.where((%long & $this.toString()).matches('(x+x+)+y')).count()",
    "%n.select((%long & $this.toString()).replaceMatches('x', 'y')).count()",
]


@pytest.mark.parametrize("text", HEAVY, ids=range(len(HEAVY)))
def test_a_step_is_bounded_work(text: str, run: Run) -> None:
    """Large elements and long strings are paid for by their size: few steps on much data stop too (security E2)."""
    started = time.process_time()
    with pytest.raises(StepLimitError):
        run(text, n=list(range(300)), large=[LARGE], copy=[COPY], long=["x" * 90_000], steps=20_000)
    assert time.process_time() - started < 2


def test_steps_for_ordinary_data_are_few(run: Run) -> None:
    """Comparing codes and joining lists of resources costs about a step for an item (security E2)."""
    concepts = [{"coding": [{"system": "sys", "code": str(number)}], "text": "Some words"} for number in range(100)]
    run("%x.where($this = %x.first() or $this ~ %x.last()) | %x", x=concepts, steps=3_000)


def test_the_budget_spans_expressions_of_one_evaluation() -> None:
    """Many small expressions share one budget (security E2)."""
    evaluation = cds.expr.Evaluation(now=NOW, steps=50)
    expression = cds.expr.compile("(1 | 2 | 3 | 4 | 5).where($this > 0)")
    for _ in range(10):
        expression(evaluation)
    with pytest.raises(StepLimitError):
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
    """Every way to make text longer is capped (security E3)."""
    with pytest.raises(SizeLimitError):
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
    """Powers and products stop at 28 digits (security E5)."""
    started = time.process_time()
    with pytest.raises(SizeLimitError):
        run(text)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("text", ["(1).combine(%n).select(%n)", "%t.toChars().combine(%t.toChars())", "%t.split('')"])
def test_collections_do_not_grow_without_bound(text: str, run: Run) -> None:
    """A collection has at most 100,000 items (security E5)."""
    with pytest.raises(SizeLimitError):
        run(text, n=list(range(1000)), t=["x" * 60_000 * (1 + ("split" in text))], steps=10**9)


@pytest.mark.parametrize(
    "text",
    ["(" * 5000, "1" + ".not()" * 5000, "not " * 5000, "-" * 5000 + "1", "iif(true, " * 500, "a" * 10_001, "a[" * 200],
    ids=["brackets", "calls", "words", "signs", "arguments", "length", "indexes"],
)
def test_expressions_are_bounded_when_they_are_read(text: str) -> None:
    """Length and nesting have limits, and reading stops at them at once (security E4)."""
    started = time.process_time()
    with pytest.raises(ExpressionSyntaxError) as caught:
        cds.expr.compile(text)
    assert type(caught.value) is ExpressionLimitError or text.startswith("not")
    assert time.process_time() - started < 1
