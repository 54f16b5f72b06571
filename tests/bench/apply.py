"""What `$apply` of the back-pain pathway costs: CPU time with the loaded content, with the same content brought by the
call, and with that content again.

Run as a program; prints one line for each.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from cds.cli.server import settle
from cds.config import Settings
from cds.service import Engine

ROOT = Path(__file__).resolve().parents[2]
PLAN = "back-pain"
ROUNDS = 21


def cost(call: Callable[[], Any]) -> float:
    """Milliseconds of one call."""
    before = time.process_time()
    call()
    return 1000 * (time.process_time() - before)


def main() -> None:
    engine = Engine(Settings(demo=True))
    body = (ROOT / "docs" / "samples" / "apply.json").read_bytes()
    package = engine.run_package("PlanDefinition", PLAN)
    brought = orjson.loads(body)
    url = package["entry"][0]["resource"]["url"]
    brought["parameter"] += [{"name": "url", "valueUri": url}, {"name": "content", "resource": package}]
    own = orjson.dumps(brought)
    with tempfile.TemporaryDirectory() as folder:
        empty = Engine(Settings(demo=True, content=Path(folder)))
    settle()
    first = cost(lambda: empty.run_apply("PlanDefinition", None, body=own))
    rows = {
        "loaded content": lambda: engine.run_apply("PlanDefinition", PLAN, body=body),
        f"brought again, {len(own) // 1024} KiB": lambda: empty.run_apply("PlanDefinition", None, body=own),
    }
    print(f"{'brought for the first time':30} {first:8.1f} ms")
    for name, call in rows.items():
        call()
        print(f"{name:30} {statistics.median(cost(call) for _ in range(ROUNDS)):8.1f} ms")


if __name__ == "__main__":
    main()
