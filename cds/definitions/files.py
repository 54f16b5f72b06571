"""The content folder on disk: which files belong to it, guarded reading, and the revision hash of what was read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from cds.errors import DefinitionError, Location, Problem

MAX_FILE_BYTES = 5 * 1024 * 1024
MAX_FILES = 10_000
SUFFIXES = frozenset({".yaml", ".yml", ".json"})
#: Scenario files live in folders of this name; they are read by the case runner, not by the loader.
CASES_FOLDER = "cases"
#: A SUSHI project has this file at its root; then definitions stand in these folders only, and CQL in that one.
SUSHI_CONFIG = "sushi-config.yaml"
SUSHI_FOLDERS = ("fsh-generated/resources", "input/resources", "input/vocabulary")
SUSHI_CQL = "input/cql"
#: What SUSHI writes beside its resources.
_SUSHI_INDEX = "fsh-index.json"


class ContentFolder:
    """One root folder while it is being loaded (security.md D1): finds the definition files, reads them, and keeps a
    digest of each byte string it handed out."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._cwd = Path.cwd()
        self._digests: dict[str, bytes] = {}

    def definitions(self) -> tuple[list[Path], list[Problem]]:
        """The `*.yaml`, `*.yml` and `*.json` files below the root in name order, and what is wrong with the folder.
        Folders named `cases` and names that begin with a dot are left out; of a SUSHI project only the folders with
        resources count."""
        if not self._root.is_dir():
            message = "the content folder does not exist or is not a folder"
            return [], [_problem("content-missing", self._root, message, "name a folder of definitions")]
        found: list[Path] = []
        problems: list[Problem] = []
        for path in self._walk():
            if len(found) == MAX_FILES:
                message = f"more than {MAX_FILES:,} definition files"
                problems.append(self._at(self._root, "too-many-files", message, "split the content into folders"))
                break
            problem = self._refusal(path)
            if problem:
                problems.append(problem)
            elif path.suffix in SUFFIXES:
                found.append(path)
        return found, problems

    def read(self, path: Path) -> bytes:
        """The bytes of one regular file below the root. Raises DefinitionError with the reason otherwise."""
        try:
            problem = self._refusal(path)
            if problem:
                raise DefinitionError([problem])
            with path.open("rb") as stream:
                content = stream.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as error:  # what no file can be called is one of the two
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise DefinitionError([self._at(path, "file-unreadable", f"cannot be read: {reason}")]) from error
        if len(content) > MAX_FILE_BYTES:
            message = f"larger than {MAX_FILE_BYTES:,} bytes"
            raise DefinitionError([self._at(path, "file-too-big", message, "split it, or move codes to a CSV file")])
        self._digests[self._relative(path)] = hashlib.sha256(content).digest()
        return content

    def revision(self) -> str:
        """16 hex digits over the relative names and bytes of every file read so far, in name order."""
        total = hashlib.sha256()
        for name, digest in sorted(self._digests.items()):
            total.update(name.encode("utf-8", "surrogateescape") + b"\0" + digest)
        return total.hexdigest()[:16]

    def locate(self, origin: Path, name: str) -> Path:
        """The file `name` beside the definition in `origin`; if it is not there, among the CQL of a SUSHI project."""
        beside = origin.parent / name
        shared = self._root / SUSHI_CQL / name
        try:
            return shared if not beside.exists() and shared.exists() else beside
        except OSError:  # a name that is too long for a file; reading it says so
            return beside

    def holds(self, path: Path) -> bool:
        """Whether `path` was found in this folder."""
        return path.is_relative_to(self._root)

    def shown(self, path: Path) -> Path:
        """`path` as people should see it: relative to the working directory, else to the root."""
        if path.is_relative_to(self._cwd):
            return path.relative_to(self._cwd)
        return path.relative_to(self._root) if path.is_relative_to(self._root) else path

    def _walk(self) -> Iterator[Path]:
        is_project = (self._root / SUSHI_CONFIG).is_file()
        for start in [self._root / name for name in SUSHI_FOLDERS] if is_project else [self._root]:
            yield from self._below(start)

    def _below(self, start: Path) -> Iterator[Path]:
        for folder, folders, names in os.walk(start):
            linked = [name for name in folders if Path(folder, name).is_symlink() and not name.startswith(".")]
            folders[:] = sorted(name for name in folders if name != CASES_FOLDER and not name.startswith("."))
            definitions = (name for name in names if _is_definition(name))
            yield from (Path(folder, name) for name in sorted([*definitions, *linked]))

    def _refusal(self, path: Path) -> Problem | None:
        target = path.resolve()
        if not target.is_relative_to(self._root):
            hint = "copy the file into the content folder"
            return self._at(path, "file-outside-root", "leads out of the content folder", hint)
        if target.is_dir() and path.is_symlink():
            return None
        if not target.is_file():
            return self._at(path, "file-not-regular", "not a regular file" if target.exists() else "no such file")
        return None

    def _relative(self, path: Path) -> str:
        return Path(os.path.normpath(path)).relative_to(self._root).as_posix()

    def _at(self, path: Path, code: str, message: str, hint: str | None = None) -> Problem:
        return _problem(code, self.shown(path), message, hint)


def _is_definition(name: str) -> bool:
    return Path(name).suffix in SUFFIXES and not name.startswith(".") and name != _SUSHI_INDEX


def _problem(code: str, path: Path, message: str, hint: str | None = None) -> Problem:
    return Problem(code, message, Location(str(path)), hint)


class NoFiles(ContentFolder):
    """Stands for a folder where definitions come with a call: they may refer to no file."""

    def __init__(self) -> None:
        super().__init__(Path())

    def read(self, path: Path) -> bytes:
        """Raises DefinitionError."""
        raise DefinitionError([_problem("file-unreadable", Path(path.name), "a call's own content has no files")])

    def locate(self, origin: Path, name: str) -> Path:
        """Where the file would be; no disk is looked at."""
        return origin.parent / name


NO_FILES = NoFiles()
