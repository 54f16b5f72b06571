"""What can go wrong, as records: a stable code, a place, a message, a remedy.

    CdsError
    ├── DefinitionError        content, or registrations, that cannot be loaded; holds every Problem found
    ├── ExpressionError        one expression, with its position
    │   ├── ExpressionSyntaxError      does not parse
    │   │   └── ExpressionLimitError   is too long, or nested too deeply
    │   ├── ExpressionSemanticError    parses, but names or types are wrong
    │   └── EvaluationError            fails while it runs
    │       └── LimitError             a guard stopped it
    │           ├── StepLimitError     too much work
    │           ├── SizeLimitError     a string, number or collection that grew too large
    │           └── PatternLimitError  a regular expression, or what it is matched with, that is too long
    ├── ConfigurationError     settings that contradict each other or do not exist
    ├── FetchError             another system that could not be asked, or gave no answer
    ├── NotFoundError          nothing of that name is loaded or served
    └── RequestError           a call that is refused, with its HTTP status and issues
        └── UnauthenticatedError   a call without a token that counts

Text is a rendering of these records; nobody parses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal, Self

#: A finding that is `information` says what was passed over; nothing has to be done about it.
Severity = Literal["error", "warning", "information"]
IssueSeverity = Severity


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a file (1-based line and column) and in the resource it holds (an element path such as
    `PlanDefinition.action[0].title`)."""

    file: str = ""
    line: int = 0
    column: int = 0
    path: str = ""

    def __str__(self) -> str:
        place = self.file or "<input>"
        if self.line:
            place += f":{self.line}:{self.column}"
        return place


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about content. `code` is stable and documented in docs/problems.md; `hint` is the remedy;
    `source` is the offending line for the caret print."""

    code: str
    message: str
    location: Location = field(default_factory=Location)
    hint: str | None = None
    severity: Severity = "error"
    source: str | None = None

    def render(self) -> str:
        """`file:line:column: code: message`, then the line with a caret, then the hint. What is no error says so before
        its message."""
        lines = [f"{self.location}: {self.code}: {_SAID[self.severity]}{self.message}"]
        if self.source is not None and self.location.column:
            lines.append(f"    {self.source}")
            lines.append("    " + " " * (self.location.column - 1) + "^")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The same record for machines."""
        place = {"file": self.location.file, "line": self.location.line, "column": self.location.column}
        record: dict[str, Any] = {"code": self.code, "severity": self.severity, "message": self.message, **place}
        if self.location.path:
            record["path"] = self.location.path
        if self.hint:
            record["hint"] = self.hint
        return record


_SAID: dict[Severity, str] = {"error": "", "warning": "warning: ", "information": "note: "}


class CdsError(Exception):
    """The root of every error this package raises on purpose."""


class DefinitionError(CdsError):
    """Content that cannot be loaded; `problems` holds all findings in file order, `outcome` says what comes of them."""

    def __init__(self, problems: Iterable[Problem], outcome: str = "the content does not load") -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        self.outcome = outcome
        super().__init__("\n".join(problem.render() for problem in self.problems))


class ExpressionError(CdsError):
    """An error in one expression. `line` and `column` are 1-based within the expression's text; 0 when unknown.
    `library` is the CQL library it stands in, "" for FHIRPath."""

    def __init__(
        self, message: str, *, line: int = 0, column: int = 0, hint: str | None = None, library: str = ""
    ) -> None:
        self.message = message
        self.line = line
        self.column = column
        self.hint = hint
        self.library = library
        place = ":".join([*([library] if library else ()), *([f"{line}:{column}"] if line else ())])
        place += ": " if place else ""
        super().__init__(f"{place}{message}" + (f" ({hint})" if hint else ""))

    def again(self) -> Self:
        """The same error anew. One that was raised holds the frames it went through, and with them all they held."""
        return type(self)(self.message, line=self.line, column=self.column, hint=self.hint, library=self.library)


class ExpressionSyntaxError(ExpressionError):
    """The text does not parse."""


class ExpressionLimitError(ExpressionSyntaxError):
    """The text is too long, or nested too deeply (security.md E4)."""


