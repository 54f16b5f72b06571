"""Cases run by several processes."""

from __future__ import annotations

import os
import signal
from datetime import date
from typing import Any

import pytest

from cds.cases import parallel
from cds.cases.model import Case, Result
from cds.errors import Location

CASES = [Case(str(n), Location(), "rest", "rest-order-sign", "order-sign", date(2026, 3, 1), {}) for n in range(40)]


def test_they_run_elsewhere_in_order_and_leave_interruptions_to_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C reaches every process of a terminal, and only the first one is there to say something about it."""
    monkeypatch.setattr(parallel, "run_case", seen)
    engine: Any = None
    here, elsewhere = (list(parallel.run_cases(engine, CASES, jobs)) for jobs in (1, 2))
    assert {result.trace for result in here} == {f"{os.getpid()} {signal.getsignal(signal.SIGINT)}"}
    assert [result.case.name for result in elsewhere] == [str(n) for n in range(40)]
    assert str(os.getpid()) not in {result.trace.split()[0] for result in elsewhere}
    assert {result.trace.split()[1] for result in elsewhere} == {str(signal.SIG_IGN)}


def seen(_engine: Any, case: Case) -> Result:
    """Which process runs a case, and what it does about Ctrl-C."""
    return Result(case, trace=f"{os.getpid()} {signal.getsignal(signal.SIGINT)}")
