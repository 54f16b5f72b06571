"""The JSON Schemas of CDS Hooks messages (cds/schemas), compiled once; they decide what is taken and what is sent.

A compiled validator is immutable, reads the Python values in place and may be shared by threads. Texts made here name
places and rules, never values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import re2

from cds.errors import Issue

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"

_MOST_ISSUES = 20
_SAFE_NAME = re2.compile(r"[A-Za-z0-9_.\-]{1,64}")


def schema(name: str) -> dict[str, Any]:
    """The schema of that name, such as `response` or `context.order-sign`."""
    document: dict[str, Any] = orjson.loads((SCHEMAS / f"{name}.schema.json").read_bytes())
    return document


@cache
def validator(name: str) -> jsonschema_rs.Draft202012Validator:
    """The compiled schema of that name."""
    return jsonschema_rs.Draft202012Validator(schema(name))


def request_problems(request: Any) -> list[Issue]:
    """What makes a parsed body unfit as a hook call (B3-B7): at most 20 issues with JSON pointers. [] is fit."""
    return _problems("request.minimum", request)


def feedback_problems(feedback: Any) -> list[Issue]:
    """The same for a body as feedback (E2-E6)."""
    return _problems("feedback", feedback)


def response_valid(response: Any) -> bool:
    """Whether an answer of ours is one that CDS Hooks 2.0 allows (section C)."""
    return validator("response").is_valid(response)


def response_problem(response: Any) -> str | None:
    """The first thing that is wrong with an answer of ours: JSON pointer and rule. None: nothing."""
    if response_valid(response):
        return None
    issue = _issue(next(iter(validator("response").iter_errors(response))))
    return f"{issue.expression or '/'}: {issue.text}"


def _problems(name: str, message: Any) -> list[Issue]:
    checked = validator(name)
    if checked.is_valid(message):
        return []
    return [_issue(error) for error in islice(checked.iter_errors(message), _MOST_ISSUES)]


def pointer(path: Iterable[str | int]) -> str:
    """A JSON pointer (RFC 6901). It ends before the first name that is the sender's own, for it may say what is the
    patient's: a key of the prefetch (at this point nobody knows which ones we asked for), and any other odd name."""
    return "".join(f"/{part}" for part in _safe_names(path))


def _safe_names(path: Iterable[str | int]) -> Iterator[str | int]:
    for part in path:
        if isinstance(part, str) and _SAFE_NAME.fullmatch(part) is None:
            return
        yield part
        if part == "prefetch":
            return


def _issue(error: jsonschema_rs.ValidationError) -> Issue:
    path = list(error.instance_path)
    kind = error.kind
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        return Issue("required", f"The member '{kind.property}' is missing", pointer([*path, kind.property]))
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Type):
        return Issue("structure", f"The value must be of type {' or '.join(kind.types)}", pointer(path))
    return Issue("invalid", f"The value breaks the rule '{error.schema_path[-1]}'", pointer(path))
