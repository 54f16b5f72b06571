"""The `cds` command. Each verb is a module that is imported when it is called, so that help is quick.

Results go to standard output, messages to standard error. Exit status: 0 fine, 1 findings, 2 usage, configuration or
content that does not load; 130 and 141 as shells have them, for an interruption and a reader that went away. `cds
serve` has 78 for an address that would let everybody in.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from cds import __version__
from cds.errors import ConfigurationError, DefinitionError, did_you_mean

#: The verbs by what they are for, each a module of this package with a command of the same name, in the order of help.
TASKS = {
    "Write content": {
        "new": "Write a decision to start from.",
        "check": "Check the definitions in a content folder.",
        "test": "Run the case files of a content folder.",
        "fmt": "Put definitions and CQL in their canonical form.",
        "diff": "Compare two content folders or revisions by meaning.",
        "docs": "Write the booklet of a content folder for clinicians.",
        "graph": "Draw a pathway.",
        "schema": "Print the JSON Schema of definition or case files for editors.",
    },
    "Try it out": {
        "eval": "Evaluate one request or patient Bundle and print the cards.",
        "explain": "Tell why each decision did, or did not, fire for one request.",
        "apply": "Apply a plan to a patient's data and print the FHIR resources.",
        "cql": "Evaluate the expressions of a CQL library.",
        "fhirpath": "Evaluate a FHIRPath expression on a resource.",
    },
    "Serve it": {
        "serve": "Answer CDS Hooks calls over HTTP.",
        "clients": "Check a file of registered clients and show what each may do.",
        "key": "Make a key pair for trying a registration out.",
        "token": "Make a token for trying a registration out.",
        "stats": "Count what became of the cards of each rule.",
        "replay": "Answer a logged call again with today's content, and compare.",
    },
}
VERBS = {verb: text for verbs in TASKS.values() for verb, text in verbs.items()}

_WRONG, _INTERRUPTED, _NO_READER = 2, 130, 141


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature is click's
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"cds.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click has it, with the nearest verb where there is none of that name."""
        if not args[0].startswith("-") and args[0] not in VERBS:
            hint = did_you_mean(args[0], VERBS)
            ctx.fail(f"No such verb '{args[0]}'." + (f" D{hint[1:]}" if hint else ""))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As click has it, which for a reader that went away would exit with the status of findings."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            sys.exit(_NO_READER)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        width = max(map(len, VERBS))
        for task, verbs in TASKS.items():
            with formatter.section(task):
                formatter.write_dl([(verb.ljust(width), text) for verb, text in verbs.items()])


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    subcommand_metavar="VERB ...",
    epilog="Exit status: 0 fine, 1 findings, 2 usage, settings or content that does not load. "
    "'cds VERB --help' has that of each verb, and examples.",
)
@click.version_option(__version__, prog_name="cds", message="%(prog)s %(version)s", help="Print the version.")
@click.pass_context
def group(ctx: click.Context) -> None:
    """Clinical decision support from FHIR treatment pathways."""
    if os.environ.get("NO_COLOR"):  # no-color.org
        ctx.color = False


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line of this process, or these arguments, and exit."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # what a terminal's encoding lacks is escaped, not an error
        sys.stdout.reconfigure(errors="backslashreplace")
    status = _WRONG
    try:
        status = _run(arguments)
    except DefinitionError as error:
        for problem in error.problems:
            _say(problem.render())
        count = len(error.problems)
        _say(f"{count} problem{'s' * (count != 1)}; {error.outcome}")
    except ConfigurationError as error:
        for line in str(error).splitlines():
            _say(f"cds: {line}")
    except click.exceptions.NoArgsIsHelpError as error:
        _say(error.format_message())
    except click.ClickException as error:
        _say(_usage(error))
    except BrokenPipeError:
        status = _NO_READER
    except (KeyboardInterrupt, click.Abort):
        status = _INTERRUPTED
    except OSError as error:  # of a disk, for what verbs read and write for people they tell themselves
        _say(f"cds: {error.filename or 'standard output'}: {error.strerror or error}")
    except Exception:  # a fault of ours is no finding, which 1 would say
        sys.excepthook(*sys.exc_info())
    _end_output()
    sys.exit(status)


def _run(arguments: Sequence[str] | None) -> int:
    """The exit status of a verb that came to its end. What it printed is written then."""
    status: Any = 0
    try:
        status = group.main(arguments, "cds", standalone_mode=False)
    except SystemExit as ended:
        status = ended.code
    sys.stdout.flush()
    return status if isinstance(status, int) else 0


def _usage(error: click.ClickException) -> str:
    """What is wrong with a command line, on one line, and where to read on."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    path = ctx.command_path if ctx is not None else "cds"
    text = " ".join(error.format_message().split())
    return f"{path}: {text}{'' if text.endswith(('.', '?')) else '.'} Try '{path} --help'."


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads it
        click.echo(text, err=True)


def _end_output() -> None:
    """Drop what could not be written: Python would try again when it ends, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
