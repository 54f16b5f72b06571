"""`cds diff` as a process."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from cli_process import Run


@pytest.fixture
def content(cds: Run, tmp_path: Path) -> Path:
    """A folder with one decision."""
    folder = tmp_path / "content"
    assert cds("new", "decision", "wrist-splint", "--content", folder).returncode == 0
    return folder


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_folders_that_say_the_same_do_not_differ(cds: Run, content: Path, tmp_path: Path) -> None:
    """Comments, order of files and layout are no difference."""
    other = shutil.copytree(content, tmp_path / "other")
    logic = other / "wrist-splint" / "wrist-splint.cql"
    edit(logic, "context Patient", "// a comment\n\ncontext Patient")
    edit(logic, "draftOrders O where", "draftOrders  O // beside it\n    /* and // within */ where")
    ended = cds("diff", content, other)
    assert (ended.returncode, ended.stdout.strip(), ended.stderr) == (
        0,
        "",
        "0 changes, 0 of 2 cases get other cards\n",
    )


def test_every_kind_of_change_is_told_by_meaning(cds: Run, content: Path, tmp_path: Path) -> None:
    """Conditions, words, logic and members of value sets, and the cases whose cards change."""
    other = shutil.copytree(content, tmp_path / "other") / "wrist-splint"
    edit(other / "plandefinition.yaml", "priority: urgent", "priority: stat")
    edit(other / "plandefinition.yaml", "expression: exists Orders", "expression: exists Orders and true")
    edit(other / "wrist-splint.cql", 'in "Orders it is about"', 'in "Orders it is about" and O.id is not null')
    edit(other / "valueset.yaml", "- code: the-order", "- code: the-order\n        - code: advice")
    ended = cds("diff", content, other.parent, "--format", "json")
    record = json.loads(ended.stdout)
    told = {(change["about"], change["subject"]): (change["before"], change["after"]) for change in record["changes"]}
    plan = "PlanDefinition wrist-splint"
    assert told[plan, "priority of wrist-splint"] == ("urgent", "stat")
    assert told[plan, "condition 1 of wrist-splint"] == ("exists Orders", "exists Orders and true")
    assert told["Library wrist-splint", "define Orders"][1] == (
        "define Orders: draftOrders O where (O as FHIR.ServiceRequest).code "
        'in "Orders it is about" and O.id is not null'
    )
    assert told["ValueSet wrist-splint-orders", "members added: 1"][1].endswith("|advice")
    assert len(told) == 4
    (case,) = record["cases"]
    assert case["cards"] == ["wrist-splint: indicator: warning -> critical"]
    assert ended.returncode == 1


def test_a_revision_of_git_is_compared_with_what_is_there(cds: Run, content: Path) -> None:
    """One name is compared with the content of the settings; what is neither folder nor revision is a usage error."""
    git = ["git", "-C", str(content), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    edit(content / "wrist-splint" / "plandefinition.yaml", "priority: urgent", "priority: routine")
    ended = cds("diff", "HEAD", CDS_CONTENT=str(content))
    assert ended.returncode == 1
    assert "- urgent" in ended.stdout
    assert "+ routine" in ended.stdout
    assert cds("diff", "HEAD", "HEAD", CDS_CONTENT=str(content)).returncode == 0
    wrong = cds("diff", "no-such-thing", CDS_CONTENT=str(content))
    assert (wrong.returncode, "neither a folder nor a revision" in wrong.stderr) == (2, True)


def test_a_revision_of_what_is_in_no_repository_is_told(cds: Run, content: Path) -> None:
    """With the folder that is meant, and what git says of it."""
    ended = cds("diff", "HEAD", "--content", content)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"cds: 'HEAD' is no folder, and {content} is in no git repository (git says: ")
