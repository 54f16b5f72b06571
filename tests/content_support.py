"""The packaged content and its case files, loaded and run once for all tests about them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from cds.cases import Case, Result, find, load, run_case
from cds.config import Settings
from cds.service import Engine

CONTENT = Path(__file__).resolve().parents[1] / "plandefinitions"
CATALOGUE = CONTENT.parents[1] / "shared" / "knowledge" / "catalogue.yaml"


def listed() -> list[tuple[Path, str]]:
    """(file, name) of every case, read without the content so that a broken definition fails tests, not collection."""
    return [
        (file, str(case.get("name"))) for file in find(CONTENT) for case in yaml.safe_load(file.read_text())["cases"]
    ]


def plans() -> list[Path]:
    return sorted(CONTENT.glob("back-pain/*/plandefinition.yaml"))


@cache
def engine() -> Engine:
    return Engine(Settings(content=CONTENT))


@cache
def cases() -> dict[tuple[Path, str], Case]:
    return {(CONTENT.parent / case.location.file, case.name): case for case in load(engine(), CONTENT)}


@cache
def result(file: Path, name: str) -> Result:
    return run_case(engine(), cases()[file, name])
