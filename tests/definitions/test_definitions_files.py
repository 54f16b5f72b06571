"""The content folder: which files are read, what is refused, and what the revision depends on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from cds.definitions import files
from cds.definitions.files import ContentFolder
from cds.definitions.load import load, load_folder

VALUE_SET = (
    "resourceType: ValueSet\nurl: urn:vs\nstatus: active\ncompose: {include: [{system: urn:x, concept: [{code: a}]}]}\n"
)


def _codes(root: Path) -> list[tuple[str, str]]:
    return [(problem.code, problem.location.file) for problem in load(root)[1]]


def test_definitions_are_found_but_cases_and_hidden_names_are_not(tmp_path: Path) -> None:
    """Scenario files live in folders named cases and are not definitions (issue 2, item 2)."""
    definitions = ["a.yaml", "b.yml", "sub/c.json"]
    for name in (*definitions, "cases/d.yaml", "sub/cases/e.json", ".git/f.yaml", ".g.yaml", "h.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(VALUE_SET)
    found, problems = ContentFolder(tmp_path).definitions()
    assert [path.relative_to(tmp_path.resolve()).as_posix() for path in found] == definitions
    assert problems == []


def test_links_out_of_the_root_are_refused(tmp_path: Path) -> None:
    """security D1: a symlink to a file or folder elsewhere is a problem at its own name, and is not read."""
    root = tmp_path / "content"
    root.mkdir()
    (tmp_path / "secret.yaml").write_text(VALUE_SET)
    (root / "passwd.yaml").symlink_to("/etc/passwd")
    (root / "secret.yaml").symlink_to(tmp_path / "secret.yaml")
    (root / "up").symlink_to(tmp_path)
    assert load(root)[0] == []
    assert _codes(root) == [
        ("file-outside-root", "passwd.yaml"),
        ("file-outside-root", "secret.yaml"),
        ("file-outside-root", "up"),
    ]


def test_links_inside_the_root_are_read_once(tmp_path: Path) -> None:
    """Mounted configuration (links to files in a hidden folder of the same root) works; nothing is read twice."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "a.yaml").write_text(VALUE_SET)
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    documents, problems = load(tmp_path)
    assert (len(documents), problems) == (1, [])


def test_dangling_link_and_pipe_are_refused_without_opening(tmp_path: Path) -> None:
    """security D1: only regular files; a named pipe would block the start for ever."""
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe.yaml")
    assert _codes(tmp_path) == [("file-not-regular", "gone.yaml"), ("file-not-regular", "pipe.yaml")]


def test_file_over_5_mb_is_refused(tmp_path: Path) -> None:
    """security D1: one byte over the limit is refused, the limit itself is not."""
    (tmp_path / "big.yaml").write_bytes(b"#" * (files.MAX_FILE_BYTES + 1))
    (tmp_path / "fits.yaml").write_bytes(b"#" * files.MAX_FILE_BYTES)
    assert _codes(tmp_path) == [("file-too-big", "big.yaml"), ("file-empty", "fits.yaml")]


def test_more_files_than_the_limit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """security D1: the number of files is bounded."""
    monkeypatch.setattr(files, "MAX_FILES", 2)
    for number in range(3):
        (tmp_path / f"{number}.yaml").write_text(VALUE_SET)
    assert [code for code, _ in _codes(tmp_path)] == ["too-many-files"]


def test_missing_folder_is_a_problem(tmp_path: Path) -> None:
    """security D4: a removed or misspelt folder is told in words."""
    assert [code for code, _ in _codes(tmp_path / "nowhere")] == ["content-missing"]


def test_unreadable_file_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """security D4: what the operating system refuses is told with its reason."""
    (tmp_path / "a.yaml").write_text(VALUE_SET)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    (problem,) = load(tmp_path)[1]
    assert (problem.code, problem.message) == ("file-unreadable", "cannot be read: Permission denied")


def _revision(root: Path) -> str:
    folder = ContentFolder(root)
    load_folder(folder)
    return folder.revision()


def test_revision_depends_on_names_and_bytes_only(tmp_path: Path) -> None:
    """security D5: every changed byte or name changes the revision; place on disk, time stamps and unread files do
    not."""
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.yaml").write_text(VALUE_SET)
    before = _revision(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    os.utime(tmp_path / "two" / "a.yaml", (1, 1))
    (tmp_path / "two" / "notes.txt").write_text("x")
    assert _revision(tmp_path / "two") == before
    (tmp_path / "two" / "a.yaml").write_text(VALUE_SET + "#")
    changed = _revision(tmp_path / "two")
    (tmp_path / "two" / "a.yaml").rename(tmp_path / "two" / "b.yaml")
    assert len({before, changed, _revision(tmp_path / "two")}) == 3
    assert len(before) == 16


def test_files_are_shown_relative_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A problem's file can be opened from where the author stands; outside of it, it is named from the root."""
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "a.yaml").write_text("")
    assert _codes(tmp_path / "content") == [("file-empty", "a.yaml")]
    monkeypatch.chdir(tmp_path)
    assert _codes(tmp_path / "content") == [("file-empty", "content/a.yaml")]
