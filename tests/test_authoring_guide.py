"""The walk of docs/authoring.md, word for word."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WALK = (ROOT / "docs" / "authoring.md").read_text().partition("## A decision in 15 minutes\n")[2].partition("\n## ")[0]


@pytest.mark.slow
def test_a_newcomer_gets_from_nothing_to_a_tested_decision(tmp_path: Path) -> None:
    """Every command of the walk runs as it stands in an empty folder, and says what the text around it says."""
    commands = re.findall(r"^```sh\n(.*?)^```$", WALK, re.MULTILINE | re.DOTALL)
    assert len(commands) >= 6
    shim = tmp_path / "bin" / "cds"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cds "$@"\n')
    shim.chmod(0o755)
    folder = tmp_path / "walk"
    folder.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CDS_")}
    environment = {**kept, "PATH": f"{shim.parent}{os.pathsep}{kept['PATH']}", "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    told = []
    for block in commands:
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, (block, ended.stdout, ended.stderr)
        assert "Traceback" not in ended.stderr
        told.append(ended.stdout + ended.stderr)
    assert "2 passed, 0 failed" in told[0]
    assert "1 failed" in told[1]
    assert "  again: cds test " in told[1]
    assert "3 passed, 0 failed" in told[3]
    assert "wrist-splint: fired" in told[5]
    assert "1 of 3 cases get other cards" in told[6]
    assert "the card is less urgent now" in told[6]
