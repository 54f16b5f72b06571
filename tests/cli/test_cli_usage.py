"""Command lines that are wrong: one line that says what, where and what to do; exit status 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_process import Here

SAMPLE = Path(__file__).parents[2] / "docs" / "samples" / "order-sign.json"


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("sevre", "cds: No such verb 'sevre'. Did you mean 'serve'? Try 'cds --help'."),
        ("xyz", "cds: No such verb 'xyz'. Try 'cds --help'."),
        ("--foo", "cds: No such option '--foo'. Try 'cds --help'."),
        ("eval", "cds eval: Missing option '--input'. Try 'cds eval --help'."),
        (
            "eval --input nope",
            "cds eval: Invalid value for '--input': File 'nope' does not exist. Try 'cds eval --help'.",
        ),
        ("eval --input .", "cds eval: Invalid value for '--input': File '.' is a directory. Try 'cds eval --help'."),
        (
            "schema",
            "cds schema: Missing argument '[definitions|cases]'. Choose from: definitions, cases. "
            "Try 'cds schema --help'.",
        ),
        ("check nope", "cds: the folder of definitions nope does not exist"),
        ("check file.json", "cds: the folder of definitions file.json is a file: name the folder it is in"),
        ("check empty", "cds: there is no definition in empty: name the folder of definitions"),
        ("docs empty", "cds: there is no definition in empty: name the folder of definitions"),
        ("graph --content empty", "cds: there is no definition in empty: name the folder of definitions"),
        (
            "apply plan --input file.json --content .",
            "cds: there is no definition in .: name the folder of definitions",
        ),
        ("eval --input file.json --content nope", "cds: the folder of definitions nope does not exist"),
        (
            "explain --input file.json --content empty",
            "cds: there is no definition in empty: name the folder of definitions",
        ),
        ("cql empty.cql", "cds: empty.cql: the library has no public expression; name a private one with --define"),
        ("key file.json", "cds: there is a file file.json; name another, for no key is overwritten"),
        (
            "token service --key file.json --issuer x",
            "cds token: URL must be the whole address that is called, such as "
            "https://cds.example.org/cds-services/back-pain-order-sign, not 'service'. Try 'cds token --help'.",
        ),
        ("fmt nope", "cds: there is no file or folder nope"),
        ("fmt notes.txt", "cds: notes.txt is none of .yaml, .yml, .json, .cql"),
        ("test nope", "cds: there is no file or folder nope"),
        ("test --run", "cds test: Option '--run' requires an argument. Try 'cds test --help'."),
        ("key nope/key.json", "cds: nope/key.json cannot be made: No such file or directory"),
    ],
)
def test_what_is_wrong_is_told_on_one_line(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, told: str
) -> None:
    """Nothing is printed beside it, and no traceback."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.json").write_text("{}")
    for name in ("notes.txt", "empty.cql"):
        (tmp_path / name).write_text("")
    (tmp_path / "empty").mkdir()
    ended = here(*call.split())
    assert (ended.status, ended.out, ended.err) == (2, "", f"{told}\n")


def test_nothing_asked_shows_what_there_is(here: Here) -> None:
    """`cds` alone is no call; its help says which there are."""
    ended = here()
    assert (ended.status, ended.out) == (2, "")
    assert "Usage: cds [OPTIONS] VERB ..." in ended.err


def test_a_name_of_the_environment_that_means_nothing_is_told(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt setting would silently not count."""
    monkeypatch.setenv("CDS_CONTNET", ".")
    ended = here("check")
    assert (ended.status, ended.err) == (2, "cds: CDS_CONTNET: there is no such setting, did you mean CDS_CONTENT?\n")
