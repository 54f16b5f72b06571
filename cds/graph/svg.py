"""The picture as SVG: a tree from left to right, each box as high as its words. Follows the reader's light or dark."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from xml.sax.saxutils import escape

from cds.graph.tree import Node

_BOX, _GAP = 230, 46  # width of a box, and between two columns
_LINE, _PAD, _SPACE = 15, 9, 10  # height of a line, room around the words, between two boxes
_CHARACTERS = 33  # of the 12 px font in a box
_MARGIN = 16
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.note { fill: #59636e; font-size: 11px }
path { fill: none; stroke: #8c959f }
rect { stroke: #8c959f; fill: #f6f8fa }
.plan rect { fill: #ddf4ff } .decision rect { fill: #fff8c5 } .condition rect { rx: 14 }
.suggestion rect { fill: #dafbe1 } .order rect { stroke-dasharray: 4 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .note { fill: #9198a1 } rect { fill: #161b22 }
  .plan rect { fill: #0c2d6b } .decision rect { fill: #3d2e00 } .suggestion rect { fill: #04260f }
}
""".strip()


class _Box:
    """A node with its lines, and where it is drawn."""

    def __init__(self, node: Node, column: int) -> None:
        self.node = node
        self.words = textwrap.wrap(node.text, _CHARACTERS)
        self.notes = textwrap.wrap(node.note, _CHARACTERS + 3)
        self.height = (len(self.words) + len(self.notes)) * _LINE + 2 * _PAD
        self.x = _MARGIN + column * (_BOX + _GAP)
        self.y = 0.0
        self.below = [_Box(child, column + 1) for child in node.below]

    def place(self, top: float) -> float:
        """Give this box and those below it their places, and return how far down they reach."""
        end = top
        for child in self.below:
            end = child.place(end) + _SPACE
        end = max(end - _SPACE if self.below else top, top + self.height)
        if self.below:
            self.y = (self.below[0].middle + self.below[-1].middle) / 2 - self.height / 2
            self.y = max(self.y, top)  # it may be higher than all that follows from it
        else:
            self.y = top
        return max(end, self.y + self.height)

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    def all(self) -> Iterator[_Box]:
        yield self
        for child in self.below:
            yield from child.all()


def svg(root: Node) -> str:
    """A whole document; its title is that of the plan."""
    top = _Box(root, 0)
    top.place(_MARGIN)
    boxes = list(top.all())
    width = max(box.x for box in boxes) + _BOX + _MARGIN
    height = max(box.y + box.height for box in boxes) + _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height:.0f}" '
        f'viewBox="0 0 {width} {height:.0f}" role="img">',
        f"<title>{escape(root.text)}</title>",
        f"<style>{_STYLE}</style>",
        *(_link(box, child) for box in boxes for child in box.below),
        *(_drawn(box) for box in boxes),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _link(box: _Box, child: _Box) -> str:
    start, end = f"{box.x + _BOX} {box.middle:.1f}", f"{child.x} {child.middle:.1f}"
    bend = (box.x + _BOX + child.x) / 2
    return f'<path d="M{start}C{bend} {box.middle:.1f} {bend} {child.middle:.1f} {end}"/>'


def _drawn(box: _Box) -> str:
    lines = [*((line, "") for line in box.words), *((line, ' class="note"') for line in box.notes)]
    texts = "".join(
        f'<text x="{box.x + _PAD}" y="{box.y + _PAD + _LINE * number - 4:.1f}"{kind}>{escape(line)}</text>'
        for number, (line, kind) in enumerate(lines, 1)
    )
    rect = f'<rect x="{box.x}" y="{box.y:.1f}" width="{_BOX}" height="{box.height}" rx="4"/>'
    return f'<g class="{box.node.kind}">{rect}{texts}</g>'
