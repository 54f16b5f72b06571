"""What all verbs have in common: help that ends with exit statuses and examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

#: What status 2 means, whatever the verb.
WRONG = "wrong usage, settings or content, or a file that cannot be read"


class _Ending(click.Command):
    """A command whose help says what its exit statuses mean, and how it is called."""

    def __init__(self, *given: Any, statuses: Mapping[int, str], examples: Sequence[str], **named: Any) -> None:
        super().__init__(*given, **named)
        self.statuses = {**statuses, 2: "usage, settings or content is wrong, or a file cannot be used"}
        self.examples = examples

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click has it, which does not say whose an option is that lacks its value."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """The statuses, then the examples as they are typed."""
        with formatter.section("Exit status"):
            formatter.write_dl([(str(status), text) for status, text in sorted(self.statuses.items())])
        with formatter.section("Examples"):
            for line in "\n".join(self.examples).splitlines():
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")


class Verb(_Ending):
    """A verb."""


class Verbs(_Ending, click.Group):
    """A verb that has others below it."""

    command_class = Verb


def verb(name: str, statuses: Mapping[int, str], *examples: str) -> Callable[[Callable[..., Any]], Verb]:
    """Makes a function the verb of that name. Status 2 means the same for all of them."""
    return click.command(name, cls=Verb, statuses=statuses, examples=examples)
