"""Writes results: to standard output as UTF-8 whatever its own encoding is, or to a file, whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from pathlib import Path
from typing import Any

import orjson

from cds.errors import ConfigurationError
from cds.fhir import written


def write_json(value: Any) -> None:
    """Print a value as JSON; decimals keep their digits. A name of a file that is not UTF-8 is spelled as in text."""
    try:
        content = orjson.dumps(value, default=written, option=orjson.OPT_INDENT_2)
    except orjson.JSONEncodeError:
        content = orjson.dumps(_spelled(value), default=written, option=orjson.OPT_INDENT_2)
    _print(content + b"\n")


def _spelled(value: Any) -> Any:
    match value:
        case str():
            return _encoded(value).decode()
        case list() | tuple():
            return list(map(_spelled, value))
        case dict():
            return {_spelled(name): _spelled(item) for name, item in value.items()}
    return value


def _encoded(text: str) -> bytes:
    """The text as UTF-8. What Python makes of the bytes of a file's name that are none is escaped."""
    return text.encode("utf-8", "backslashreplace")


def write_out(text: str, file: Path | None) -> None:
    """Print a document, or write it to the file that the command line names. Raises ConfigurationError."""
    content = _encoded(text)
    if file is None:
        _print(content)
        return
    try:
        write_file(file, content)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}") from None


def _print(content: bytes) -> None:
    sys.stdout.flush()  # what was printed as text comes first
    sys.stdout.buffer.write(content)


def write_file(file: Path, content: bytes) -> None:
    """Put a file in the place of the one that is there, whose mode it keeps; where that is a link, in the place of what
    it leads to. Nothing changes when this fails, and nobody reads half a file. Raises OSError."""
    target = file.resolve()
    before = target.stat() if target.exists() else None
    if before is not None and not stat.S_ISREG(before.st_mode):  # a device or pipe is written to, not replaced
        target.write_bytes(content)
        return
    if before is not None and not os.access(target, os.W_OK):
        raise PermissionError(None, "Permission denied")
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with beside.open("xb") as stream:
            stream.write(content)
        if before is not None:
            beside.chmod(stat.S_IMODE(before.st_mode))
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
