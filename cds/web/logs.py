"""Log lines on standard error: JSON objects, or coloured text for people.

A line holds ids of ours, counts, times and types of errors; never what a caller sent, nor the text of an error, which
may quote it (security.md A2). So what other libraries log, warnings and errors that nobody caught are told by their
place alone.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import orjson
import structlog

Form = Literal["json", "console"]

_PACKAGE = Path(__file__).resolve().parent.parent
_log = structlog.get_logger(__name__)


def configure(level: str, form: Form = "json") -> None:
    """Write log lines of `level` (debug, info, warning, error) and above, of this package and all that it uses."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())] if form == "console" else [_as_json]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr)
        if form == "console"
        else structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    logging.root.handlers = [_OfLibraries()]
    logging.root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _crashed
    threading.excepthook = lambda failed: _crashed(failed.exc_type, failed.exc_value, failed.exc_traceback)


def own_frames(error: BaseException) -> list[str]:
    """`file:line` of the frames of an error in this package."""
    return _own_frames(error.__traceback__)


class _OfLibraries(logging.Handler):
    """Says that a library had something to say, and where."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0] if record.exc_info else None
        _log.log(
            record.levelno,
            "library",
            logger=record.name,
            at=f"{record.module}:{record.lineno}",
            error=error.__qualname__ if error else None,
        )


def _as_json(_logger: Any, _method: str, event: structlog.typing.EventDict) -> bytes:
    return orjson.dumps(event, default=lambda value: type(value).__qualname__)


def _crashed(kind: type[BaseException], _error: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    _log.critical("crashed", error=kind.__qualname__, at=_own_frames(trace))


def _own_frames(trace: TracebackType | None) -> list[str]:
    paths = ((Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(trace))
    return [f"{path.relative_to(_PACKAGE)}:{line}" for path, line in paths if path.is_relative_to(_PACKAGE)]
