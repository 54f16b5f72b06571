"""What one evaluation is handed: the clock, the data behind variables, terminology and references, and its budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, Protocol

from cds.errors import EvaluationError, SizeLimitError, StepLimitError
from cds.expr import temporal

if TYPE_CHECKING:
    from cds.expr.trace import Trace

#: Guards of security.md section 4.
MAX_STEPS = 1_000_000
MAX_ITEMS = 100_000
MAX_STRING = 100_000
MAX_PATTERN = 1_000
MAX_SUBJECT = 100_000

Resolve = Callable[[str, dict[str, Any] | None], dict[str, Any] | None]


class Variables(Protocol):
    """The named values an expression may mention as `%name`."""

    def value(self, name: str) -> list[Any]:
        """The items of `%name`; KeyError when there is no such name. Called as often as the name is evaluated."""

    def incomplete(self, name: str) -> bool:
        """True when items behind `%name` may be missing because data was not, or not fully, obtained. False for a
        name whose value is a truth: its own {} says unknown."""

    def undecided(self, name: str) -> bool:
        """True when a criterion that mentions `%name` may have dropped items because data is missing: for a truth, that
        it is {} for that reason; otherwise as incomplete()."""


class Data(Protocol):
    """The resources CQL retrieves."""

    def retrieve(
        self, resource_type: str, path: str | None, codes: frozenset[tuple[str, str]] | None, value_set: str | None
    ) -> list[dict[str, Any]]:
        """Resources of a type whose element at `path` has a coding in `codes`; all of the type when `codes` is None.
        `value_set` is the canonical url the codes come from, if they do. A list that is not known to be complete comes
        as a `Partial`. The list is not changed by the caller."""

    def uncoded(
        self,
        resource_type: str,  # noqa: ARG002 - data that leaves nothing out need not look
        name: str,  # noqa: ARG002
        systems: frozenset[str],  # noqa: ARG002
    ) -> list[dict[str, Any]] | None:
        """Resources of a type, as retrieve() gives them, without those whose element `name` has a code of the systems.
        None, as here, where retrieve() is to be asked, and the caller to look for itself."""
        return None

    def having(self, resource_type: str, name: str) -> list[dict[str, Any]] | None:  # noqa: ARG002 - as above
        """Likewise those that have the element `name`, as it is called in JSON."""
        return None


class Terminology(Protocol):
    """Value set membership and the hierarchies of code systems."""

    def member(self, value_set: str, system: str | None, code: str) -> bool | None:
        """Whether the value set (canonical url, `|version` allowed) holds the code; `system` None means any system.
        None when the value set is not known."""

    def codes(self, value_set: str) -> frozenset[tuple[str, str]] | None:
        """Every (system, code) of the value set, None when it is not known."""

    def subsumes(self, system: str, ancestor: str, code: str) -> bool | None:
        """Whether `ancestor` is `code` or above it in the hierarchy of the system; None when that is not known."""


@dataclass(frozen=True, slots=True)
class Message:
    """What the CQL operator Message reported: severity is Trace, Message, Warning or Error."""

    severity: str
    code: str
    text: str

    @property
    def line(self) -> str:
        """All of it in one line."""
        return f"{self.severity} {self.code}: {self.text}"


class Evaluation:
    """The surroundings of one call: every expression evaluated for one subject shares one of these, and with it one
    step budget (security.md E2). Long strings and large elements take several steps, so that each is bounded work: the
    budget is the deadline, and needs no clock. Not for use by two threads at once.

    `now` must be aware; `zone` decides what today is; `context` is the default focus and `%context`, `resource` is
    `%resource` (the context when absent). `resolve(reference, base)` finds a referenced resource or returns None.
    `known` holds the values of variables that are at hand; the others are asked for. `certain` says that all data
    behind the variables was obtained: then they are not asked whether items are missing. `lenient` reads data of the
    wrong JSON type (a number where text belongs) as absent instead of failing, so that one odd resource stops no rule.
    For CQL: `data` answers retrieves, `parameters` has values by name (or `Library.name`), `results` holds the value of
    each named expression that was asked for, `failures` the errors of those that failed, `messages` what Message
    reported; `incomplete` is set once a retrieve gave a list that may lack items. Where a call has several evaluations,
    CQL is computed in their `root`.
    `trace` is told of every node and of what trace() is given. `slots` and `entries` are the engine's own."""

    __slots__ = (
        "__weakref__",
        "_offset",
        "_today",
        "budget",
        "certain",
        "context",
        "data",
        "entries",
        "failures",
        "incomplete",
        "known",
        "lenient",
        "messages",
        "now",
        "parameters",
        "resolve",
        "resource",
        "results",
        "root",
        "slots",
        "terminology",
        "trace",
        "variables",
        "zone",
    )

    def __init__(
        self,
        *,
        now: datetime,
        zone: tzinfo = UTC,
        context: Any = None,
        resource: Any = None,
        variables: Variables | None = None,
        terminology: Terminology | None = None,
        resolve: Resolve | None = None,
        certain: bool = False,
        known: dict[str, list[Any]] | None = None,
        lenient: bool = False,
        steps: int = MAX_STEPS,
        trace: Trace | None = None,
        data: Data | None = None,
        parameters: Mapping[str, Any] | None = None,
        root: Evaluation | None = None,
    ) -> None:
        self.now = now
        self.zone = zone
        self.context = context
        self.resource = resource
        self.variables = variables
        self.terminology = terminology
        self.resolve = resolve
        self.certain = certain or variables is None
        self.known = {} if known is None else known
        self.lenient = lenient
        self.budget = steps
        self.trace = trace
        self.slots: list[Any] = []
        self.entries: dict[str, dict[str, Any]] | None = None
        self.data = data
        self.root = root
        self.parameters = {} if parameters is None else parameters
        self.results: dict[Any, Any] = {}
        self.failures: dict[Any, EvaluationError] | None = None
        self.messages: list[Message] = []
        self.incomplete = False
        self._today: temporal.Date | None = None
        self._offset: int | None = None

    def today(self) -> temporal.Date:
        """The calendar day of `now` in `zone`."""
        if self._today is None:
            self._today = self.root.today() if self.root else temporal.of_date(self.now.astimezone(self.zone).date())
        return self._today

    def offset(self) -> int:
        """The offset of `now` in `zone`, in minutes: that of a CQL DateTime written without one."""
        if self._offset is None:
            offset = self.now.astimezone(self.zone).utcoffset()
            self._offset = 0 if offset is None else int(offset.total_seconds() // 60)
        return self._offset

    def spend(self, steps: int) -> None:
        """Take `steps` from the budget; StepLimitError when it is used up."""
        self.budget -= steps
        if self.budget < 0:
            raise StepLimitError("the evaluation took too many steps", hint="narrow the data before repeat or where")


#: Work on a string takes a step for every so many characters.
LONG = 1_000
#: Work on fewer items than this is not counted: counting would cost as much.
FEW = 8


def capped(items: list[Any]) -> list[Any]:
    """`items`; SizeLimitError when a collection grows beyond MAX_ITEMS (security.md E5)."""
    if len(items) > MAX_ITEMS:
        raise SizeLimitError(f"a collection grew beyond {MAX_ITEMS} items")
    return items


def capped_text(text: str) -> str:
    """`text`; SizeLimitError when it is longer than MAX_STRING (security.md E3)."""
    if len(text) > MAX_STRING:
        raise SizeLimitError(f"a string grew beyond {MAX_STRING} characters")
    return text
