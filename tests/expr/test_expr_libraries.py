"""The door of CQL: libraries by name, from text and from ELM, with what they include."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cds.errors import DefinitionError, NotFoundError
from cds.expr import Evaluation
from cds.expr.cql.parser import parse_library
from cds.expr.cql.translate import translate
from cds.expr.libraries import Libraries

EV = Evaluation(now=datetime(2026, 3, 3, tzinfo=UTC))


def libraries(**sources: Any) -> Libraries:
    return Libraries(lambda name, _version: sources.get(name))


def elm(text: str) -> Any:
    return translate(parse_library(text), resolve=lambda _name, _version: None)


def test_text_and_elm_include_each_other() -> None:
    """A library of text may include one of ELM, and the other way round."""
    base = "library Base\ndefine One: 1"
    middle = "library Middle\ninclude Base\ndefine Two: Base.One + 1"
    top = "library Top\ninclude Middle called M\ndefine Three: M.Two + 1"
    found = libraries(Base=elm(base), Middle=middle).compile(top)
    assert found.evaluate(EV, "Three") == 3
    assert (found.name, found.includes["M"].name) == ("Top", "Middle")


def test_a_library_is_read_and_compiled_once() -> None:
    """Two libraries that include a third share it."""
    asked = []

    def find(name: str, version: str | None) -> str | None:
        asked.append((name, version))
        return {"A": "library A\ninclude C\ndefine X: C.X", "C": "library C version '2'\ndefine X: 1"}.get(name)

    shared = Libraries(find)
    first = shared.library("A")
    assert shared.library("A") is first
    assert shared.compile("library B\ninclude C\ndefine X: C.X").includes["C"] is first.includes["C"]
    assert asked.count(("C", None)) == 1


def test_the_version_that_an_include_asks_for_is_handed_on() -> None:
    """`find` sees the version, and may refuse it."""
    sources = {("C", "1"): "library C version '1'\ndefine X: 1"}
    shared = Libraries(lambda name, version: sources.get((name, version or "")))
    assert shared.compile("library B\ninclude C version '1'\ndefine X: C.X").evaluate(EV, "X") == 1
    with pytest.raises(DefinitionError):
        shared.compile("library B\ninclude C version '2'\ndefine X: C.X")


def test_libraries_that_include_each_other_are_refused() -> None:
    """A circle of includes is named, at the include that closes it."""
    sources = {"A": "library A\ninclude B\ndefine X: 1", "B": "library B\ninclude A\ndefine X: 1"}
    with pytest.raises(DefinitionError) as caught:
        libraries(**sources).library("A")
    (problem,) = caught.value.problems
    assert problem.message == "libraries include each other: A includes B includes A"
    assert str(problem.location) == "B:2:1"


def test_problems_name_the_library_they_are_in() -> None:
    """All problems of an included library come with its name, line and column."""
    bad = "library Bad\ndefine X: Yy\ndefine Z:\n  1 + 'a'"
    with pytest.raises(DefinitionError) as caught:
        libraries(Bad=bad).compile("library Top\ninclude Bad\ndefine X: Bad.X")
    places = [str(problem.location) for problem in caught.value.problems]
    assert places == ["Bad:2:11", "Bad:4:3"]


def test_own_problems_are_told_beside_those_of_what_is_included() -> None:
    """All at once; only what hangs on the broken library is left out, a fluent function that may be its own too."""
    top = """library Top
include Bad
include Good
define FromBad: Bad.X + Yy
define Fluent: 1.twice()
define Own: 1 + 'a'
define FromGood: Good.Nothing
define Below: FromBad + 1
"""
    good, bad = "library Good\ndefine X: 1", "library Bad\ndefine X: Zz\ndefine fluent function twice(n Integer): n"
    with pytest.raises(DefinitionError) as caught:
        libraries(Bad=bad, Good=good).compile(top)
    assert [str(problem.location) for problem in caught.value.problems] == [
        "Top:4:25",
        "Top:6:13",
        "Top:7:18",
        "Bad:2:11",
    ]


def test_a_broken_library_is_translated_once() -> None:
    """However many include it, by however many ways: a ladder of thirty rungs ends."""
    sources = {"L0": "library L0\ndefine X: Zz", "M0": "library M0\ninclude L0\ndefine X: 1"}
    for rung in range(1, 30):
        for side in "LM":
            below = f"include L{rung - 1}\ninclude M{rung - 1}"
            sources[f"{side}{rung}"] = f"library {side}{rung}\n{below}\ndefine X: Own{rung}"
    shared = libraries(**sources)
    for name in ("L29", "M29"):
        with pytest.raises(DefinitionError) as caught:
            shared.library(name)
    assert len(caught.value.problems) == 1 + 2 * 28 + 1


def test_an_unknown_library_is_not_found() -> None:
    """With its version, where one is asked for."""
    with pytest.raises(NotFoundError, match="no library 'Nope' version 3"):
        libraries().library("Nope", "3")
