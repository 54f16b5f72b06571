"""What compiled code is made of."""

from __future__ import annotations

import pytest

from cds.expr.elm.code import text_of

TEXT = "define A: 1\ndefine B: // \u2028 \x0c\n  true and\n    false\n"


@pytest.mark.parametrize(
    ("node", "written"),
    [
        ({"locator": "1:11-1:11"}, "1"),
        ({"locator": "3:3-4:9"}, "true and\n    false"),
        ({"locator": "3:3-3:6"}, "true"),
        ({"locator": ""}, None),
        ({}, None),
    ],
)
def test_what_a_node_is_written_as(node: dict[str, str], written: str | None) -> None:
    """Both ends of a locator are inside, and only a line feed ends a line, as in every place of CQL that is told."""
    assert text_of(node, TEXT) == written
