"""gunicorn's own lines, in the form of ours."""

from __future__ import annotations

import os
import sys
from typing import Any

import structlog
from gunicorn.glogging import Logger

from cds.web.logs import own_frames

_log = structlog.get_logger("gunicorn")


class ServerLog(Logger):  # type: ignore[misc]
    """What the first process says is about processes and sockets, and written as it is. Workers read requests and
    quote them, so of what they say only the part before any value is kept (security.md A2)."""

    _first: int | None = None

    def setup(self, cfg: Any) -> None:
        """Take over nothing but the configuration: structlog knows the level and where to write."""
        self.cfg = cfg
        self._first = self._first or os.getpid()

    def critical(self, msg: str, *args: Any, **kwargs: Any) -> None:
        self._write("critical", msg, args, **kwargs)

    def error(self, msg: str, *args: Any, **kwargs: Any) -> None:
        self._write("error", msg, args, **kwargs)

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        self._write("warning", msg, args, **kwargs)

    def info(self, msg: str, *args: Any, **kwargs: Any) -> None:
        self._write("info", msg, args, **kwargs)

    def debug(self, *_args: Any, **_options: Any) -> None:
        """About every connection something, of no use here."""

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        self._write("error", msg, args, **{"exc_info": True, **kwargs})

    def log(self, lvl: int | str, msg: str, *args: Any, **kwargs: Any) -> None:
        self._write(lvl if isinstance(lvl, str) else "info", msg, args, **kwargs)

    def access(self, *_args: Any) -> None:
        """Each call has a line of its own already (cds.web.calls)."""

    def reopen_files(self) -> None:
        """There are none."""

    def close_on_exec(self) -> None:
        """There are none."""

    def _write(self, level: str, text: str, values: tuple[Any, ...], exc_info: Any = None, **_options: Any) -> None:
        said = text % values if values and os.getpid() == self._first else text
        if os.getpid() != self._first:
            said = _before_values(text)
        error = sys.exc_info()[1] if exc_info else None
        where = {"error": type(error).__qualname__, "at": own_frames(error)} if error else {}
        getattr(_log, level.lower())("server", message=said, pid=os.getpid(), **where)


def _before_values(text: str) -> str:
    """`Invalid request from ip=127.0.0.1: ...` is `Invalid request from ip`."""
    for mark in ("(", "%", ":", "=", "\n"):
        text = text.partition(mark)[0]
    return text.strip()
