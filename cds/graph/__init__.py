"""A pathway as a picture: `tree` is what is drawn, `mermaid` and `svg` how."""

from cds.graph.mermaid import mermaid
from cds.graph.svg import svg
from cds.graph.tree import Node, tree

__all__ = ["Node", "mermaid", "svg", "tree"]
