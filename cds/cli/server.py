"""Runs the application under gunicorn: worker processes with two threads each, on one socket bound beforehand."""

from __future__ import annotations

import gc
import ipaddress
import shutil
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import gunicorn.http.wsgi
import structlog
from gunicorn.app.base import BaseApplication

from cds.cli.arbiter import Arbiter, hooks
from cds.cli.server_log import ServerLog
from cds.cli.watched import fingerprint
from cds.cli.worker import Worker
from cds.config import Settings
from cds.errors import ConfigurationError, DefinitionError
from cds.metrics import Metrics, Share
from cds.web.logs import own_frames
from cds.web.status import Status

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """An application and the revision of the content it answers from, None when it only says that there is none. Each
    worker calls `begin` before its first call and `close` after its last."""

    application: WSGIApplication
    revision: str | None
    begin: Callable[[], None] = lambda: None
    close: Callable[[], None] = lambda: None


Load = Callable[[Metrics, Status], Loaded]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`; of names only `localhost` is known to be so."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bind(host: str, port: int) -> socket.socket:
    """A TCP socket bound to host and port, not yet listening. Raises ConfigurationError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host} port {port}: {error.strerror or error}; choose another with --port"
        ) from None
    return listener


def settle() -> None:
    """Tune the garbage collector for serving, once the content is loaded: what was loaded stays for good, so it need
    not be looked at again and workers share its pages; and parsing one large body is no reason to collect."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


class Server(BaseApplication):  # type: ignore[misc]
    """Serves what `load` makes until it is told to stop. `load` runs here, in the first process, at the start and
    whenever the content is to be loaded anew (cds.cli.arbiter), which it also is when one of the `watched` files
    changed, or a file in one of the `watched` folders."""

    def __init__(
        self,
        load: Load,
        settings: Settings,
        listener: socket.socket,
        *,
        ready: Callable[[], None],
        watched: Sequence[Path] = (),
    ) -> None:
        """Load for the first time. Raises what `load` raises."""
        self.status = Worker.status = Status()
        self._load, self._ready, self._watched = load, ready, watched
        self._counted = Path(mkdtemp(prefix="cds-metrics-"))
        share = Share(self._counted)
        self._metrics = Metrics(share)
        self._options: dict[str, Any] = {
            "bind": f"fd://{listener.detach()}",
            "workers": settings.workers,
            "worker_class": Worker,
            "logger_class": ServerLog,
            "threads": 2,
            "timeout": 30,
            "graceful_timeout": 25,
            "preload_app": True,
            "post_worker_init": self._begin,
            "worker_exit": lambda _arbiter, _worker: self._loaded.close(),
            "on_exit": lambda _arbiter: self._clean(),
            "control_socket_disable": True,
            **hooks(share),
        }
        self._loaded: Loaded
        self._seen = fingerprint(watched)
        try:
            self._take(load(self._metrics, self.status))
        except BaseException:
            self._clean()
            raise
        # The header would name the server software and its version.
        gunicorn.http.wsgi.SERVER = "cds"
        super().__init__()

    def load_config(self) -> None:
        """Hand the options to gunicorn; it looks at no files or environment of its own."""
        for name, value in self._options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def wsgi(self) -> WSGIApplication:
        """The application that workers started from now on serve."""
        return self._loaded.application

    def run(self) -> None:
        """Serve until the process is told to stop; exits it."""
        Arbiter(self).run()

    def refresh(self) -> bool:
        """Load anew. What does not load is told in the log and changes nothing (security.md D3)."""
        self._seen = fingerprint(self._watched)
        self.status.begin()
        try:
            loaded = self._load(self._metrics, self.status)
        except DefinitionError as error:
            for problem in error.problems:
                _log.error("content-problem", problem=problem.render())
        except ConfigurationError as error:  # of the file of clients, say
            _log.error("content-problem", problem=str(error))
        except Exception as error:  # whatever it is, what is served now goes on
            _log.error("content-problem", error=type(error).__qualname__, at=own_frames(error))
        else:
            self._take(loaded)
            return True
        self._metrics.content_refused()
        self.status.end(None)
        return False

    def changed(self) -> bool:
        """Whether a watched file came, went or was written since the last load."""
        return bool(self._watched) and fingerprint(self._watched) != self._seen

    def _take(self, loaded: Loaded) -> None:
        gc.unfreeze()  # the old content may go
        self._loaded = loaded
        settle()
        self.status.end(loaded.revision)
        if loaded.revision:
            self._metrics.content_loaded()
            _log.info("content-loaded", revision=loaded.revision)

    def _begin(self, worker: Any) -> None:
        self._loaded.begin()
        # Not in gunicorn's own when_ready: a stop signal between that and the first worker's start would be lost.
        if worker.age == 1:
            self._ready()

    def _clean(self) -> None:
        shutil.rmtree(self._counted, ignore_errors=True)
