"""Every numbered requirement is shown by a test, or has a reason."""

from __future__ import annotations

import pytest
from requirements_page import PAGE, named, open_numbers, page, reasons, references, titles

pytestmark = pytest.mark.slow


def test_every_number_that_a_test_names_exists() -> None:
    """A misspelt number would show nothing."""
    assert set(named()) <= set(titles())
    assert set(reasons()) <= set(titles())


def test_every_number_has_a_test_or_a_reason() -> None:
    """CDS Hooks A to G, and security sections 1, 2, 5, 6 and some of 7 (docs/conformance.md)."""
    assert open_numbers() == []


def test_the_page_says_what_the_tests_say() -> None:
    """After a change: `python tests/requirements_page.py > docs/conformance.md`."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_no_number_has_both_a_test_and_a_reason() -> None:
    """A reason is for what no test can show."""
    assert [key for key in reasons() if key in named()] == []


def test_references_are_read() -> None:
    """Ranges, both lists, and letters that only one of them has."""
    found = set(references("Says so (C1-C3, security A2, J9, AP4; RS384, 2.0, R6, security R4, security R9, B.4)."))
    hooks = {("cds-hooks", "C", 1), ("cds-hooks", "C", 2), ("cds-hooks", "C", 3), ("cds-hooks", "AP", 4)}
    assert found == hooks | {("security", "A", 2), ("security", "J", 9), ("security", "R", 4)}
