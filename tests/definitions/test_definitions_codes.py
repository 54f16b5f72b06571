"""docs/problems.md is made from the table of codes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from cds.definitions.codes import CODES, as_markdown

ROOT = Path(__file__).resolve().parents[2]
REPORTING = re.compile(r"(problem|Problem|ReadError|_report|_at|Finding)$")
CODE = re.compile(r"[a-z]+(-[a-z]+)+")


def test_page_of_problems_is_in_step_with_the_table() -> None:
    """Habit 28: run `python -m cds.definitions.codes > docs/problems.md` when this fails."""
    assert (ROOT / "docs" / "problems.md").read_text(encoding="utf-8") == as_markdown()


def test_every_reported_code_is_in_the_table() -> None:
    """A code in the source that the documentation does not know is a mistake of ours (habit 17)."""
    reported = set()
    for path in [
        *(ROOT / "cds" / "definitions").glob("*.py"),
        ROOT / "cds" / "terminology.py",
        ROOT / "cds/cql/site.py",
    ]:
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and REPORTING.search(ast.unparse(call.func)):
                texts = [node.value for node in call.args[:3] if isinstance(node, ast.Constant)]
                reported |= {text for text in texts if isinstance(text, str) and CODE.fullmatch(text)}
    assert len(reported) > 50
    assert reported - CODES.keys() == set()
