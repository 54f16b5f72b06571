"""The CQL of Library resources: where it may stand, what counts for the revision, and whose problems are told."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import orjson
import pytest

from cds.definitions.check import inspect
from cds.definitions.logic import Logic
from cds.errors import Problem
from cds.expr.libraries import Libraries

CQL = "library Pain version '1.0.0'\nusing FHIR version '4.0.1'\ncontext Patient\ndefine Pains: [Condition]\n"
KIND = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "logic-library"}]}


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def elm() -> bytes:
    return orjson.dumps(Libraries(lambda _name, _version: CQL).elm("Pain"))


def library(*content: dict[str, Any], name: str = "Pain") -> dict[str, Any]:
    url = f"https://example.org/Library/{name}"
    head = {"resourceType": "Library", "url": url, "name": name, "version": "1.0.0", "status": "active", "type": KIND}
    return {**head, "content": list(content)}


def loaded(folder: Path, *libraries: dict[str, Any]) -> tuple[Logic, list[Problem], str]:
    for number, resource in enumerate(libraries):
        (folder / f"{number}.json").write_bytes(orjson.dumps(resource))
    found = inspect(folder)
    return found.registry.logic, found.problems, found.revision


@pytest.mark.parametrize(
    "content",
    [
        [{"contentType": "text/cql", "data": encoded(CQL)}],
        [{"contentType": "text/cql; charset=utf-8", "url": "sub/pain.cql"}],
        [{"contentType": "application/elm+json", "data": encoded(elm())}],
        [{"contentType": "application/elm+json", "url": "elm/pain.json"}],
        [
            {"contentType": "application/elm+json", "data": encoded("{}")},
            {"contentType": "text/cql", "url": "pain.cql"},
        ],
    ],
)
def test_content_is_text_or_elm_beside_or_inline(tmp_path: Path, content: list[dict[str, Any]]) -> None:
    """Every form gives the same defines; where text and ELM are both there, text wins."""
    for name, text in (("sub/pain.cql", CQL), ("pain.cql", CQL), ("elm/pain.json", elm().decode())):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    logic, problems, _ = loaded(tmp_path, library(*content))
    assert problems == []
    assert set(logic.defines()) == {"Pains", "Pain.Pains"}


def test_a_site_may_prefer_the_elm(tmp_path: Path) -> None:
    """Of a Library with both, the setting takes the ELM; where there is none, the text runs all the same."""
    other = CQL.replace("Pains", "Others")
    (tmp_path / "library.json").write_bytes(
        orjson.dumps(
            library(
                {"contentType": "text/cql", "data": encoded(other)},
                {"contentType": "application/elm+json", "data": encoded(elm())},
            )
        )
    )
    by_text, by_elm = (inspect(tmp_path, prefer_elm=preferred).registry.logic for preferred in (False, True))
    assert set(by_text.defines()) == {"Others", "Pain.Others"}
    assert set(by_elm.defines()) == {"Pains", "Pain.Pains"}


def test_the_text_counts_for_the_revision(tmp_path: Path) -> None:
    """A change of the .cql file alone is another revision."""
    revisions = set()
    for text in (CQL, CQL + "define More: 1\n", CQL):
        (tmp_path / "pain.cql").write_text(text, encoding="utf-8")
        revisions.add(loaded(tmp_path, library({"contentType": "text/cql", "url": "pain.cql"}))[2])
    assert len(revisions) == 2


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"contentType": "text/cql", "url": "../outside.cql"}, "file-outside-root"),
        ({"contentType": "text/cql", "url": "/etc/hostname"}, "file-outside-root"),
        ({"contentType": "text/cql", "url": "https://example.org/pain.cql"}, "file-not-regular"),
        ({"contentType": "text/cql", "url": "a" * 3000 + ".cql"}, "file-unreadable"),
        ({"contentType": "text/cql", "data": "?"}, "library-content"),
        ({"contentType": "text/cql", "data": encoded(b"\xff")}, "library-content"),
        ({"contentType": "application/elm+json", "data": encoded("[")}, "library-content"),
        ({"contentType": "application/elm+json", "data": encoded("[]")}, "library-content"),
    ],
)
def test_content_that_cannot_be_read_is_a_problem_of_the_library(
    tmp_path: Path, content: dict[str, Any], code: str
) -> None:
    """Files stay below the content folder (security D1); nothing is fetched."""
    (tmp_path / "content").mkdir()
    (tmp_path / "outside.cql").write_text(CQL, encoding="utf-8")
    _, problems, _ = loaded(tmp_path / "content", library(content))
    assert code in {problem.code for problem in problems}
    assert all(problem.location.file.endswith("0.json") for problem in problems)


def test_a_problem_is_told_once_where_it_stands(tmp_path: Path) -> None:
    """A library that includes a broken one has its own problems only, and has them at once."""
    (tmp_path / "Pain.cql").write_text(CQL + "define Wrong: Painz\n", encoding="utf-8")
    user = "library User version '1.0.0'\ninclude Pain\ndefine Taken: Pain.Wrong\ndefine Own: 1 + 'a'\n"
    (tmp_path / "User.cql").write_text(user, encoding="utf-8")
    files = [library({"contentType": "text/cql", "url": f"{name}.cql"}, name=name) for name in ("Pain", "User")]
    _, problems, _ = loaded(tmp_path, *files)
    assert [(Path(p.location.file).name, p.location.line, p.code) for p in problems] == [
        ("Pain.cql", 5, "expression-semantic"),
        ("User.cql", 4, "expression-semantic"),
    ]


def test_an_include_is_the_version_it_asks_for(tmp_path: Path) -> None:
    """Two versions are loaded: the highest is meant unless one is named."""
    libraries = []
    for version, value in (("1.0.0", 1), ("1.10.0", 10), ("1.9.0", 9)):
        text = f"library Base version '{version}'\ndefine Value: {value}\n"
        content = {"contentType": "text/cql", "data": encoded(text)}
        libraries.append({**library(content, name="Base"), "version": version})
    for name, include in (("Newest", "include Base"), ("Older", "include Base version '1.9.0'")):
        text = f"library {name} version '1.0.0'\n{include}\ndefine Taken: Base.Value\n"
        libraries.append(library({"contentType": "text/cql", "data": encoded(text)}, name=name))
    logic, problems, _ = loaded(tmp_path, *libraries)
    assert problems == []
    included = {found.name: found.includes["Base"] for found in logic.compiled.values() if "Base" in found.includes}
    assert {name: base.version for name, base in included.items()} == {"Newest": "1.10.0", "Older": "1.9.0"}
