"""Narrative: htmlChecks(), the rules for XHTML in FHIR (narrative.html, invariants txt-1 and txt-2)."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from cds.errors import EvaluationError
from cds.expr.code import BOOLEAN, Function
from cds.expr.evaluation import Evaluation
from cds.expr.values import Node

_ELEMENTS = frozenset({
    "a", "abbr", "acronym", "b", "big", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd", "dfn",
    "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "ol", "p", "pre", "q", "samp",
    "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "ul", "var",
})  # fmt: skip
_ATTRIBUTES = frozenset({
    "abbr", "accesskey", "align", "alt", "axis", "bgcolor", "border", "cellpadding", "cellspacing", "char", "charoff",
    "cite", "class", "colspan", "compact", "dir", "frame", "headers", "height", "href", "hspace", "id", "lang",
    "longdesc", "name", "nowrap", "rel", "rev", "rowspan", "rules", "scope", "span", "src", "start", "style", "summary",
    "tabindex", "title", "type", "valign", "value", "vspace", "width", "xml:lang", "xmlns",
})  # fmt: skip


class _Checker(HTMLParser):
    """One pass over a narrative; `bad` once a rule is broken, `content` once there is text or an image."""

    def __init__(self) -> None:
        super().__init__()
        self.bad = False
        self.content = False
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.bad |= tag not in _ELEMENTS or any(name not in _ATTRIBUTES or value is None for name, value in attrs)
        self.bad |= any(_is_script(value) for name, value in attrs if name in ("href", "src"))
        self.content |= tag == "img"

    def handle_endtag(self, tag: str) -> None:
        self.bad |= not self.open or self.open.pop() != tag

    def handle_data(self, data: str) -> None:
        self.content |= not data.isspace()

    def handle_decl(self, decl: str) -> None:  # noqa: ARG002 - named so by the base class
        self.bad = True

    def handle_pi(self, data: str) -> None:  # noqa: ARG002 - named so by the base class
        self.bad = True

    def unknown_decl(self, data: str) -> None:  # noqa: ARG002 - named so by the base class
        self.bad = True


def _is_script(link: str | None) -> bool:
    """True for a link that runs something; browsers pass over white space in the scheme."""
    return "".join((link or "").split()).lower().startswith(("javascript:", "vbscript:"))


def is_narrative(text: str) -> bool:
    """True for well-nested XHTML of the elements and attributes a Narrative may have, with some content."""
    checker = _Checker()
    checker.feed(text)
    rest = checker.rawdata  # what was never closed
    checker.close()
    return checker.content and not (checker.bad or checker.open or rest.startswith("<"))


def _html_checks(_: Evaluation, items: list[Any]) -> list[Any]:
    if len(items) > 1:
        raise EvaluationError(f"htmlChecks() needs one item, found {len(items)}")
    values = [item.value if type(item) is Node else item for item in items]
    return [is_narrative(value) for value in values if type(value) is str]


_SUMMARY = "True for XHTML that a Narrative may hold"
FUNCTIONS = (Function("htmlChecks", "", "collection", _html_checks, "FHIR R4 fhirpath", _SUMMARY, types=BOOLEAN),)
