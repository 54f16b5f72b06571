"""Statistics of cards as an SVG picture: a row of stacked bars for each rule, one bar for each step of time."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from cds.storage.stats import Rule, Statistics, Tally

_LABEL, _BARS, _NUMBERS = 260, 480, 90
_ROW, _BAR, _TOP, _BOTTOM = 56, 36, 44, 28
_WIDTH = _LABEL + _BARS + _NUMBERS
#: Colours that people tell apart who do not tell red from green.
_COLOURS = {"accepted": "#0072b2", "overridden": "#e69f00", "unanswered": "#bbbbbb"}


def svg(statistics: Statistics) -> str:
    """The picture, as text of an SVG file. Bars of one rule share a scale; rules do not."""
    height = _TOP + _ROW * max(1, len(statistics.rules)) + _BOTTOM
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f"<title>Cards from {statistics.first} to {statistics.last}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        *_legend(),
    ]
    for number, rule in enumerate(statistics.rules):
        lines += _row(rule, _TOP + number * _ROW, statistics.step)
    if not statistics.rules:
        lines.append(_text(10, _TOP + 20, "No cards were shown"))
    axis = height - _BOTTOM + 18
    lines += [_text(_LABEL, axis, str(statistics.first)), _text(_LABEL + _BARS, axis, str(statistics.last), "end")]
    return "\n".join([*lines, "</svg>", ""])


def _legend() -> Iterator[str]:
    for number, (name, colour) in enumerate(_COLOURS.items()):
        left = _LABEL + number * 110
        yield f'<rect x="{left}" y="12" width="12" height="12" fill="{colour}"/>'
        yield _text(left + 18, 22, name)


def _row(rule: Rule, top: int, step: int) -> Iterator[str]:
    base = top + _BAR
    yield _text(10, top + 14, rule.decision)
    if rule.action != rule.decision:
        yield _text(10, top + 30, rule.action, colour="#666666")
    most = max((tally.shown for tally in rule.over_time.values()), default=0) or 1
    width = _BARS / max(1, len(rule.over_time))
    for number, (start, tally) in enumerate(rule.over_time.items()):
        yield from _bar(tally, _LABEL + number * width, base, width, _BAR / most, f"{start}, {step} days")
    yield f'<line x1="{_LABEL}" y1="{base}" x2="{_LABEL + _BARS}" y2="{base}" stroke="#666666"/>'
    share = f"{rule.total.accepted / rule.total.shown:.0%} of {rule.total.shown}"
    yield _text(_LABEL + _BARS + 10, top + 22, share)


def _bar(tally: Tally, left: float, base: float, width: float, scale: float, when: str) -> Iterator[str]:
    counts = tally.as_dict()
    for name, colour in _COLOURS.items():
        height = counts[name] * scale
        if height:
            base -= height
            size = f'x="{left:.1f}" y="{base:.1f}" width="{width * 0.8:.1f}" height="{height:.1f}"'
            yield f'<rect {size} fill="{colour}"><title>{when}: {counts[name]} {name}</title></rect>'


def _text(left: float, top: float, words: str, anchor: str = "start", colour: str = "#222222") -> str:
    return f'<text x="{left}" y="{top}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'
