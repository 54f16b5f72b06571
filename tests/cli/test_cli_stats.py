"""`cds stats` on a database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_process import Run

from cds.apply.tree import AppliedAction, Outcome
from cds.clients import Caller
from cds.config import Settings
from cds.hooks.feedback import parse
from cds.storage import Storage
from cds.storage.decision import decide

CARDS = [f"00000000-0000-4000-8000-{number:012d}" for number in range(4)]


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A database of four cards, of which one was accepted and two were overridden."""
    url = f"sqlite:///{tmp_path}/cds.sqlite3"
    storage = Storage(Settings(database_url=url))
    source = {"topic": {"code": "bed-rest"}}
    given = [{"uuid": card, "indicator": "info", "source": source} for card in CARDS]
    applied = [AppliedAction("bed-rest", {}, Outcome.FIRED)]
    origins = dict.fromkeys(CARDS, "bed-rest")
    who = Caller.demo()
    storage.add(decide(who, "pain", "order-sign", "h", "rev", applied, given, origins, (0, 0), None))
    item = {"outcome": "overridden", "outcomeTimestamp": "2026-03-02T10:05:31Z"}
    reason = {"reason": {"system": "http://s.example", "code": "patient-preference"}}
    items = [
        {**item, "card": CARDS[0], "outcome": "accepted", "acceptedSuggestions": [{"id": CARDS[0]}]},
        {**item, "card": CARDS[1], "overrideReason": reason},
        {**item, "card": CARDS[2]},
        {**item, "card": CARDS[3].replace("0", "9")},
    ]
    storage.add_feedback(who, "pain", parse(json.dumps({"feedback": items}).encode()))
    storage.close()
    return url


def test_a_table_a_record_and_a_picture(cds: Run, database: str, tmp_path: Path) -> None:
    """The table has a line per rule and its reasons, the record the same figures, and the picture is a file (E7)."""
    plot = tmp_path / "cards.svg"
    result = cds("stats", "--plot", plot, CDS_DATABASE_URL=database, COLUMNS="80")
    assert result.returncode == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["bed-rest", "4", "1", "2", "1", "#####----------....."] in lines
    assert ["1", "overridden:", "patient-preference", "(http://s.example)"] in lines
    assert ["1", "overridden:", "no", "reason", "given"] in lines
    assert lines[-1][:3] == ["1", "items", "of"]
    assert plot.read_text().startswith("<svg ")
    [rule] = json.loads(cds("stats", "--format", "json", CDS_DATABASE_URL=database).stdout)["rules"]
    assert (rule["shown"], rule["accepted"], rule["overridden"], rule["unanswered"]) == (4, 1, 2, 1)
    narrow = cds("stats", CDS_DATABASE_URL=database, COLUMNS="56").stdout
    assert ["bed-rest", "4", "1", "2", "1"] in [line.split() for line in narrow.splitlines()]
    assert "none were shown" in cds("stats", "--tenant", "other", CDS_DATABASE_URL=database).stdout


def test_a_database_that_is_not_there(cds: Run, tmp_path: Path) -> None:
    """A wrong address is told, and no empty database made there."""
    file = tmp_path / "none.sqlite3"
    result = cds("stats", CDS_DATABASE_URL=f"sqlite:///{file}")
    assert (result.returncode, result.stderr) == (
        2,
        f"cds: there is no database {file}; CDS_DATABASE_URL names that of the service\n",
    )
    assert not file.exists()
