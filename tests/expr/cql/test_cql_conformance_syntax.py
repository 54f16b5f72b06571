"""The expressions of the official CQL suite parse, all but those that are wrong."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

from cds.errors import ExpressionSyntaxError
from cds.expr.cql.parser import parse_expression

SUITE = Path(__file__).resolve().parents[4] / "shared" / "conformance" / "cql"
SPACE = "{http://hl7.org/fhirpath/tests}"
#: The suite calls Ceiling of the same literal a syntax error.
DISPUTED = {"Floor(2147483648)", "Floor(-2147483649)"}

pytestmark = pytest.mark.skipif(not SUITE.is_dir(), reason="the shared conformance data is not beside the checkout")


def expressions() -> Iterator[tuple[str, str | None]]:
    """Every expression and expected output, with its mark `invalid`."""
    for path in sorted(SUITE.glob("*.xml")):
        for test in ElementTree.parse(path).iter(f"{SPACE}test"):  # noqa: S314 - our own test data
            for element in (*test.iter(f"{SPACE}expression"), *test.iter(f"{SPACE}output")):
                yield element.text or "", element.get("invalid")


def refused(text: str) -> bool:
    try:
        parse_expression(text)
    except ExpressionSyntaxError:
        return True
    return False


def test_every_expression_parses_and_those_with_wrong_syntax_do_not() -> None:
    """An expression that is wrong in another way (`true`, `semantic`) may parse or not."""
    found = list(expressions())
    assert len(found) > 3600
    assert {text for text, invalid in found if invalid is None and refused(text)} == DISPUTED
    assert [text for text, invalid in found if invalid == "syntax" and not refused(text)] == []
