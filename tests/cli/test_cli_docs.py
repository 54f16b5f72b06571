"""`cds docs` as a process."""

from __future__ import annotations

from pathlib import Path

from cli_process import ROOT, Run


def test_the_booklet_goes_where_it_is_told(cds: Run, tmp_path: Path) -> None:
    """To standard output, or with nothing printed to a file, which then holds the same."""
    printed = cds("docs")
    assert (printed.returncode, printed.stderr) == (0, "")
    assert printed.stdout == (ROOT / "docs" / "booklet.md").read_text(encoding="utf-8")
    written = cds("docs", "--output", tmp_path / "booklet.md")
    assert (written.returncode, written.stdout, written.stderr) == (0, "", "")
    assert (tmp_path / "booklet.md").read_text(encoding="utf-8") == printed.stdout


def test_what_cannot_be_read_or_written_is_status_2(cds: Run, tmp_path: Path) -> None:
    """A sentence, no traceback."""
    missing = cds("docs", tmp_path / "nope")
    assert (missing.returncode, missing.stdout, "Traceback" in missing.stderr) == (2, "", False)
    unwritable = cds("docs", "--output", tmp_path / "nope" / "booklet.md")
    assert (unwritable.returncode, "cannot be written" in unwritable.stderr) == (2, True)
