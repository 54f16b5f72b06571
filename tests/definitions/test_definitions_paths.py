"""Paths of dynamic values."""

from __future__ import annotations

import pytest

from cds.definitions.paths import Segment, parse_path
from cds.errors import ExpressionSyntaxError


def test_segments() -> None:
    """Names with an index, an extension's url, or the mark of a choice."""
    assert parse_path("dosageInstruction[0].extension('http://x.y/z').value[x]") == (
        Segment("dosageInstruction", 0),
        Segment("extension", url="http://x.y/z"),
        Segment("value", choice=True),
    )


@pytest.mark.parametrize("text", ["", "a.", "a b", "a[-1]", "a[²]", "a[" + "9" * 5000 + "]", "a[y]"])
def test_what_is_no_path(text: str) -> None:
    """It is told at its column; an index of more digits than any list has items is none."""
    with pytest.raises(ExpressionSyntaxError, match="is not an element name"):
        parse_path(text)
