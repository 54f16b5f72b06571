"""Reads what an author names on the command line: a file in JSON or YAML, or standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import orjson

from cds.body import decode
from cds.definitions.read_yaml import read_yaml
from cds.definitions.source import ReadError, SourceText
from cds.errors import ConfigurationError, RequestError
from cds.fhir import Resource

#: What a command line calls it.
STANDARD_INPUT = Path("-")
_MARK = b"\xef\xbb\xbf"


def shown(file: Path) -> str:
    """The file as messages name it."""
    return "standard input" if file == STANDARD_INPUT else str(file)


def read_bytes(file: Path) -> bytes:
    """What is in a file (`-` is standard input), without a byte order mark. Raises ConfigurationError."""
    try:
        content = sys.stdin.buffer.read() if file == STANDARD_INPUT else file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{shown(file)} cannot be read: {error.strerror}") from None
    if not content.strip():
        raise ConfigurationError(f"{shown(file)} is empty")
    return content.removeprefix(_MARK)


def read_json(file: Path) -> bytes:
    """What is in a file as JSON text, which YAML is made into. Raises ConfigurationError for what is neither."""
    body = read_bytes(file)
    return body if _is_json(body, file) else orjson.dumps(_yaml(body, file))


def read_resource(file: Path) -> Resource:
    """The resource in a file; decimals of JSON keep their digits. Raises ConfigurationError."""
    body = read_bytes(file)
    try:
        value = decode(body, exact=True) if _is_json(body, file) else _yaml(body, file)
    except RequestError as error:
        raise ConfigurationError(f"{shown(file)}: {error.issues[0].text.replace('The body', 'the file')}") from None
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        raise ConfigurationError(f"{shown(file)}: this is no FHIR resource: it has no resourceType")
    return value


def as_bundle(resource: Resource) -> Resource:
    """A Bundle as it is; any other resource as the only one of a Bundle."""
    if resource["resourceType"] == "Bundle":
        return resource
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource}]}


def _is_json(body: bytes, file: Path) -> bool:
    """Whether it begins as JSON does. Raises ConfigurationError where it does not go on so."""
    if body.lstrip()[:1] not in (b"{", b"["):
        return False
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        place = f"{shown(file)}:{error.lineno}:{error.colno}"
        raise ConfigurationError(f"{place}: the file is not JSON: {error.msg}") from None
    return True


def _yaml(body: bytes, file: Path) -> Any:
    try:
        text = body.decode()
        return next((value for value, _ in read_yaml(text)), None)
    except UnicodeDecodeError:
        raise ConfigurationError(f"{shown(file)}: the file is not UTF-8; save it as UTF-8") from None
    except ReadError as error:
        line, column = SourceText(text).position(error.offset)
        hint = f" ({error.hint})" if error.hint else ""
        raise ConfigurationError(f"{shown(file)}:{line}:{column}: {error.message}{hint}") from None
