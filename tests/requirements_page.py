"""docs/conformance.md: every numbered requirement with the tests whose docstrings name it.

Run as a program; writes the page to standard output, and to standard error the numbers that have neither a test nor a
reason.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs" / "conformance.md"
NAMES = {"cds-hooks": "CDS Hooks", "security": "Security and reliability"}
_REFERENCE = re.compile(r"(?<![\w-])(security )?(AP|[A-Z])(\d{1,2})(?:-(?:AP|[A-Z])?(\d{1,2}))?(?!\w)")
#: Parts of `security` that this page is not about, but for what is listed of them; R4 alone is a release of FHIR.
_ELSEWHERE = {("security", letter) for letter in "BDER"}

Key = tuple[str, str, int]


@cache
def lists() -> dict[str, Any]:
    """tests/requirements.yaml."""
    text = (TESTS / "requirements.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


@cache
def titles() -> dict[Key, str]:
    """Each number and what it asks."""
    return {
        (name, letter, int(number.removeprefix(letter))): title
        for name in NAMES
        for letter, part in lists()[name].items()
        for number, title in part.items()
        if number != "title"
    }


@cache
def reasons() -> dict[Key, str]:
    """Why there is no test for a number."""
    found = {}
    for reference, reason in lists()["reasons"].items():
        name, number = reference.split()
        letter = number.rstrip("0123456789")
        found[name, letter, int(number.removeprefix(letter))] = reason
    return found


@cache
def named() -> dict[Key, list[tuple[str, str]]]:
    """For each number that a docstring names, the file and name of the tests."""
    found: dict[Key, list[tuple[str, str]]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for key in references(" ".join((ast.get_docstring(node) or "").split())):
                    found.setdefault(key, []).append((path.relative_to(TESTS).as_posix(), node.name))
    return found


def references(docstring: str) -> Iterator[Key]:
    """The numbers that a docstring names: `C1`, `AP1-AP10`, `security A2`, and `J9`, which only `security` has."""
    seen = set()
    for word, letter, first, last in _REFERENCE.findall(docstring):
        name = "security" if word or letter not in lists()["cds-hooks"] else "cds-hooks"
        if letter not in lists()[name]:
            continue
        found = {(name, letter, number) for number in range(int(first), int(last or first) + 1)}
        seen |= {key for key in found if word and key in titles()} if (name, letter) in _ELSEWHERE else found
    yield from sorted(seen)


def open_numbers() -> list[str]:
    """The numbers that have neither a test nor a reason."""
    return [_shown(key) for key in titles() if key not in named() and key not in reasons()]


def _shown(key: Key) -> str:
    name, letter, number = key
    return f"{'security ' if name == 'security' else ''}{letter}{number}"


def page() -> str:
    """The text of docs/conformance.md."""
    lines = [
        "# Conformance",
        "",
        "What is asked of the service, in two numbered lists of ours, and the tests that show it: one of CDS Hooks",
        "(2.0 and what 3.0 adds), one of security and reliability. A test belongs to a number when its docstring names",
        "it. This page is written by `python tests/requirements_page.py > docs/conformance.md` and checked by a test.",
    ]
    for name, heading in NAMES.items():
        for letter, part in lists()[name].items():
            lines += [
                "",
                f"## {heading}, {letter}: {part['title']}",
                "",
                "| # | requirement | tests |",
                "| --- | --- | --- |",
            ]
            lines += [_row(key, title) for key, title in titles().items() if key[:2] == (name, letter)]
    return "\n".join(lines) + "\n"


def _row(key: Key, title: str) -> str:
    by_file: dict[str, list[str]] = {}
    for file, test in named().get(key, ()):
        by_file.setdefault(file, []).append(f"`{test.removeprefix('test_')}`")
    shown = "<br>".join(f"[{file}](../tests/{file}): {', '.join(names)}" for file, names in by_file.items())
    return f"| {key[1]}{key[2]} | {title} | {shown or 'none: ' + reasons().get(key, 'not yet')} |"


if __name__ == "__main__":
    print(page(), end="")
    print("\n".join(open_numbers()), file=sys.stderr)
