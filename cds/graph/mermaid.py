"""The picture as Mermaid, which GitHub and many editors draw."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from cds.graph.tree import Node

_WIDTH = 40
_SHAPES = {
    "plan": ('(["', '"])'),
    "decision": ('["', '"]'),
    "condition": ('{{"', '"}}'),
    "suggestion": ('("', '")'),
    "order": ('[/"', '"/]'),
}
#: What ends a text or begins markup in Mermaid, as the entity that stands for it.
_ENTITIES = str.maketrans({'"': "#quot;", "<": "#lt;", ">": "#gt;", "#": "#35;", "`": "#96;", "&": "#amp;"})


def mermaid(root: Node) -> str:
    """A flowchart from left to right."""
    return "\n".join(["flowchart LR", *_lines(root, "n")]) + "\n"


def _lines(node: Node, name: str) -> Iterator[str]:
    opened, closed = _SHAPES[node.kind]
    lines = [line for text in (node.text, node.note) for line in textwrap.wrap(text, _WIDTH)]
    yield f"  {name}{opened}{'<br>'.join(line.translate(_ENTITIES) for line in lines)}{closed}"
    for number, child in enumerate(node.below):
        yield from _lines(child, f"{name}_{number}")
        yield f"  {name} --> {name}_{number}"
