"""Cases run by several processes at once."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace

from cds.cases.model import Case, Result
from cds.cases.run import run_case
from cds.service import Engine

#: So few cases are run sooner than a process is started.
_FEW = 32
_TURNS = 8  # pieces of work for each process, so that none waits long for another


def run_cases(engine: Engine, cases: Sequence[Case], jobs: int) -> Iterator[Result]:
    """The results of the cases, in their order, each as soon as it is there. With several `jobs` the processes are
    forked from this one, where the platform has that, and their results come without the applied tree."""
    if jobs < 2 or len(cases) < _FEW or "fork" not in multiprocessing.get_all_start_methods():
        yield from (run_case(engine, case) for case in cases)
        return

    work = _Work(engine, cases)
    _WORK.append(work)
    try:
        with multiprocessing.get_context("fork").Pool(jobs, _leave_interruptions) as pool:
            size = max(1, len(cases) // (jobs * _TURNS))
            yield from pool.imap(_run, range(len(cases)), size)
    finally:
        _WORK.remove(work)


class _Work:
    """What the processes inherit: content does not go through a pipe."""

    def __init__(self, engine: Engine, cases: Sequence[Case]) -> None:
        self.engine = engine
        self.cases = cases


_WORK: list[_Work] = []


def _leave_interruptions() -> None:
    """Ctrl-C reaches every process of a terminal; this one is ended by the one that forked it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(index: int) -> Result:
    work = _WORK[-1]
    return replace(run_case(work.engine, work.cases[index]), applied=())
