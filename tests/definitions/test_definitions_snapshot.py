"""The Snapshot: loaded content by canonical, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds.definitions.snapshot import Snapshot, load_snapshot
from cds.errors import DefinitionError, NotFoundError

BROKEN = Path(__file__).resolve().parents[1] / "data" / "broken"
LIBRARY = "resourceType: Library\nurl: urn:lib\nversion: {}\nstatus: active\ntype: {{text: logic}}\n"
VALUE_SET = """\
resourceType: ValueSet
url: urn:vs
status: active
extension:
  - url: https://pathway-cds.example/fhir/StructureDefinition/expansion-file
    valueUrl: codes.csv
"""


@pytest.fixture
def content(tmp_path: Path) -> Path:
    (tmp_path / "a.yaml").write_text("---\n".join(LIBRARY.format(f"'{v}'") for v in ("1.10", "1.9")))
    (tmp_path / "vs.yaml").write_text(VALUE_SET)
    (tmp_path / "codes.csv").write_text("system,code,display\nurn:x,a,Ay\n")
    return tmp_path


def test_canonical_without_version_means_the_highest(content: Path) -> None:
    """`url` is 1.10 and not 1.9; `url|version` is exactly that one; each look-up knows its kind."""
    snapshot = load_snapshot(content)
    assert snapshot.library("urn:lib")["version"] == "1.10"
    assert snapshot.definition("urn:lib|1.9")["version"] == "1.9"
    assert snapshot.value_set("urn:vs")["url"] == "urn:vs"
    assert snapshot.terminology.member("urn:vs", "urn:x", "a") is True
    assert [document.kind for document in snapshot.documents] == ["Library", "Library", "ValueSet"]


@pytest.mark.parametrize(
    ("canonical", "words"), [("urn:lab", "did you mean 'urn:lib'"), ("urn:lib|3", "version 1.10, 1.9")]
)
def test_unknown_canonical_names_the_nearest(content: Path, canonical: str, words: str) -> None:
    """NotFoundError says what is loaded instead."""
    with pytest.raises(NotFoundError, match=words):
        load_snapshot(content).library(canonical)


def test_look_up_of_another_kind_fails(content: Path) -> None:
    """A library is not a plan, an activity or a value set, whatever its url."""
    snapshot = load_snapshot(content)
    for look_up in (snapshot.plan, snapshot.activity, snapshot.value_set):
        with pytest.raises(NotFoundError, match="is a Library"):
            look_up("urn:lib")


def test_revision_changes_with_the_bytes_of_a_csv_file(content: Path) -> None:
    """security D5: codes are content too."""
    before = load_snapshot(content).revision
    assert load_snapshot(content).revision == before
    (content / "codes.csv").write_text("system,code,display\nurn:x,b,Bee\n")
    assert load_snapshot(content).revision != before


def test_broken_content_is_refused_with_every_problem(content: Path) -> None:
    """security D3 and security D4: nothing is loaded when anything is wrong, and the error holds all problems in
    order."""
    (content / "b.yaml").write_text("a: b: c\n")
    (content / "codes.csv").write_text("system,code,display\nurn:x,,Ay\n")
    with pytest.raises(DefinitionError) as caught:
        load_snapshot(content)
    assert [problem.code for problem in caught.value.problems] == ["yaml-syntax", "csv-row"]
    assert "b.yaml:1:5: yaml-syntax:" in str(caught.value)


def test_warnings_do_not_stop_loading() -> None:
    """An unknown hook is told, and served all the same."""
    snapshot = load_snapshot(BROKEN / "hook-unknown")
    assert isinstance(snapshot, Snapshot)
    assert [warning.code for warning in snapshot.warnings] == ["hook-unknown"]
