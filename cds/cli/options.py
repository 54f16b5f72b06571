"""Flags that several verbs share, and flags made from the settings table."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
import structlog

from cds.config import PREFIX, Settings, is_secret, load_settings

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

#: A file that is read: JSON or YAML, or `-` for standard input.
INPUT = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


def output_format(*others: str, default: str = "text") -> Decorator:
    """`--format`: text or json, or `others`."""
    forms = others or ("text", "json")
    return click.option(
        "--format", "form", type=click.Choice(forms), default=default, show_default=True, help="Form of the result."
    )


def content_folder(meaning: str = "Folder of definitions.") -> Decorator:
    """`--content`: None when it is not given."""
    return click.option("--content", metavar="FOLDER", default=None, help=f"{meaning} [{PREFIX}CONTENT]")


def output_file() -> Decorator:
    """`--output`: None for standard output."""
    return click.option(
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write to this file instead of standard output.",
    )


def author_settings(**flags: Any) -> Settings:
    """The settings of a verb that serves nobody: a CDS_NOW in an author's environment is the clock, as in demo mode.

    What such a verb finds out it prints itself, so only errors are logged, beside the results on standard output."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    return load_settings({**flags, "demo": True})


def settings_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """A flag per setting that is no secret, None when it is not given; the value is checked with the other settings."""
    for name, field in reversed(Settings.model_fields.items()):
        if is_secret(name):
            continue
        flag = "--" + name.replace("_", "-")
        text = f"{field.description} [{PREFIX}{name.upper()}]"
        if field.annotation is bool:
            both = f"{flag}/--no-{flag[2:]}" if field.default else flag
            command = click.option(both, name, is_flag=True, default=None, help=text)(command)
        else:
            command = click.option(flag, name, default=None, metavar=_metavar(field.annotation), help=text)(command)
    return command


def _metavar(annotation: Any) -> str:
    """What help shows for the value of a setting."""
    parts = get_args(annotation)
    if get_origin(annotation) is Literal:
        return f"[{'|'.join(parts)}]"
    words = {int: "INTEGER", float: "NUMBER", Path: "PATH"}
    return next((word for kind, word in words.items() if kind in (annotation, *parts)), "TEXT")
