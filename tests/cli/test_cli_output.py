"""Files that verbs write: whole or not at all, with the mode and the links of what was there."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from cds.cli.output import write_file, write_out
from cds.errors import ConfigurationError


def test_a_new_file_has_the_mode_of_any_other(tmp_path: Path) -> None:
    """As `>` of a shell would make it."""
    (tmp_path / "other").touch()
    write_file(tmp_path / "file", b"text\r\n")
    assert (tmp_path / "file").read_bytes() == b"text\r\n"
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "other").stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "other"]


def test_the_mode_stays(tmp_path: Path) -> None:
    """Whatever the mask of the process is."""
    file = tmp_path / "file"
    file.write_text("before")
    file.chmod(0o666)
    write_file(file, b"after")
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"after", 0o666)


def test_a_link_stays_and_what_it_leads_to_changes(tmp_path: Path) -> None:
    """Also where that is in another folder, and not there yet."""
    (tmp_path / "folder").mkdir()
    for name in ("there", "new"):
        (tmp_path / name).symlink_to(Path("folder", name))
    (tmp_path / "folder" / "there").write_text("before")
    for name in ("there", "new"):
        write_file(tmp_path / name, b"after")
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "folder" / name).read_bytes() == b"after"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """`--output /dev/stdout` and the like."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_file(pipe, b"text")
    reader.join(10)
    assert read == [b"text"]
    assert pipe.is_fifo()


def test_a_failure_changes_nothing_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is that fails, and an interruption too."""
    file = tmp_path / "file"
    file.write_text("before")

    for error in (OSError(28, "No space left on device"), KeyboardInterrupt()):

        def fail(*_: object, error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr(Path, "replace", fail)
        with pytest.raises(type(error)):
            write_file(file, b"after")
        assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder would let it; the file says no. The message names it."""
    file = tmp_path / "file"
    file.write_text("before")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigurationError, match="file cannot be written: Permission denied"):
        write_out("after", file)
    assert file.read_text() == "before"
