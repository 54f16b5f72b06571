"""The command line as a process, and a server of its own on a free loopback port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Ended:
    """What the command came to in this process."""

    status: int
    out: str
    err: str


Here = Callable[..., Ended]


def environment(**names: str) -> dict[str, str]:
    """This process's environment without settings of its own, plus `names`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CDS_")}
    return {**kept, "PYTHONPATH": str(ROOT), **names}


def run(*arguments: str | Path, **names: str) -> subprocess.CompletedProcess[str]:
    """Run `cds` with arguments and environment names to its end."""
    command = [sys.executable, "-m", "cds", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment(**names), check=False)


@dataclass
class Serving:
    """A running `cds serve`; what it writes to standard error is in `messages`, to standard output beside it."""

    process: subprocess.Popen[bytes]
    port: int
    messages: Path

    def send(self, raw: bytes, *, finish: bool = False) -> bytes:
        """Send raw bytes on a connection of its own and return all that comes back; `finish` closes our side first."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(raw)
            if finish:
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        return answer


def start(messages: Path, *arguments: str, **names: str) -> Serving:
    """Start `cds serve --demo` on a free port and wait until it says that it is ready."""
    return start_as(messages, "--demo", "--port", "0", *arguments, **names)


def start_as(messages: Path, *arguments: str, **names: str) -> Serving:
    """Start `cds serve` with just these arguments and wait until it says that it is ready."""
    command = [sys.executable, "-m", "cds", "serve", *arguments]
    with messages.open("wb") as errors, messages.with_suffix(".out").open("wb") as output:
        process = subprocess.Popen(command, stderr=errors, stdout=output, env=environment(**names))
    with messages.open() as lines:
        while process.poll() is None:
            if (line := lines.readline()).startswith("pathway-cds is ready at "):
                return Serving(process, int(line.split("/cds-services")[0].rpartition(":")[2]), messages)
    raise AssertionError(messages.read_text())
