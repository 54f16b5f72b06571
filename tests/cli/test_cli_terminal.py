"""The command in a terminal and beside other programs: readers that go away, interruptions, colours, encodings."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_process import ROOT, environment

SAMPLE = str(ROOT / "docs" / "samples" / "order-sign.json")
CDS = (sys.executable, "-m", "cds")


def shell(line: str, **names: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `cds` is the command; its status is that of the first program that failed."""
    program = f'set -o pipefail; cds() {{ "{sys.executable}" -m cds "$@"; }}; {line}'
    return subprocess.run(
        ["bash", "-c", program], capture_output=True, text=True, env=environment(**names), check=False, timeout=60
    )


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A file that `cds fmt` would change."""
    file = tmp_path / "plan.yaml"
    file.write_text("status: active\nresourceType: PlanDefinition\n")
    return file


@pytest.mark.parametrize("call", [f"eval --input {SAMPLE} --format json", "fmt --diff {}", "fmt --diff {} 2>&1"])
def test_a_reader_that_goes_away_is_no_finding(call: str, written: Path) -> None:
    """`cds ... | head`: no message, and the status that shells have for it."""
    ended = shell(f"cds {call.format(written)} | true")
    assert (ended.returncode, ended.stderr) == (141, "")


def test_a_full_disk_is_told() -> None:
    """What was not written is no success."""
    ended = shell("cds schema cases > /dev/full")
    assert (ended.returncode, ended.stderr) == (2, "cds: standard output: No space left on device\n")


def test_an_interruption_says_nothing() -> None:
    """Ctrl-C while it works, here while it waits for its input: no traceback, and the status that shells have."""
    call = [*CDS, "fhirpath", "name", "-"]
    process = subprocess.Popen(call, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode in (130, -signal.SIGINT)
    assert err.strip() == b""


def test_colours_are_for_terminals_that_want_them(written: Path) -> None:
    """They are there on a terminal, and not where NO_COLOR is set or the output goes elsewhere."""
    assert "\x1b[" in in_terminal("fmt", "--diff", str(written))
    assert "\x1b[" not in in_terminal("fmt", "--diff", str(written), NO_COLOR="1")
    assert "\x1b[" not in shell(f"cds fmt --diff {written}").stdout


def in_terminal(*arguments: str, **names: str) -> str:
    """What the command writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([*CDS, *arguments], stdout=theirs, env=environment(**names)) as process:
        os.close(theirs)
        read = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while piece := os.read(ours, 65536):
                read += piece
        process.wait(60)
    os.close(ours)
    return read.decode()


def test_an_encoding_without_a_sign_is_no_error() -> None:
    """Text for people is escaped where the terminal's encoding lacks a sign; JSON and documents are UTF-8 always."""
    patient = '{"resourceType": "Patient", "name": [{"family": "Dvořák"}]}'
    line = f"printf %s '{patient}' | cds fhirpath name.family -"
    western = {"PYTHONIOENCODING": "latin-1"}
    assert shell(f"{line} | iconv -f latin1", **western).stdout.startswith('string  "Dvo\\u0159ák"  Patient')
    assert '"Dvořák"' in shell(f"{line} --format json", **western).stdout
    assert '"Dvořák"' in shell(line, LC_ALL="C").stdout
