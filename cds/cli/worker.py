"""gunicorn's worker, with our pages for requests that no application sees, and a stop that drops no connection."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import Any

import orjson
import structlog
from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from cds.errors import Issue, operation_outcome
from cds.web.logs import own_frames
from cds.web.status import Status

_BAD = (400, "Bad Request", Issue("structure", "The request is not HTTP that can be understood"))
_FAILED = (500, "Internal Server Error", Issue("exception", "The service failed; its log has the reason"))
_PAGES: dict[type[Exception], tuple[int, str, Issue]] = {
    errors.LimitRequestLine: (414, "URI Too Long", Issue("too-long", "The address is too long")),
    errors.LimitRequestHeaders: (
        431,
        "Request Header Fields Too Large",
        Issue("too-long", "The headers are too large"),
    ),
    errors.ExpectationFailed: (417, "Expectation Failed", Issue("not-supported", "The Expect header asks too much")),
    errors.UnsupportedTransferCoding: (
        501,
        "Not Implemented",
        Issue("not-supported", "The body is encoded in a way that is not read here"),
    ),
}
_log = structlog.get_logger("cds.web")


class Worker(ThreadWorker):  # type: ignore[misc]
    """`status` is set once, before the first worker starts; `slot` by the process that starts the worker."""

    status: Status
    slot: int

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:  # noqa: ARG002
        """Answer a request that was not understood, and quote nothing of it (security.md A3)."""
        if isinstance(exc, errors.ParseException):
            status, reason, issue = _PAGES.get(type(exc), _BAD)
            _log.info("call", id=None, service=None, status=status)
        else:
            status, reason, issue = _FAILED
            _log.error("failed", error=type(exc).__qualname__, at=own_frames(exc))
        with contextlib.suppress(OSError):
            write_nonblock(client, _page(status, reason, issue))

    def set_accept_enabled(self, enabled: bool) -> None:
        """Before the service stops, take the connections that are made already, and let no more be made."""
        if not enabled and not self.alive and self.status.stopping:
            for listener in self.sockets:
                self._take_last(listener)
        super().set_accept_enabled(enabled)

    def accept(self, listener: socket.socket) -> None:
        """As gunicorn's; another worker may have ended the listening meanwhile."""
        with _ended():
            super().accept(listener)

    def _take_last(self, listener: socket.socket) -> None:
        taken = -1
        while self.nr_conns != taken:
            taken = self.nr_conns
            self.accept(listener)
        with _ended():
            listener.shutdown(socket.SHUT_RD)


@contextlib.contextmanager
def _ended() -> Iterator[None]:
    """Lets pass that a socket does not listen any more."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTCONN):
            raise


def _page(status: int, reason: str, issue: Issue) -> bytes:
    body = orjson.dumps(operation_outcome([issue]))
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n"
    )
    return head.encode("ascii") + body
