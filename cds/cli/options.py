"""Flags that several verbs share, and flags made from the settings table."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import structlog

from cds.config import PREFIX, Settings, is_secret, load_settings
from cds.errors import ConfigurationError

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def output_format(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--format text|json`."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Form of the result.",
    )(command)


def write_out(text: str, file: Path | None) -> None:
    """Print a result, or write it to the file that the command line names. Raises ConfigurationError."""
    if file is None:
        click.echo(text, nl=False)
        return
    try:
        file.write_bytes(text.encode("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}") from None


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
            command = click.option(flag, name, is_flag=True, default=None, help=text)(command)
        else:
            command = click.option(flag, name, default=None, help=text)(command)
    return command
