"""The `cds` command. Each verb is a module that is imported when it is called, so that help is quick.

Results go to standard output, messages to standard error. Exit status: 0 fine, 1 findings, 2 usage, configuration or
content that does not load; `cds serve` has 78 for an address that would let everybody in.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from cds import __version__
from cds.errors import ConfigurationError, DefinitionError

#: The verbs, each a module of this package with a command of the same name, in the order help shows them.
VERBS = {
    "serve": "Answer CDS Hooks calls over HTTP.",
    "clients": "Check a file of registered clients and show what each may do.",
    "key": "Make a key pair for trying a registration out.",
    "token": "Make a token for trying a registration out.",
    "new": "Write a decision to start from.",
    "check": "Check the definitions in a content folder.",
    "test": "Run the case files of a content folder.",
    "docs": "Write the booklet of a content folder for clinicians.",
    "schema": "Print the JSON Schema of definition or case files for editors.",
    "fmt": "Put definitions and CQL in their canonical form.",
    "diff": "Compare two content folders or revisions by meaning.",
    "graph": "Draw a pathway.",
    "cql": "Evaluate the expressions of a CQL library.",
    "fhirpath": "Evaluate a FHIRPath expression on a resource.",
    "apply": "Apply a plan to a patient's data and print the FHIR resources.",
    "stats": "Count what became of the cards of each rule.",
    "replay": "Answer a logged call again with today's content, and compare.",
    "eval": "Evaluate one request or patient Bundle and print the cards.",
    "explain": "Tell why each decision did, or did not, fire for one request.",
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature is click's
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"cds.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cds", message="%(prog)s %(version)s", help="Print the version.")
def group() -> None:
    """Clinical decision support from FHIR treatment pathways."""


def main() -> None:
    """Run the command line of this process and exit."""
    try:
        group(prog_name="cds")
    except DefinitionError as error:
        for problem in error.problems:
            print(problem.render(), file=sys.stderr)
        count = len(error.problems)
        print(f"{count} problem{'s' * (count != 1)}; {error.outcome}", file=sys.stderr)
    except ConfigurationError as error:
        for line in str(error).splitlines():
            print(f"cds: {line}", file=sys.stderr)
    except Exception:  # a fault of ours is no finding, which 1 would say
        sys.excepthook(*sys.exc_info())
    sys.exit(2)