class ExpressionSemanticError(ExpressionError):
    """The text parses, but a name, a type or a number of arguments is wrong."""


class EvaluationError(ExpressionError):
    """The expression failed while it ran."""


class LimitError(EvaluationError):
    """A guard stopped the evaluation (security.md section 4)."""


class StepLimitError(LimitError):
    """The evaluation did more work than its budget allows (E2)."""


class SizeLimitError(LimitError):
    """A string (E3), a number or a collection (E5) grew too large."""


class PatternLimitError(LimitError):
    """A regular expression or the string it is matched with is too long (E1)."""


class ConfigurationError(CdsError):
    """Settings that contradict each other or name what does not exist."""


FetchReason = Literal["address", "connect", "timeout", "size", "redirect", "protocol"]


class FetchError(CdsError):
    """A request of ours that got no answer: `reason` is stable. The message names no address, for it may hold ids."""

    def __init__(self, reason: FetchReason, message: str) -> None:
        self.reason: FetchReason = reason
        super().__init__(f"{reason}: {message}")


class NotFoundError(CdsError):
    """Nothing of that name is loaded or served."""


class StorageError(CdsError):
    """The database did not do what was asked, and nothing was stored. `reason` is its own code, such as SQLITE_FULL;
    it never holds data. `lost`: the connection broke, so that another attempt may succeed. `refused`: it is
    what was asked that is wrong, so that no attempt will."""

    def __init__(self, reason: str, *, lost: bool = False, refused: bool = False) -> None:
        self.reason = reason
        self.lost = lost
        self.refused = refused
        super().__init__(f"the database cannot be used: {reason}")


@dataclass(frozen=True, slots=True)
class Issue:
    """One `OperationOutcome.issue`. `code` is from http://hl7.org/fhir/ValueSet/issue-type; `expression` is a JSON
    pointer or element path. Texts never hold data of the request."""

    code: str
    text: str
    expression: str | None = None
    diagnostics: str | None = None
    severity: IssueSeverity = "error"

    def as_fhir(self) -> dict[str, Any]:
        issue: dict[str, Any] = {"severity": self.severity, "code": self.code, "details": {"text": self.text}}
        if self.diagnostics:
            issue["diagnostics"] = self.diagnostics
        if self.expression:
            issue["expression"] = [self.expression]
        return issue


class RequestError(CdsError):
    """A call that is refused: HTTP `status` and the issues of its OperationOutcome (cds-hooks.md D1-D3)."""

    def __init__(self, status: int, issues: Sequence[Issue] | Issue) -> None:
        self.status = status
        self.issues: tuple[Issue, ...] = (issues,) if isinstance(issues, Issue) else tuple(issues)
        super().__init__("; ".join(issue.text for issue in self.issues))

    def as_fhir(self) -> dict[str, Any]:
        return operation_outcome(self.issues)


class UnauthenticatedError(RequestError):
    """A call without a token that counts: 401, with the same answer whatever the reason (cds-hooks.md D4).

    For the log: `reason` is a word that is stable, `details` hold nothing of a token but `iss`, `tenant` and `jti`."""

    def __init__(self, reason: str, **details: str | None) -> None:
        self.reason = reason
        self.details = details
        super().__init__(401, Issue("login", "The call needs a token that this service accepts"))


class ThrottledError(RequestError):
    """A call of a client that calls more often than it may: 429 (security.md R2). `client` is our id of it, `after` the
    seconds until it may call again."""

    def __init__(self, client: str, after: float) -> None:
        self.client = client
        self.after = after
        super().__init__(429, Issue("throttled", "This client calls more often than it may; call again later"))


def operation_outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """An OperationOutcome resource holding `issues`."""
    return {"resourceType": "OperationOutcome", "issue": [issue.as_fhir() for issue in issues]}


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to `name`, or None when none is close."""
    matches = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint sentence naming the closest known name, or None."""
    match = nearest(name, known)
    return f"did you mean '{match}'?" if match else None


def closest_or_all(name: str, known: Iterable[str]) -> str:
    """A hint sentence naming the closest known name, or else each."""
    names = list(known)
    return did_you_mean(name, names) or f"there {'is' if len(names) == 1 else 'are'} {', '.join(names) or 'none'}"
