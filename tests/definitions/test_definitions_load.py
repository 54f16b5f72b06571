"""Documents: what a file may hold, and where the elements of its resources are."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds.definitions.load import Document, load

TWO = """\
resourceType: ValueSet
url: urn:a
---
# the second one
resourceType: Library
url: urn:b
parameter:
  - name: x
    use: in
"""
BUNDLE = """\
{"resourceType": "Bundle", "type": "collection", "entry": [
  {"resource": {"resourceType": "ValueSet", "url": "urn:a"}},
  {"resource": {"resourceType": "Patient"}},
  {"resource": {"resourceType": "Library", "url": "urn:b", "title": "B"}}
]}
"""


def _load(root: Path, name: str, text: str) -> tuple[list[Document], list[str]]:
    (root / name).write_text(text, encoding="utf-8")
    documents, problems = load(root)
    return documents, [f"{p.location.line}:{p.location.column} {p.code}" for p in problems]


def test_yaml_file_may_hold_several_documents(tmp_path: Path) -> None:
    """Each document is a resource whose lines are those of the file."""
    documents, problems = _load(tmp_path, "a.yaml", TWO)
    assert ([d.url for d in documents], problems) == (["urn:a", "urn:b"], [])
    location = documents[1].locate(("parameter", 0, "use"))
    assert (location.line, location.column, location.path) == (9, 10, "Library.parameter[0].use")


@pytest.mark.parametrize("kind", ["collection", "transaction", "batch"])
def test_a_bundle_is_unpacked(tmp_path: Path, kind: str) -> None:
    """The entries of a Bundle, in whichever form definitions are handed on, are definitions of their own; a wrong one
    is told and the others are kept."""
    documents, problems = _load(tmp_path, "a.json", BUNDLE.replace("collection", kind, 1))
    assert [d.url for d in documents] == ["urn:a", "urn:b"]
    assert problems == ["3:33 resource-type-other"]
    location = documents[1].locate(("title",))
    assert (location.line, location.path) == (4, "Library.title")


def test_missing_element_is_located_at_its_nearest_parent(tmp_path: Path) -> None:
    """A problem about something absent points at what should hold it, and names the full path."""
    documents, _ = _load(tmp_path, "a.yaml", TWO)
    location = documents[1].locate(("parameter", 0, "type", "x"))
    assert (location.line, location.column, location.path) == (8, 5, "Library.parameter[0].type.x")
    assert documents[1].locate(("parameter", 0, "use"), key=True).column == 5


def test_document_before_a_syntax_error_is_kept(tmp_path: Path) -> None:
    """One broken part of a file does not hide the others (habit 19)."""
    documents, problems = _load(tmp_path, "a.yaml", "resourceType: ValueSet\n---\na: b: c\n")
    assert len(documents) == 1
    assert problems == ["3:5 yaml-syntax"]


def test_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    """Files saved by Windows editors load, with right columns."""
    documents, problems = _load(tmp_path, "a.yaml", "\ufeffresourceType: ValueSet\r\nurl: urn:a\r\n")
    assert problems == []
    assert documents[0].locate(("resourceType",)).column == 15


def test_long_lines_and_values_are_not_echoed(tmp_path: Path) -> None:
    """A minified file of megabytes gives a short problem: no source line, and a cut message."""
    (tmp_path / "a.json").write_text('{"resourceType": "' + "x" * 5000 + '"}', encoding="utf-8")
    (problem,) = load(tmp_path)[1]
    assert problem.source is None
    assert len(problem.render()) < 1500
