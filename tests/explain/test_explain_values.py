"""Values as reasons have them."""

from __future__ import annotations

from typing import Any
from weakref import ref

import pytest

from cds.errors import EvaluationError
from cds.explain.values import shown
from cds.expr.elm.values import Partial, Tuple

CONDITION = {"resourceType": "Condition", "id": "c"}


class _Alive:
    """Stands for an evaluation."""


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "unknown"),
        (True, "true"),
        ([], "nothing"),
        (Partial(), "nothing that was obtained"),
        ([CONDITION], "1 item: Condition/c"),
        ([Tuple({"what": "pain", "of": CONDITION})], "1 item: Condition/c"),
        (
            [Tuple({"what": "pregnancy", "isCritical": False, "since": None})],
            "1 item: { what: pregnancy, isCritical: false }",
        ),
        ([Tuple({})], "1 item: { : }"),
    ],
)
def test_a_value_in_a_few_words(value: Any, told: str) -> None:
    """A row is told by the resource it is about, else by what its elements are."""
    assert shown(value) == told


def test_a_row_that_nobody_looked_into_is_told_too() -> None:
    """Its elements are computed for that; one that fails leaves those that did not."""

    def fail(*_: object) -> Any:
        raise EvaluationError("too much")

    evaluation = _Alive()
    runs: dict[str, Any] = {"what": lambda *_: "pain", "since": fail, "of": lambda *_: CONDITION}
    assert shown([Tuple({}, {"of": runs["of"]}, ref(evaluation), [])]) == "1 item: Condition/c"
    assert shown([Tuple({}, runs, ref(evaluation), [])]) == "1 item: { what: pain }"
