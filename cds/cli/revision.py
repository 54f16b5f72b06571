"""A content folder as it was at a revision of git."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path
from tempfile import mkdtemp

from cds.errors import ConfigurationError


class _GitError(ConfigurationError):
    """What git refuses."""


def content_at(name: str, content: Path, scratch: Path) -> Path:
    """The folder that `name` is, or the folder `content` as it was at the git revision of that name, written below
    `scratch`. Raises ConfigurationError when it is neither."""
    if Path(name).is_dir():
        return Path(name)
    try:
        inside = _git(content, "rev-parse", "--show-prefix").decode().strip()
    except _GitError as error:
        raise ConfigurationError(f"'{name}' is no folder, and {content} is in no git repository ({error})") from None
    if not inside and not (content / ".git").exists():
        raise ConfigurationError(f"'{name}' is no folder, and {content} is in no git repository")
    packed = _git(content, "archive", "--format=tar", _revision(name, content), ".")
    target = Path(mkdtemp(dir=scratch))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            held = archive.extractfile(member) if member.isfile() else None
            if held is not None and ".." not in Path(member.name).parts:
                file = target / member.name.lstrip("/")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(held.read())
    return target


def _revision(name: str, content: Path) -> str:
    try:
        return _git(content, "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}").decode().strip()
    except _GitError:
        raise ConfigurationError(f"'{name}' is neither a folder nor a revision of git") from None


def _git(folder: Path, *arguments: str) -> bytes:
    try:
        command = ["git", "-C", str(folder), *arguments]
        ended = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - git with our arguments
    except OSError as error:
        raise ConfigurationError(f"git cannot be run: {error.strerror}") from None
    if ended.returncode:
        said = ended.stderr.decode(errors="replace").strip().splitlines()
        raise _GitError(f"git says: {said[0] if said else 'nothing'}")
    return ended.stdout
