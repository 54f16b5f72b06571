"""Where libraries come from: attachments, files, and which of several is meant."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from cds.cql.sources import Folder, Named, choose, named, read_file, source_of
from cds.errors import RequestError

ELM = {"library": {"identifier": {"id": "E", "version": "2"}}}


def attachment(kind: str, content: str) -> dict[str, str]:
    """One content of a Library."""
    return {"contentType": kind, "data": base64.b64encode(content.encode()).decode()}


@pytest.mark.parametrize(
    ("source", "name", "version"),
    [
        ("library A", "A", None),
        ("// library No\n/* x */\n  library A.B version '1.0'\n", "A.B", "1.0"),
        ("library \"A b\"\nversion '2'", "A b", "2"),
        ("define X: 'library A'", "", None),
        ("", "", None),
        (ELM, "E", "2"),
        (ELM["library"], "E", "2"),
    ],
)
def test_a_source_names_itself(source: object, name: str, version: str | None) -> None:
    """CQL in its header, ELM in its identifier."""
    found = named(source)  # type: ignore[arg-type]
    assert (found.name, found.version) == (name, version)


def test_the_text_of_a_library_goes_before_its_elm() -> None:
    """As everywhere (issue 4); parameters of the media type do not matter, other contents neither."""
    both = [attachment("application/elm+json", json.dumps(ELM)), attachment("text/cql; charset=utf-8", "library A")]
    assert source_of({"content": [{"contentType": "text/html", "data": "?"}, *both]}) == "library A"
    assert source_of({"content": both[:1]}) == ELM
    assert source_of({"content": [{"contentType": "text/cql", "url": "a.cql"}, 1]}) is None
    assert source_of({}) is None


@pytest.mark.parametrize(
    "content",
    [
        {"contentType": "text/cql", "data": "not base64"},
        {"contentType": "text/cql", "data": 1},
        {"contentType": "text/cql", "data": base64.b64encode(b"\xff").decode()},
        attachment("application/elm+json", "{"),
        attachment("application/elm+json", "[]"),
    ],
)
def test_content_that_cannot_be_read_is_refused(content: dict[str, object]) -> None:
    """With the element."""
    with pytest.raises(RequestError) as caught:
        source_of({"content": [content]})
    assert caught.value.issues[0].expression == "content/0/data"


def test_of_several_versions_the_highest_is_meant() -> None:
    """Unless one is asked for."""
    versions = [Named("A", version, "") for version in ("1.9", "1.10.0", None, "1.2")] + [Named("B", "9", "")]
    assert (choose(versions, "A", None) or versions[-1]).version == "1.10.0"
    assert (choose(versions, "A", "1.2") or versions[-1]).version == "1.2"
    assert choose(versions, "A", "3") is None


def test_a_folder_is_one_folder(tmp_path: Path) -> None:
    """Files of CQL, ELM and Library resources; what is something else, cannot be read or lies deeper is passed over."""
    (tmp_path / "a.cql").write_bytes(b"\xef\xbb\xbflibrary A")
    (tmp_path / "e.json").write_text(json.dumps(ELM))
    library = {"resourceType": "Library", "content": [attachment("text/cql", "library L")]}
    (tmp_path / "l.json").write_text(json.dumps(library))
    (tmp_path / "b.cql").write_bytes(b"library B \xff")
    (tmp_path / "p.json").write_text('{"resourceType": "Patient"}')
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "nameless.cql").write_text("define X: 1")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "c.cql").write_text("library C")
    assert [found.name for found in Folder(tmp_path).libraries] == ["A", "E", "L"]
    assert read_file(tmp_path / "p.json") is None
