"""Reads a request's body whole, or not at all (security.md B1, B2, B8, B10).

Werkzeug cuts a chunked body at its limit without a word, so the stream is read here.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING
from urllib.parse import parse_qsl

from cds.errors import Issue, RequestError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_JSON = frozenset({"application/json", "application/fhir+json"})
_FORM = frozenset({"application/x-www-form-urlencoded"})
_FIELDS = 100


def read_json_body(environ: WSGIEnvironment, limit: int) -> bytes:
    """The bytes of a JSON body of at most `limit` bytes.

    Raises RequestError: 415 for another media type or an encoding, 413 over the limit, 400 when the body is not as long
    as its header says."""
    return _read_body(environ, limit, _JSON)


def read_form(environ: WSGIEnvironment, limit: int) -> list[tuple[str, str]]:
    """The fields of a form of at most `limit` bytes. Raises RequestError as read_json_body()."""
    body = _read_body(environ, limit, _FORM)
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS)
    except ValueError:
        raise _refused(400, "invalid", "The form cannot be read") from None


def _read_body(environ: WSGIEnvironment, limit: int, kinds: frozenset[str]) -> bytes:
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() not in kinds:
        raise _refused(415, "not-supported", f"The body must be {max(kinds)}")
    if environ.get("HTTP_CONTENT_ENCODING", "").strip().lower() not in ("", "identity"):
        raise _refused(415, "not-supported", "The body must not be compressed")
    length = _length(environ)
    if length is None:
        return _read_to_end(environ, limit)
    if length > limit:
        raise _too_long(limit)
    body = _read(environ["wsgi.input"], length)
    if len(body) < length:
        raise _refused(400, "incomplete", "The body is shorter than Content-Length says")
    return body


def _length(environ: WSGIEnvironment) -> int | None:
    """Content-Length, or None when the body is chunked or not there."""
    text = environ.get("CONTENT_LENGTH")
    if not text or "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise _refused(400, "invalid", "Content-Length is not a number")
    return int(text)


def _read_to_end(environ: WSGIEnvironment, limit: int) -> bytes:
    if not (environ.get("wsgi.input_terminated") or environ.get("HTTP_TRANSFER_ENCODING")):
        return b""
    body = _read(environ["wsgi.input"], limit + 1)
    if len(body) > limit:
        raise _too_long(limit)
    return body


def _read(stream: IO[bytes], size: int) -> bytes:
    """Up to `size` bytes; fewer only at the end of the stream."""
    pieces = []
    try:
        while size > 0 and (piece := stream.read(size)):
            pieces.append(piece)
            size -= len(piece)
    except Exception:  # each server has errors of its own for what a sender does wrong
        raise _refused(400, "incomplete", "The body broke off or its chunks are malformed") from None
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _too_long(limit: int) -> RequestError:
    return _refused(413, "too-long", f"The body is larger than {limit} bytes")


def _refused(status: int, code: str, text: str) -> RequestError:
    return RequestError(status, Issue(code, text))
