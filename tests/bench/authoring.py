"""What the author's verbs cost on the bundled content: `cds check`, `cds test` and `cds --help`, each as a process.

Run as a program; prints one table: the wall clock beside its target, the processor time, and the part of it that passes
before the verb begins (Python and its imports). The least of several runs counts: what else a machine does only adds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNS = 3


@dataclass(frozen=True)
class Cost:
    """The seconds of one process: on the wall, and of the processor."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Verb:
    """A command line with its target in seconds, and the module whose import is its start-up."""

    arguments: tuple[str, ...]
    target: float
    module: str


VERBS = (
    Verb(("check",), 3.0, "cds.cli.check"),
    Verb(("test",), 10.0, "cds.cli.test"),
    Verb(("--help",), 0.150, "cds.cli"),
)


def cost(arguments: Sequence[str]) -> Cost:
    """The least that Python with these arguments costs in RUNS runs."""
    return min((_once(arguments) for _ in range(RUNS)), key=lambda found: found.wall)


def _once(arguments: Sequence[str]) -> Cost:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CDS_")}
    before, start = os.times(), time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    wall, after = time.perf_counter() - start, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(wall, used)


def main() -> None:
    """Print the table."""
    print(f"{'':12}{'wall':>9}{'target':>9}{'cpu':>9}{'start-up':>10}")
    for verb in VERBS:
        whole = cost(["-m", "cds", *verb.arguments])
        start = cost(["-c", f"import cds.__main__, {verb.module}"])
        name = f"cds {' '.join(verb.arguments)}"
        share = min(start.cpu / whole.cpu, 1)
        print(f"{name:12}{whole.wall:>7.2f} s{verb.target:>7.2f} s{whole.cpu:>7.2f} s{share:>9.0%}")


if __name__ == "__main__":
    main()
