"""Compiled schemas as the service uses them: issues for callers, one line for our own answers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cds.hooks.envelope import pointer, request_problems, response_problem, response_valid

CARD = {"summary": "S", "indicator": "info", "source": {"label": "L"}}
CALL = {"hook": "patient-view", "hookInstance": "1", "context": {"patientId": "p1"}}


def test_all_problems_of_a_request_are_told() -> None:
    """Each wrong member is an issue with its JSON pointer; texts hold rules, not values (B3-B7)."""
    problems = request_problems({"hook": 5, "context": [], "prefetch": {"a": "Zebra"}})
    assert {problem.expression for problem in problems} == {"/hookInstance", "/hook", "/context", "/prefetch"}
    assert "Zebra" not in str(problems)
    assert request_problems(CALL) == []


def test_the_number_of_problems_is_bounded() -> None:
    """A hostile request gets at most 20 issues back."""
    assert len(request_problems({**CALL, "prefetch": {f"k{n}": 1 for n in range(1000)}})) == 20


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"cards": [CARD]}, None),
        ({"cards": []}, None),
        ({}, "/cards: The member 'cards' is missing"),
        ({"cards": [{**CARD, "summary": "x" * 140}]}, "/cards/0/summary: The value breaks the rule 'maxLength'"),
        ({"cards": [{**CARD, "detail": None}]}, "/cards/0/detail: The value must be of type string"),
    ],
)
def test_an_answer_of_ours_is_judged(answer: Any, problem: str | None) -> None:
    """The first fault of an answer is told in one line (C1, C5-C8, C34, C35)."""
    assert response_problem(answer) == problem
    assert response_valid(answer) is (problem is None)


def test_pointers_end_before_made_up_names() -> None:
    """A name that may carry data is not repeated, whatever it looks like (security A2)."""
    assert pointer(["context", "selections", 0]) == "/context/selections/0"
    assert pointer(["extension", "John Smith", "x"]) == "/extension"
    assert pointer(["prefetch", "JohnSmith-1980", "x"]) == "/prefetch"


def test_validators_may_be_shared_by_threads() -> None:
    """Verdicts stay right while eight threads use the same validators."""
    good, bad = {"cards": [CARD] * 50}, {"cards": [CARD] * 49 + [{**CARD, "indicator": "x"}]}

    def judge(number: int) -> bool:
        return response_valid(good if number % 2 else bad) is bool(number % 2) and bool(request_problems({})) is True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(judge, range(2000)))
