"""Feedback that was acknowledged is there, whatever happens to the processes."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from cds.config import Settings
from cds.storage import Storage
from cds.storage.tables import feedback

ROOT = Path(__file__).resolve().parents[2]
POSTS, THREADS = 500, 8


@contextmanager
def serving(database_url: str, folder: Path) -> Iterator[tuple[psutil.Process, int]]:
    """`cds serve` with two workers: its first process and its port. It is killed at the end, with all its workers."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CDS_")}
    environment = {**kept, "PYTHONPATH": str(ROOT), "CDS_DATABASE_URL": database_url, "CDS_LOG_LEVEL": "error"}
    messages = folder / "messages"
    command = [sys.executable, "-m", "cds", "serve", "--demo", "--port", "0", "--workers", "2"]
    with messages.open("wb") as stream:
        process = psutil.Popen(command, stderr=stream, stdout=subprocess.DEVNULL, env=environment)
    try:
        deadline = time.monotonic() + 60
        while "pathway-cds is ready at " not in messages.read_text():
            assert process.poll() is None, messages.read_text()
            assert time.monotonic() < deadline, messages.read_text()
            time.sleep(0.05)
        address = messages.read_text().partition("pathway-cds is ready at ")[2]
        yield process, int(address.partition("/cds-services")[0].rpartition(":")[2])
    finally:
        family = [process, *process.children(recursive=True)] if process.is_running() else []
        for one in family:
            one.kill()
        process.wait(30)


def post(port: int, number: int) -> int:
    """Send one item until it is acknowledged: how many attempts were lost before."""
    item = {"card": card(number), "outcome": "overridden", "outcomeTimestamp": "2026-03-02T10:05:31Z"}
    body = json.dumps({"feedback": [item]})
    for lost in range(200):
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request(
                "POST", "/cds-services/back-pain-order-sign/feedback", body, {"Content-Type": "application/json"}
            )
            if connection.getresponse().status == 200:
                return lost
        except (OSError, HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.02)
    raise AssertionError(f"item {number} was never taken")


def card(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def kill_workers(process: psutil.Process, done: threading.Event) -> int:
    """Kill a worker at random, again and again: how many were killed."""
    killed = 0
    while not done.wait(random.uniform(0.05, 0.2)):  # noqa: S311
        workers = process.children()
        if workers:
            random.choice(workers).send_signal(signal.SIGKILL)  # noqa: S311
            killed += 1
    return killed


@pytest.mark.slow
def test_acknowledged_feedback_survives_killed_workers(database_url: str, tmp_path: Path) -> None:
    """500 items from 8 threads while workers are killed at random, then everything is: each acknowledged item is there
    once, and the file is sound (security P2, security P1)."""
    done = threading.Event()
    with serving(database_url, tmp_path) as (process, port), ThreadPoolExecutor(THREADS + 1) as pool:
        killer = pool.submit(kill_workers, process, done)
        try:
            lost = sum(pool.map(lambda number: post(port, number), range(POSTS)))
        finally:
            done.set()
        killed = killer.result()
    assert killed > 3
    print(f"{killed} workers killed, {lost} attempts lost")
    storage = Storage(Settings(database_url=database_url))
    try:
        if storage.database.file:
            with closing(sqlite3.connect(storage.database.file)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        with storage.database.reading() as connection:
            stored = connection.execute(select(feedback.c.card)).scalars().all()
    finally:
        storage.close()
    assert sorted(stored) == [card(number) for number in range(POSTS)]
    with serving(database_url, tmp_path) as (_, port):
        assert post(port, POSTS) == 0


@pytest.mark.slow
def test_stopping_in_order_writes_every_decision(tmp_path: Path) -> None:
    """SIGTERM: the decisions that still wait in the workers are written (security R4)."""
    url = f"sqlite:///{tmp_path}/cds.sqlite3"
    context = {"patientId": "p1", "draftOrders": {"resourceType": "Bundle", "entry": []}}
    prefetch = {"patient": {"resourceType": "Patient", "id": "p1"}, "conditions": None}
    with serving(url, tmp_path) as (process, port):
        for number in range(20):
            call = {"hook": "order-sign", "hookInstance": str(number), "context": context, "prefetch": prefetch}
            connection = HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request(
                "POST", "/cds-services/back-pain-order-sign", json.dumps(call), {"Content-Type": "application/json"}
            )
            assert connection.getresponse().status == 200
            connection.close()
        process.terminate()
        assert process.wait(30) == 0
    with closing(sqlite3.connect(tmp_path / "cds.sqlite3")) as connection:
        instances = {instance for (instance,) in connection.execute("SELECT hook_instance FROM decisions")}
    assert instances == {str(number) for number in range(20)}
