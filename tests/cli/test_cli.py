"""The command itself: help, version, usage errors."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cli_process import Here, Run

from cds import cli
from cds.cli import VERBS


def test_help_names_every_verb(cds: Run) -> None:
    """`cds --help` lists the verbs and what they are for; exit status 0."""
    ended = cds("--help")
    assert ended.returncode == 0
    words = " ".join(ended.stdout.split())
    assert all(f"{verb} {text}" in words for verb, text in VERBS.items())


def test_help_loads_nothing_heavy() -> None:
    """`cds --help` stays quick because verbs are imported only when they are called."""
    program = (
        "import sys\nfrom cds.cli import group\n"
        "group(['--help'], standalone_mode=False)\n"
        "print(sorted({'flask', 'pydantic', 'gunicorn', 'fhir', 'cds.service'} & set(sys.modules)), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stderr == "[]\n"


def test_version(cds: Run) -> None:
    """`cds --version` is one line."""
    assert cds("--version").stdout.startswith("cds ")


def test_an_unknown_verb_is_a_usage_error(cds: Run) -> None:
    """Usage errors go to standard error with exit status 2."""
    ended = cds("sevre")
    assert (ended.returncode, ended.stdout) == (2, "")


def test_a_fault_of_ours_is_no_finding(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What nobody expected ends with status 2, for 1 would say that something was found in the content."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli.group, "main", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_each_verb_has_help(here: Here) -> None:
    """Each verb explains itself; exit status 0."""
    for verb in VERBS:
        ended = here(verb, "--help")
        assert (ended.status, ended.err) == (0, "")
