"""Runs the application under gunicorn: worker processes with two threads each, on one socket bound beforehand."""

from __future__ import annotations

import gc
import ipaddress
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gunicorn.http.wsgi
from gunicorn.app.base import BaseApplication

from cds.config import Settings
from cds.errors import ConfigurationError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


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
    """Serves what `load` returns until it is told to stop. With `watched` files, a change to one restarts the workers
    and `load` runs in each of them; without, it has run once, before they start."""

    def __init__(
        self,
        load: Callable[[], WSGIApplication],
        settings: Settings,
        listener: socket.socket,
        *,
        ready: Callable[[], None],
        watched: Sequence[Path] | None = None,
    ) -> None:
        self._load = load
        self._options: dict[str, Any] = {
            "bind": f"fd://{listener.detach()}",
            "workers": settings.workers if watched is None else 1,
            "worker_class": "gthread",
            "threads": 2,
            "timeout": 30,
            "graceful_timeout": 25,
            "preload_app": watched is None,
            "reload": watched is not None,
            "reload_extra_files": [str(path) for path in watched or ()],
            # Lines below this level quote headers and addresses of requests.
            "loglevel": "error",
            # Not gunicorn's own when_ready: a stop signal between that and the first worker's start would be lost.
            "post_worker_init": lambda worker: ready() if worker.age == 1 else None,
            # Newer versions of gunicorn only.
            "control_socket_disable": True,
        }
        # The header would name the server software and its version.
        gunicorn.http.wsgi.SERVER = "cds"
        super().__init__()

    def load_config(self) -> None:
        """Hand the options to gunicorn; it looks at no files or environment of its own."""
        for name, value in self._options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        """The application that workers serve."""
        return self._load()
