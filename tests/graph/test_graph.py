"""A pathway as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from xml.etree import ElementTree as Xml

import pytest

from cds.config import Settings
from cds.graph import Node, mermaid, svg, tree
from cds.service import Engine

pytestmark = pytest.mark.slow

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def root() -> Node:
    engine = Engine(Settings(demo=True))
    return tree(engine.service("back-pain-order-sign").plan)


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.below:
        yield from nodes(child)


def test_each_decision_has_its_hooks_conditions_and_suggestions(root: Node) -> None:
    """All decisions of the pathway hang on it, each with what it says when it applies and what it offers."""
    decisions = {node.text: node for node in nodes(root) if node.kind == "decision"}
    assert len(decisions) >= 24
    rest = decisions["bed-rest"]
    assert rest.note == "order-select, order-sign"
    kinds = [node.kind for node in nodes(rest)]
    assert kinds == ["decision", "condition", "condition", "suggestion", "order", "order", "suggestion", "order"]
    assert "create ServiceRequest" in [node.text for node in nodes(rest)]


def test_one_decision_is_drawn_alone() -> None:
    """`decision` leaves out the others."""
    engine = Engine(Settings(demo=True))
    (only,) = tree(engine.service("back-pain-order-sign").plan, "acupuncture").below
    assert only.text == "acupuncture"


def test_words_end_no_text_in_mermaid() -> None:
    """What would be markup is written as an entity."""
    drawn = mermaid(Node("plan", 'a "quoted" <b>word</b> #1 & `x`', "", (Node("order", "create X"),)))
    assert drawn.splitlines() == [
        "flowchart LR",
        '  n(["a #quot;quoted#quot; #lt;b#gt;word#lt;/b#gt; #35;1 #amp; #96;x#96;"])',
        '  n_0[/"create X"/]',
        "  n --> n_0",
    ]


def test_boxes_of_a_column_do_not_overlap(root: Node) -> None:
    """The picture is well-formed, every box is inside of it, and none covers another."""
    document = Xml.fromstring(svg(root))  # noqa: S314 - our own
    boxes = [
        {name: float(box.attrib[name]) for name in ("x", "y", "width", "height")} for box in document.iter(f"{SVG}rect")
    ]
    assert len(boxes) == sum(1 for _ in nodes(root))
    assert all(box["y"] + box["height"] <= float(document.attrib["height"]) for box in boxes)
    columns: dict[float, list[tuple[float, float]]] = {}
    for box in boxes:
        columns.setdefault(box["x"], []).append((box["y"], box["y"] + box["height"]))
    for column in columns.values():
        spans = sorted(column)
        assert all(above[1] <= below[0] + 0.2 for above, below in pairwise(spans))


def test_words_are_escaped_in_svg() -> None:
    """Text is text."""
    document = Xml.fromstring(svg(Node("plan", "a < b & c")))  # noqa: S314 - our own
    assert [text.text for text in document.iter(f"{SVG}text")] == ["a < b & c"]
