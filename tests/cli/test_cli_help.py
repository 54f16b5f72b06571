"""The help of each verb: what its exit statuses mean, examples that can be typed, 80 columns."""

from __future__ import annotations

import shlex

import click
import pytest
from cli_process import Here

from cds.cli import VERBS, group
from cds.cli.verb import Verb, Verbs
from cds.config import Settings, is_secret

CALLS = [[verb] for verb in VERBS] + [["new", "decision"]]


def command(words: list[str]) -> click.Command:
    """The verb, or the one below it, that a command line names."""
    found: click.Command = group
    while isinstance(found, click.Group) and words:
        inner = found.get_command(click.Context(found), words[0])
        assert inner is not None, f"there is no verb {words[0]}"
        found, words = inner, words[1:]
    return found


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_help_ends_with_statuses_and_examples(here: Here, monkeypatch: pytest.MonkeyPatch, call: list[str]) -> None:
    """Every verb says what 0 and 2 mean, and 1 where it has it; no line is wider than a terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    ended = here(*call, "--help")
    assert (ended.status, ended.err) == (0, "")
    assert max(map(len, ended.out.splitlines())) <= 80
    statuses, _, examples = ended.out.partition("\nExit status:\n")[2].partition("\nExamples:\n")
    assert {"0", "2"} <= {line.split()[0] for line in statuses.strip().splitlines()}
    assert all(line.startswith("  ") for line in examples.splitlines())
    assert f"cds {' '.join(call)}" in examples


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_examples_can_be_typed(call: list[str]) -> None:
    """Each names options and choices that there are."""
    found = command(call)
    assert isinstance(found, Verb | Verbs)
    for example in found.examples:
        words = shlex.split(example.replace("\\\n", ""))
        words = words[words.index("|") + 1 if "|" in words else 0 : words.index(">") if ">" in words else None]
        assert words[0] == "cds"
        verb = command(words[1:])
        options = {name: option for option in verb.params for name in (*option.opts, *option.secondary_opts)}
        for word, following in zip(words, [*words[1:], ""], strict=True):
            assert not word.startswith("--") or word in options, f"{example}: {word}"
            if word in options and isinstance(options[word].type, click.Choice):
                assert following in options[word].type.choices


def test_each_setting_is_a_flag_that_can_change_it() -> None:
    """Also one that is on by default; secrets have none."""
    flags = {option.name: option for option in command(["serve"]).params}
    for name, field in Settings.model_fields.items():
        assert (name in flags) is not is_secret(name)
        if field.default is True:
            assert flags[name].secondary_opts == [f"--no-{name.replace('_', '-')}"]


def test_one_option_means_one_thing() -> None:
    """`--output` is always a file and `--format` always a form; a file that is read is `--input`, definitions are
    `--content`."""
    options = [option for call in CALLS for option in command(call).params if isinstance(option, click.Option)]
    named = {name: [option for option in options if name in option.opts] for option in options for name in option.opts}
    assert all(isinstance(option.type, click.Choice) for option in named["--format"] if option.name == "form")
    assert all(isinstance(option.type, click.Path) for name in ("--output", "--input") for option in named[name])
    assert "--data" not in named
