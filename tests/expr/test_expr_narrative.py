"""htmlChecks(): what a Narrative may hold."""

from __future__ import annotations

import pytest
from expr_support import Run

from cds.expr.functions.narrative import is_narrative

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        (f"{DIV}<p class='x'>a &lt; b<br/><img src='#i' alt='x'/></p></div>", True),
        (f"{DIV}<a href='https://example.org'>x</a></div>", True),
        ("<b>a</b> <i>b</i>", True),
        (f"{DIV}<script>x()</script></div>", False),
        (f"{DIV}<p onclick='x()'>a</p></div>", False),
        (f"{DIV}<a href=' java\nscript:x()'>a</a></div>", False),
        (f"{DIV}<p>a</div></p>", False),
        (f"{DIV}<p>a", False),
        (f"{DIV}a</div><", False),
        ("<!DOCTYPE html><div>a</div>", False),
        ("<?php x ?><div>a</div>", False),
        (f"{DIV} </div>", False),
        ("", False),
    ],
)
def test_only_harmless_well_nested_html_with_content_passes(text: str, allowed: bool) -> None:
    """Invariants txt-1 and txt-2 of a Narrative."""
    assert is_narrative(text) is allowed


def test_html_checks_of_what_is_no_text(run: Run) -> None:
    """Empty for nothing and for what is no string."""
    assert run("{}.htmlChecks() | 5.htmlChecks()") == []
    assert run("text.div.htmlChecks()", {"resourceType": "Patient", "text": {"div": f"{DIV}a</div>"}}) == [True]
