"""What an author is told of each of the mistakes in tests/data/mistakes: the words in its expected.txt, and no others.

`PYTHONPATH=. python tests/lint/test_lint_mistakes.py` writes the files anew, to be read as a whole in the diff."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from cds.cases import engine_for, load
from cds.config import Settings
from cds.definitions.check import inspect
from cds.definitions.codes import CODES
from cds.errors import DefinitionError
from cds.lint import lint

MISTAKES = Path(__file__).resolve().parents[1] / "data" / "mistakes"
FOLDERS = sorted(path for path in MISTAKES.iterdir() if path.is_dir())
#: A place, then the code; the problems of case files stand in docs/cases.md.
PLACE = re.compile(r"(?P<file>\S+):(?P<line>\d+):(?P<column>\d+): (?P<code>[a-z-]+): \S.*")


def told(folder: Path) -> str:
    """What `cds check` prints of a folder, or `cds test` of one that has cases."""
    if not (folder / "cases").is_dir():
        problems = lint(inspect(folder))
    else:
        with pytest.raises(DefinitionError) as refused:
            load(engine_for(folder, Settings(content=folder)), folder)
        problems = list(refused.value.problems)
    text = "".join(f"{problem.render()}\n" for problem in problems)
    return text.replace(f"{os.path.relpath(folder)}/", "").replace(f"{folder}/", "")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_mistake_is_told_in_these_words(folder: Path) -> None:
    """Issue 8: file, line, column, code and remedy, word for word as they were reviewed."""
    assert told(folder) == (folder / "expected.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_what_is_told_has_place_code_and_remedy(folder: Path) -> None:
    """No mistake is left without a line to go to and something to do; each has one cause and is told once."""
    first, *rest = (folder / "expected.txt").read_text(encoding="utf-8").splitlines()
    found = PLACE.fullmatch(first)
    assert found is not None
    assert (folder / found["file"]).is_file()
    assert found["code"] in CODES or found["code"].startswith("case-")
    assert rest[-1].startswith("  hint: ")
    assert not any(PLACE.fullmatch(line) for line in rest)


def test_there_are_forty_and_more() -> None:
    """Issue 8 asks for forty different ones."""
    assert len(FOLDERS) >= 40


if __name__ == "__main__":
    for one in FOLDERS:
        (one / "expected.txt").write_text(told(one), encoding="utf-8")
