"""The narrative of an applied plan: well-formed xhtml that accounts for every decision."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cds.apply.narrative import narrative
from cds.apply.tree import AppliedAction, Outcome

HEAD = ("Patient/p", "2026-03-02T12:00:00Z")


def applied(outcome: Outcome = Outcome.FIRED, *below: AppliedAction, **more: Any) -> AppliedAction:
    element = {
        name: more.pop(name) for name in ("title", "description", "documentation", "timingTiming") if name in more
    }
    return AppliedAction("a", element, outcome, children=list(below), **more)


def lines(*actions: AppliedAction, goals: tuple[dict[str, Any], ...] = (), **definition: Any) -> list[str]:
    """The text of each innermost block of the narrative, in order."""
    text = narrative({"title": "Plan", **definition}, actions, goals, *HEAD)
    assert text["status"] == "generated"
    root = ElementTree.fromstring(text["div"])  # noqa: S314 - we made it
    assert root.tag == "{http://www.w3.org/1999/xhtml}div"
    return [found for found in ("".join(block.itertext()) for block in root) if found]


def test_what_is_suggested_stands_with_what_it_makes() -> None:
    """Title, description, timing, resource, sources, and the same of the actions below."""
    repeat = {"frequency": 3, "period": 1, "periodUnit": "wk"}
    order = {"resourceType": "ServiceRequest", "code": {"text": "Walking"}, "occurrenceTiming": {"repeat": repeat}}
    child = applied(title="Walk", resource=order)
    source = [{"type": "citation", "display": "A page"}, {"type": "citation", "display": "A page"}]
    top = applied(
        Outcome.FIRED, child, title="Move", description="Keep **moving**:\n\n- walk\n- swim", documentation=source
    )
    assert lines(top, description="All of it.") == [
        "Plan",
        "All of it.",
        "Proposed for Patient/p on 2 March 2026. Nothing here has been ordered.",
        "Suggested",
        "Move",
        "Keep moving:",
        "walkswim",
        "WalkService request: Walking; 3 times a week",
        "Sources: A page",
    ]


def test_goals_come_first() -> None:
    """With measure, value and time."""
    target = {
        "measure": {"text": "Pain"},
        "detailQuantity": {"value": 3, "comparator": "<"},
        "dueDuration": {"value": 6, "code": "wk"},
    }
    found = lines(goals=({"description": {"text": "Less pain"}, "target": [target]},))
    assert found[2:] == ["Goals", "Less pain; Pain <3 within 6 weeks", "Suggested", "Nothing."]


def test_failures_are_told() -> None:
    """Of the action and of those below it."""
    below = applied(Outcome.FAILED, title="Inner", error="2 is wrong")
    assert lines(applied(Outcome.FAILED, below, title="Outer", error="1 is wrong"))[-2:] == [
        "Could not be carried out",
        "Outer: 1 is wrongOuter: 2 is wrong",
    ]


@pytest.mark.parametrize("outcome", list(Outcome))
@settings(max_examples=30)
@example("**`**`", "`**a`**\n\n- **`x**`")
@given(st.text(), st.text(alphabet="<>&*`\\-_ \n\t\x00\x0b\ufffe\ud800a\"'", max_size=20))
def test_any_text_is_escaped(outcome: Outcome, title: str, description: str) -> None:
    """Whoever wrote it, a patient included: nothing becomes markup, and the xhtml stays well-formed."""
    order = {"resourceType": "Task", "code": {"text": description}, "patientInstruction": title}
    action = applied(outcome, applied(title=title), title=title, description=description, resource=order, error=title)
    text = narrative({"title": title, "description": description}, [action], [], title, description)["div"]
    root = ElementTree.fromstring(text.encode("utf-8"))  # noqa: S314 - we made it
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"div", "h2", "h3", "h4", "p", "ul", "li", "b", "br", "code"}
