"""`cds fmt`: what it writes and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_process import Here, Run

from cds.cli import fmt
from cds.errors import ConfigurationError

WRITTEN = "status: active\nresourceType: PlanDefinition\n"
CANONICAL = "resourceType: PlanDefinition\nstatus: active\n"


def test_files_are_written_in_canonical_form(cds: Run, tmp_path: Path) -> None:
    """Those that changed are named; a second run changes nothing."""
    (tmp_path / "plan.yaml").write_text(WRITTEN)
    (tmp_path / "notes.txt").write_text("b   a")
    first, second = cds("fmt", tmp_path), cds("fmt", tmp_path)
    assert (first.returncode, first.stdout) == (0, f"{tmp_path / 'plan.yaml'}\n")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "0 files changed\n")
    assert (tmp_path / "plan.yaml").read_text() == CANONICAL


def test_check_and_diff_write_nothing(cds: Run, tmp_path: Path) -> None:
    """`--check` names the files, `--diff` shows the lines; both exit with 1."""
    plan = tmp_path / "plan.yaml"
    plan.write_text(WRITTEN)
    checked, told = cds("fmt", "--check", plan), cds("fmt", "--diff", plan)
    assert (checked.returncode, checked.stdout) == (1, f"{plan}\n")
    assert told.returncode == 1
    assert "+resourceType: PlanDefinition\n" in told.stdout
    assert plan.read_text() == WRITTEN


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_formatted(cds: Run, tmp_path: Path) -> None:
    """With its line; exit status 2."""
    (tmp_path / "bad.yaml").write_text("a: 1\na: 2\n")
    (tmp_path / "bad.cql").write_text("define X: 'open")
    (tmp_path / "latin.cql").write_bytes(b"// \xe9")
    (tmp_path / "good.yaml").write_text(WRITTEN)
    ended = cds("fmt", tmp_path)
    assert ended.returncode == 2
    assert "latin.cql: file-encoding: " in ended.stderr
    assert "bad.yaml:2:1" in ended.stderr
    assert "bad.cql:1:" in ended.stderr
    assert (tmp_path / "good.yaml").read_text() == CANONICAL


@pytest.mark.parametrize(
    ("name", "written", "canonical"),
    [
        ("plan.yaml", WRITTEN, CANONICAL),
        ("plan.json", '{"status": "active", "resourceType": "PlanDefinition"}\n', None),
        ("logic.cql", "library L\n\ndefine A:   1\ndefine B: A+2\n", None),
    ],
)
def test_line_ends_stay(here: Here, tmp_path: Path, name: str, written: str, canonical: str | None) -> None:
    """A file with the line ends of Windows keeps them, and is in form where it is so but for them."""
    unix, windows = tmp_path / f"unix-{name}", tmp_path / name
    unix.write_bytes(written.encode())
    windows.write_bytes(written.replace("\n", "\r\n").encode())
    told = here("fmt", "--diff", windows)
    assert (told.status, "\r" in told.out) == (1, False)
    assert here("fmt", unix, windows).status == 0
    assert unix.read_text() == canonical or canonical is None
    assert windows.read_bytes() == unix.read_bytes().replace(b"\n", b"\r\n") != written.encode()
    assert here("fmt", "--check", unix, windows).status == 0


@pytest.mark.parametrize("name", ["empty.yaml", "empty.json", "empty.cql"])
def test_an_empty_file_stays_empty(here: Here, tmp_path: Path, name: str) -> None:
    """There is nothing to put in form."""
    (tmp_path / name).touch()
    assert here("fmt", tmp_path).status == 0
    assert (tmp_path / name).read_bytes() == b""


def test_a_file_that_cannot_be_written_does_not_keep_the_others(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told and stays as it was; exit status 2."""
    for name in "ab":
        (tmp_path / f"{name}.yaml").write_text(WRITTEN)
    write_out = fmt.write_out

    def refuse(text: str, file: Path) -> None:
        if file.name == "a.yaml":
            raise ConfigurationError(f"{file} cannot be written: No space left on device")
        write_out(text, file)

    monkeypatch.setattr(fmt, "write_out", refuse)
    ended = here("fmt", tmp_path)
    assert (ended.status, ended.out) == (2, f"{tmp_path / 'b.yaml'}\n")
    assert ended.err == f"cds: {tmp_path / 'a.yaml'} cannot be written: No space left on device\n1 file changed\n"
    assert [(tmp_path / f"{name}.yaml").read_text() for name in "ab"] == [WRITTEN, CANONICAL]


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        (WRITTEN, CANONICAL),
        (f"# words\n{WRITTEN}", None),
        (
            '{"status": "active", "resourceType": "Patient"}',
            '{\n  "resourceType": "Patient",\n  "status": "active"\n}\n',
        ),
        ("define A:   1\n", "define A: 1\n"),
        ("/* words */\nlibrary L\n\ndefine A:   1\n", "/* words */\nlibrary L\n\ndefine A: 1\n"),
        ("", ""),
    ],
)
def test_standard_input_goes_to_standard_output(
    here: Here, tmp_path: Path, written: str, canonical: str | None
) -> None:
    """In the form that its file would have, whichever it is of YAML, JSON and CQL, and with nothing else."""
    ended = here("fmt", "-", stdin=written.encode())
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == canonical or canonical is None
    assert here("fmt", "-", stdin=ended.out.encode()).out == ended.out


def test_standard_input_is_checked_and_compared(here: Here) -> None:
    """Under a name for people; what is in form is no finding."""
    checked, told = (here("fmt", option, "-", stdin=WRITTEN.encode()) for option in ("--check", "--diff"))
    assert (checked.status, checked.out, checked.err) == (1, "standard input\n", "")
    assert (told.status, told.out.split("\n")[0]) == (1, "--- standard input")
    assert here("fmt", "--check", "-", stdin=CANONICAL.encode()).status == 0


def test_standard_input_that_cannot_be_read_is_told(here: Here) -> None:
    """With its line, and nothing on standard output that would take its place."""
    ended = here("fmt", "-", stdin=b"a: 1\r\na: 2\r\n")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("standard input:2:1: duplicate-key: ")
    assert here("fmt", "-", "plan.yaml").err.startswith("cds fmt: - stands alone")


def test_a_byte_order_mark_stays(here: Here, tmp_path: Path) -> None:
    """The loader passes over it, and so does the form; places are counted without it."""
    (tmp_path / "logic.cql").write_bytes(b"\xef\xbb\xbflibrary L\ndefine A:   1\n")
    (tmp_path / "bad.yaml").write_bytes(b"\xef\xbb\xbfa: 1\na: 2\n")
    assert "bad.yaml:2:1: " in here("fmt", tmp_path).err
    assert (tmp_path / "logic.cql").read_bytes() == b"\xef\xbb\xbflibrary L\ndefine A: 1\n"
