"""Reads a FHIR resource that an author names: a file in JSON or YAML, or standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from cds.body import decode
from cds.definitions.read_yaml import read_yaml
from cds.definitions.source import ReadError, SourceText
from cds.errors import ConfigurationError, RequestError


def read_resource(file: Path) -> dict[str, Any]:
    """The resource in a file (`-` is standard input); decimals keep their digits. Raises ConfigurationError."""
    body = sys.stdin.buffer.read() if file == Path("-") else file.read_bytes()
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        value = decode(body, exact=True) if body.lstrip()[:1] in (b"{", b"[") else _yaml(body, file)
    except RequestError as error:
        raise ConfigurationError(f"{file}: {error.issues[0].text.replace('The body', 'the file')}") from None
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        raise ConfigurationError(f"{file}: this is no FHIR resource: it has no resourceType")
    return value


def _yaml(body: bytes, file: Path) -> Any:
    try:
        text = body.decode()
        return next((value for value, _ in read_yaml(text)), None)
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file}: the file is not UTF-8") from None
    except ReadError as error:
        line, column = SourceText(text).position(error.offset)
        raise ConfigurationError(f"{file}:{line}:{column}: {error.message}") from None
