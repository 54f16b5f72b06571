"""Where the text of libraries comes from: Library resources, and files in one folder."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import re2

from cds import fhir
from cds.errors import Issue, RequestError

Elm = dict[str, Any]
#: CQL text, or ELM.
Source = str | Elm

_HEADER = re2.compile(
    r"""(?m)^[ \t]*library[ \t\r\n]+((?:[A-Za-z_]\w*|"[^"\\]+")(?:\.(?:[A-Za-z_]\w*|"[^"\\]+"))*)"""
    r"""(?:[ \t\r\n]+version[ \t\r\n]+'([^']*)')?"""
)
_NUMBERS = re2.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Named:
    """The source of a library with the name it gives itself, and the file it came from, where it came from one."""

    name: str
    version: str | None
    source: Source
    file: Path | None = None


def named(source: Source, file: Path | None = None) -> Named:
    """A source with its name: of CQL what its first line says, of ELM the identifier. Empty when it has none."""
    if isinstance(source, str):
        found = _HEADER.search(source)
        name, version = (found[1].replace('"', ""), found[2]) if found else ("", None)
        return Named(name, version, source, file)
    identifier = source.get("library", source).get("identifier") or {}
    return Named(str(identifier.get("id") or ""), identifier.get("version"), source, file)


def is_elm(value: Any) -> bool:
    """Whether parsed JSON looks like an ELM library, with or without its outer `library`."""
    inner = value.get("library", value) if isinstance(value, dict) else None
    return isinstance(inner, dict) and isinstance(inner.get("identifier"), dict) and "resourceType" not in inner


def source_of(library: Mapping[str, Any]) -> Source | None:
    """The CQL text of a Library resource, or its ELM where it has no text; None when it carries neither.

    Raises RequestError 400, with the element path, when the content cannot be read."""
    found: dict[str, Source] = {}
    for index, attachment in enumerate(fhir.as_list(library.get("content"))):
        kind = str(attachment.get("contentType", "")).partition(";")[0] if isinstance(attachment, dict) else ""
        if kind in ("text/cql", "application/elm+json") and attachment.get("data") is not None:
            found.setdefault(kind, _decoded(attachment["data"], kind, f"content/{index}/data"))
    return found.get("text/cql", found.get("application/elm+json"))


def _decoded(data: Any, kind: str, place: str) -> Source:
    try:
        content = base64.b64decode(data, validate=True)
        if kind == "text/cql":
            return content.decode("utf-8-sig")
        elm = orjson.loads(content)
    except (binascii.Error, TypeError, UnicodeDecodeError, ValueError):
        raise RequestError(400, Issue("structure", f"The content is no {kind} in base64", place)) from None
    if not is_elm(elm):
        raise RequestError(400, Issue("structure", "The content is no ELM library", place))
    return dict(elm)


def choose(candidates: Iterable[Named], name: str, version: str | None) -> Named | None:
    """The source of that name and version; without a version the highest."""
    fitting = [found for found in candidates if found.name == name and version in (None, found.version)]
    return max(fitting, key=lambda found: _rank(found.version), default=None)


def _rank(version: str | None) -> tuple[list[int], str]:
    return [int(number) for number in _NUMBERS.findall(version or "")], version or ""


class Folder:
    """The libraries in the files of one folder, not below it: `*.cql`, and `*.json` that hold ELM or a Library. Read
    at the first question."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def libraries(self) -> list[Named]:
        """Every one that gives itself a name, in order of its file."""
        return [found for found in self._read() if found.name]

    def _read(self) -> Iterator[Named]:
        for file in sorted(self._path.iterdir()):
            if file.suffix in (".cql", ".json") and file.is_file():
                try:
                    source = read_file(file)
                except (RequestError, UnicodeDecodeError, OSError):
                    continue  # a file that nobody named is not complained about
                if source is not None:
                    yield named(source, file)


def read_file(file: Path) -> Source | None:
    """What is in a file, as read_source(). Raises OSError too."""
    return read_source(file.read_bytes(), is_json=file.suffix == ".json")


def read_source(content: bytes, *, is_json: bool) -> Source | None:
    """CQL text, ELM, or what a Library resource carries; None when it is some other JSON.

    Raises UnicodeDecodeError, and RequestError when it is no JSON or its content cannot be read."""
    if not is_json:
        return content.decode("utf-8-sig")
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        place = f"{error.lineno}:{error.colno}"
        raise RequestError(400, Issue("structure", f"the file is not JSON: {error.msg}", place)) from None
    if isinstance(value, dict) and value.get("resourceType") == "Library":
        return source_of(value)
    return value if is_elm(value) else None
