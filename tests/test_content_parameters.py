"""The thresholds of the content: all are parameters that say whose they are, and docs/site-parameters.md lists them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from cds.booklet.parameters import page
from cds.config import Settings
from cds.service import Engine

ROOT = Path(__file__).resolve().parents[1]
DECISIONS = ROOT.parent / "shared" / "knowledge" / "decisions.md"

#: Each threshold that decisions.md marks as ours: the words there, the parameter, and its value.
OURS = {
    "last 30 days or undated": ("BackPainLogic.redFlagDays", 30),
    "up to and including 14 days": ("BackPainHistory.shortTermDays", 14),
    "84 days or more": ("BackPainHistory.longTermDays", 84),
    "at most 30 days old": ("BackPainHistory.painScoreDays", 30),
    "5 or more": ("BackPainHistory.moderatePainScore", 5),
    "300 mg or more per dose": ("BackPainMedicines.aspirinAnalgesicMg", 300),
    "eGFR under 60": ("BackPainMedicines.egfrLimit", 60),
    "last 10 months": ("BackPainMedicines.pregnancyMonths", 10),
    "age under 18": ("BackPainMedicines.opioidAge", 18),
    "limit it to 2 days": ("BackPainLogic.bedRestLimitDays", 2),
    "over 3 days *(ours": ("BackPainMedicines.opioidDays", 3),
    "over 6 weeks old": ("EscalateCare.oldTherapyDays", 42),
}


@cache
def engine() -> Engine:
    return Engine(Settings())


@pytest.mark.parametrize(("words", "key", "value"), [(words, *found) for words, found in OURS.items()])
def test_each_threshold_of_ours_is_a_parameter_that_says_so(words: str, key: str, value: int) -> None:
    """decisions.md: each threshold marked as ours is a named parameter, documented as ours, that a site changes."""
    found = engine().declared.all[key]
    assert found.default == value
    assert "(ours)" in found.documentation


@pytest.mark.skipif(not DECISIONS.is_file(), reason="shared/knowledge is not beside this checkout")
def test_the_table_holds_every_threshold_that_is_marked() -> None:
    """A mark in decisions.md with a number right before it is in the table above, and its words are still there."""
    text = DECISIONS.read_text(encoding="utf-8")
    assert [words for words in OURS if words not in text] == []
    for mark in re.finditer(r"\*\(ours", text):
        sentence = re.split(r"[.;|]|\n- ", text[: mark.start()])[-1]
        number = re.search(r"\b\d+\b", sentence)
        known = any(words.removesuffix(" *(ours") in sentence for words in OURS)
        assert known or number is None, sentence


def test_each_threshold_has_bounds() -> None:
    """No site sets a threshold to what nobody can mean, such as -3 days: both ends are said, and ours is within."""
    numbers = [found for found in engine().declared.all.values() if str(found.type) == "System.Integer"]
    assert len(numbers) >= len(OURS)
    for found in numbers:
        assert 0 < found.bounds.least <= found.default <= found.bounds.greatest, found.key


def test_the_page_is_in_step_with_the_content() -> None:
    """Run `python -m cds.booklet.parameters > docs/site-parameters.md` when this fails."""
    assert (ROOT / "docs" / "site-parameters.md").read_text(encoding="utf-8") == page(engine())


def test_every_parameter_is_documented_has_a_default_and_is_read() -> None:
    """A card can say what each means; none is there that no decision reads."""
    readers = {line.split("`")[1]: line.rstrip(" |").rpartition("|")[2].strip() for line in rows(page(engine()))}
    for found in engine().declared.all.values():
        assert found.documentation.endswith("."), found.key
        assert found.default is not None, found.key
        assert readers[found.name], found.key


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| `")]
