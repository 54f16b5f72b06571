"""What `%names` mean while a plan is applied: library parameters, retrieves and variables, and the call's own values.

Each name of a library is computed at most once per call, when first asked for, and remembered with its failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import cached_property
from operator import attrgetter
from typing import Any, final

from cds import expr, fhir
from cds.apply.activity import NOBODY
from cds.apply.reason import Watch
from cds.apply.tree import AppliedAction
from cds.apply.unusable import Unusable
from cds.chart import Chart, Retrieves
from cds.definitions.constants import Constants, of_item
from cds.definitions.scope import CALL_NAMES, libraries_of, library_name, logic_of, seen_canonicals
from cds.definitions.snapshot import Snapshot
from cds.errors import EvaluationError, ExpressionError, ExpressionSemanticError
from cds.expr import temporal
from cds.expr.cql.types import ANY, Type
from cds.expr.cql_expression import LANGUAGES, OLDER_LANGUAGES, CqlExpression, CqlScope, fhir_value
from cds.expr.elm.values import Partial, Tuple
from cds.fhir import Resource
from cds.terminology import Terminology


@final
@dataclass(frozen=True, slots=True)
class Retrieve:
    """A Library.dataRequirement with an id: resources of a type, by value set where a code filter names one. Optional
    data never makes a call fail (cds-hooks.md P7)."""

    resource_type: str
    path: str = "code"
    codes: frozenset[tuple[str, str]] | None = None
    optional: bool = False
    value_set: str | None = None


@final
@dataclass(frozen=True, slots=True)
class Parameter:
    """A Library.parameter that no CQL declares: `Library.name`, and its value where nobody gives one."""

    key: str
    default: tuple[Any, ...] = ()


#: Whether an absence in an answer is a fact.
_IS_KNOWN = attrgetter("completeness.known")

#: What is drafted in a call, as FHIRPath and CQL name it.
DRAFTED = ("draftOrders", "selectedOrders", "appointments")
#: An expression in one of the languages of definitions.
Expression = expr.Expression | CqlExpression


class Scope:
    """The names a definition sees. A name maps to where it is defined, so that one library used by many plans is
    computed once per call. `constants` holds the strings of names that are the same in every call: the scope's
    expressions in FHIRPath are compiled with them. Those in CQL see `cql`; data of the types `optional` never makes a
    call fail (cds-hooks.md P7). `missing` is None in checked content; else the libraries that are not there, and what
    does not compile is Unusable."""

    __slots__ = ("constants", "cql", "missing", "names", "optional")

    def __init__(
        self,
        names: Mapping[str, Name] | None = None,
        constants: Mapping[str, Sequence[str]] | None = None,
        cql: CqlScope | None = None,
        optional: frozenset[str] = frozenset(),
        missing: list[str] | None = None,
    ) -> None:
        self.names = dict(names or {})
        self.constants = dict(constants or {})
        self.cql = cql
        self.optional = optional
        self.missing = missing

    def compile(self, expression: Mapping[str, Any] | None, constants: Constants | None = None) -> Expression:
        """A FHIR Expression of the definition; `constants` are the types of the `%names` that it may use in CQL."""
        if self.missing is not None:
            return self._tried(expression or {}, constants)
        return self._compiled(expression or {}, constants)

    def _tried(self, expression: Mapping[str, Any], constants: Constants | None) -> Expression:
        text, language = str(expression.get("expression", "")), str(expression.get("language", ""))
        try:
            return self._compiled({"expression": text, "language": language}, constants)
        except ExpressionError as error:
            absent = "".join(f"; the library {canonical} is not loaded" for canonical in self.missing or ())
            error.message += absent
            return Unusable(text, error)

    def _compiled(self, expression: Mapping[str, Any], constants: Constants | None) -> Expression:
        text, language = expression["expression"], expression["language"]
        if self.cql is not None and (language in LANGUAGES or language in OLDER_LANGUAGES):
            return self.cql.compile(text, language, constants)
        return expr.compile(text, language, constants=self.constants)

    def item_type(self, expression: Mapping[str, Any], constants: Constants) -> Type:
        """The type in CQL of what a for-each with this expression is repeated for."""
        return ANY if self.cql is None else of_item(expression, self.cql, constants)


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """One defined name and the scope its own expression is evaluated in. Compared by identity: it is the key under
    which a session remembers the value. `rooted` is its meaning where that names a define of CQL, whose value the root
    of evaluations remembers."""

    name: str
    meaning: Retrieve | Parameter | Expression
    scope: Scope
    rooted: CqlExpression | None = field(init=False)

    def __post_init__(self) -> None:
        rooted = self.meaning if isinstance(self.meaning, CqlExpression) and self.meaning.place is not None else None
        object.__setattr__(self, "rooted", rooted)


class Session:
    """Everything one call's evaluation needs: chart, clock, zone, site parameters; and the memory of computed names."""

    def __init__(
        self,
        chart: Chart,
        terminology: Terminology,
        *,
        now: datetime,
        zone: tzinfo,
        hook: str = "",
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        self.chart = chart
        self.terminology = terminology
        self.now = now
        self.zone = zone
        self.hook = hook
        self.parameters = dict(parameters or {})
        patients = chart.of_type("Patient")
        self.patient: Any = patients[0] if patients else None
        #: the values of cds.definitions.scope.CALL_NAMES that the engine does not know by itself
        self.call_values = _call_values(chart, hook)
        #: what CQL parameters are: values by `Library.name`, and the call's own by name
        drafted = {name: self.call_values[name] for name in DRAFTED}
        self.cql_parameters: dict[str, Any] = {**self.parameters, **drafted, "hook": hook}
        #: True when everything asked for was fully obtained, so that no absence is in doubt
        self.certain = chart.complete or all(map(_IS_KNOWN, chart.answers.values()))
        #: asked why each condition came to its value
        self.watch: Watch | None = None
        #: the actions that failed while plans were applied
        self.failed: list[AppliedAction] = []
        #: who else the call is about, and the reference to its subject where that is no Patient of this chart
        self.people = NOBODY
        self.subject = ""
        #: what CQL is computed in: each define once per call, whichever expression asks for it first
        self.root = expr.Evaluation(
            now=now,
            zone=zone,
            context=self.patient,
            resource=self.patient,
            terminology=terminology,
            resolve=chart.resolve,
            lenient=True,
            data=Retrieves(chart),
            parameters=self.cql_parameters,
        )
        self._values: dict[Name, list[Any]] = {}
        self._failures: dict[Name, EvaluationError] = {}
        self._known: dict[Name, bool] = {}
        self._evaluations: dict[Scope, expr.Evaluation] = {}
        self._bound: dict[Scope, tuple[_View, expr.Evaluation]] = {}

    @cached_property
    def today(self) -> str:
        """The day of `now` in the zone, as a FHIR date."""
        return self.now.astimezone(self.zone).date().isoformat()

    @cached_property
    def identity(self) -> str:
        """What tells this patient and moment from others; ids of created resources derive from it."""
        return f"{self.chart.patient.id}|{self.now.isoformat()}"

    def value(self, name: Name) -> list[Any]:
        """The items a name stands for. Raises the EvaluationError its expression raised, each time it is asked for."""
        held = self._values.get(name)
        if held is not None:
            return held
        if name in self._failures:
            raise self._failures[name].again()
        meaning = name.meaning
        try:
            if type(meaning) is Retrieve:
                held = self.chart.retrieve(meaning.resource_type, meaning.path, meaning.codes)
            elif type(meaning) is Parameter:
                held = self._given(meaning)
            else:
                held = meaning.items(self.root if meaning.is_rooted else self.evaluation(name.scope))
        except EvaluationError as error:
            self._failures[name] = error.again()
            raise
        self._values[name] = held
        return held

    def _given(self, meaning: Parameter) -> list[Any]:
        if meaning.key not in self.parameters:
            return list(meaning.default)
        given = self.parameters[meaning.key]
        if given is None:
            return []
        return [fhir_value(item) for item in given] if isinstance(given, list) else [fhir_value(given)]

    def incomplete(self, name: Name) -> bool:
        """True when items behind the name may be missing, so that an absence among them is not a fact. A name whose
        value is a truth is never incomplete: its own {} says unknown."""
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = self._is_incomplete(name)
        return known

    def _is_incomplete(self, name: Name) -> bool:
        meaning = name.meaning
        if isinstance(meaning, Retrieve):
            return not self.chart.is_complete(meaning.resource_type)
        if isinstance(meaning, Parameter) or meaning.boolean:
            return False
        if isinstance(meaning, CqlExpression):
            return self._lacks(meaning) and _may_lack_items(self.value(name))
        names = name.scope.names
        return any(item in names and self.incomplete(names[item]) for item in meaning.sources) or any(
            criterion in names and self.undecided(names[criterion]) for criterion in meaning.criteria
        )

    def undecided(self, name: Name) -> bool:
        """True when a criterion that mentions the name may have passed over items because data is missing: for a truth,
        that it is unknown for that reason; for a collection, that it is incomplete."""
        meaning = name.meaning
        if not isinstance(meaning, Expression) or not meaning.boolean:
            return self.incomplete(name)
        if isinstance(meaning, CqlExpression):
            return not self.value(name) and self._lacks(meaning)
        names = name.scope.names
        return not self.value(name) and any(
            mentioned in names and self.undecided(names[mentioned]) for mentioned in meaning.variables
        )

    def _lacks(self, expression: CqlExpression) -> bool:
        """True when data that the expression may ask for was not fully obtained."""
        return not self.certain and any(not self.chart.is_complete(need.resource_type) for need in expression.needs)

    def evaluation(self, scope: Scope) -> expr.Evaluation:
        """The evaluation of a scope's own expressions; one serves them all."""
        known = self._evaluations.get(scope)
        if known is None:
            known = self._evaluations[scope] = self._evaluation(_View(self, scope.names))
        return known

    def bound(
        self, scope: Scope, bindings: Mapping[str, list[Any]], resource: Resource | None = None
    ) -> expr.Evaluation:
        """An evaluation in `scope` with `bindings` (for-each items, `%action`) before its names. `%resource` is
        `resource`, or the patient. Valid until the next call of this method for the scope: one serves all actions."""
        known = self._bound.get(scope)
        if known is None:
            view = _View(self, scope.names)
            known = self._bound[scope] = view, self._evaluation(view)
        view, evaluation = known
        if bindings is not view.bindings:
            for name in view.bindings:  # one that it hid is asked for anew
                del view[name]
            view.bindings = bindings
            view.update(bindings)
        evaluation.resource = self.patient if resource is None else resource
        return evaluation

    def release(self) -> None:
        """Let go of the evaluations, which refer back to the session: the call's data is then freed at once instead of
        by the cyclic garbage collector. Values stay, and the session can be used again."""
        self._evaluations.clear()
        self._bound.clear()

    def _evaluation(self, view: _View) -> expr.Evaluation:
        return expr.Evaluation(
            now=self.now,
            zone=self.zone,
            context=self.patient,
            resource=self.patient,
            variables=view,
            terminology=self.terminology,
            resolve=self.chart.resolve,
            certain=self.certain,
            known=view,
            lenient=True,
            root=self.root,
        )


def _call_values(chart: Chart, hook: str) -> dict[str, list[Any]]:
    """What a call brings by name. Who else it is about is not known to a hook."""
    patient, orders = chart.of_type("Patient")[:1], chart.orders
    return {
        "patient": patient,
        "subject": patient,
        "encounter": [],
        "practitioner": [],
        "organization": [],
        "hook": [hook],
        "draftOrders": list(orders.drafts),
        "selectedOrders": list(orders.selected),
        "appointments": list(orders.appointments),
    }


def _may_lack_items(items: list[Any]) -> bool:
    """True for the items of a value that an incomplete retrieve left null or may have left short, at any depth."""
    if not items or type(items) is Partial:
        return True
    return any(
        type(item) is Tuple and any(isinstance(part, list) and _may_lack_items(part) for part in item.elements.values())
        for item in items
    )


class _View(dict[str, list[Any]]):
    """The expr.Variables of one scope in one session: the values of the names that were asked for, a binding before a
    name of the scope."""

    __slots__ = ("_names", "_session", "bindings")

    def __init__(self, session: Session, names: Mapping[str, Name]) -> None:
        self._session = session
        self._names = names
        self.bindings: Mapping[str, list[Any]] = {}

    def __missing__(self, name: str) -> list[Any]:
        defined = self._names.get(name)
        if defined is None:
            value = self._session.call_values.get(name)
            if value is None:
                raise EvaluationError(f"unknown variable %{name}")
        elif defined.rooted is not None:  # most often
            value = defined.rooted.items(self._session.root)
        else:
            value = self._session.value(defined)
        self[name] = value
        return value

    def value(self, name: str) -> list[Any]:
        return self[name]

    def incomplete(self, name: str) -> bool:
        defined = None if name in self.bindings else self._names.get(name)
        return defined is not None and self._session.incomplete(defined)

    def undecided(self, name: str) -> bool:
        defined = None if name in self.bindings else self._names.get(name)
        return defined is not None and self._session.undecided(defined)


class Scopes:
    """Builds the Scope of each definition of a snapshot once; libraries are shared between the plans that use them."""

    def __init__(self, snapshot: Snapshot, *, lenient: bool = False) -> None:
        """`lenient` takes content that nobody checked."""
        self._snapshot = snapshot
        self._lenient = lenient
        self._libraries: dict[str, dict[str, Name]] = {}
        self._defines: dict[int, dict[str, Name]] = {}

    def of(self, definition: fhir.Resource) -> Scope:
        """The scope of a PlanDefinition or ActivityDefinition: its libraries' names and its own variables."""
        scope = self._empty(definition)
        for canonical in dict.fromkeys(seen_canonicals(definition)):
            if self._snapshot.registry.find(canonical, "Library"):
                scope.names.update(self._library(canonical))
            elif scope.missing is not None:
                scope.missing.append(canonical)
        scope.names.update(self._logic(definition))
        scope.names.update(self._variables(definition, scope))
        return scope

    def _empty(self, definition: fhir.Resource) -> Scope:
        """The scope of a definition before it has names, with the CQL it sees."""
        registry = self._snapshot.registry
        libraries = (definition, *libraries_of(definition, registry))
        cql = registry.logic.scope(logic_of(definition, registry))
        return Scope(cql=cql, optional=_optional_types(libraries), missing=[] if self._lenient else None)

    def _logic(self, definition: fhir.Resource) -> dict[str, Name]:
        """The defines and parameters of the CQL that a definition sees. The call's own names stay the call's."""
        registry = self._snapshot.registry
        names: dict[str, Name] = {}
        for library in logic_of(definition, registry):
            known = self._defines.get(id(library))
            if known is None:
                scope = self._empty(library)
                known = self._defines[id(library)] = {
                    name: Name(name, expression, scope)
                    for name, expression in registry.logic.names(library).items()
                    if name not in CALL_NAMES
                }
            names.update(known)
        return names

    def _library(self, canonical: str) -> dict[str, Name]:
        library = self._snapshot.library(canonical)
        key = f"{library['url']}|{library.get('version', '')}"
        known = self._libraries.get(key)
        if known is None:
            scope, known = self._empty(library), {}
            for related in fhir.as_list(library.get("relatedArtifact")):
                if related.get("type") != "depends-on" or "resource" not in related:
                    continue
                if not self._lenient or self._snapshot.registry.find(related["resource"], "Library"):
                    known.update(self._library(related["resource"]))
            scope.names.update({**known, **self._logic(library)})
            known.update(self._own_names(library, scope))
            scope.names.update(known)
            self._libraries[key] = known
        return known

    def _own_names(self, library: fhir.Resource, scope: Scope) -> dict[str, Name]:
        names: dict[str, Name] = {}
        logic = self._snapshot.registry.logic.names(library)
        for parameter in fhir.as_list(library.get("parameter")):
            if parameter["name"] in logic:  # the resource lists what the CQL declares
                continue
            default = fhir.extension(parameter, fhir.DEFAULT_VALUE) or {}
            values = tuple(_typed(key, value) for key, value in default.items() if key.startswith("value"))
            key = f"{library_name(library)}.{parameter['name']}"
            names[parameter["name"]] = Name(parameter["name"], Parameter(key, values), scope)
        for requirement in fhir.as_list(library.get("dataRequirement")):
            if "id" in requirement:
                names[requirement["id"]] = Name(requirement["id"], self._retrieve(requirement), scope)
        return {**names, **self._variables(library, scope)}

    def _retrieve(self, requirement: dict[str, Any]) -> Retrieve | Unusable:
        path, codes, value_set = "code", None, None
        for code_filter in fhir.as_list(requirement.get("codeFilter")):
            if "valueSet" in code_filter:
                path = code_filter.get("path", "code")
                value_set = code_filter["valueSet"]
                codes = self._snapshot.terminology.codes(value_set)
                if codes is None:  # in content that nobody checked; without a filter it would be everything
                    error = ExpressionSemanticError(f"the value set {value_set} is not known here", line=1, column=1)
                    return Unusable(value_set, error)
        optional = fhir.extension(requirement, fhir.OPTIONAL_DATA) or {}
        return Retrieve(requirement["type"], path, codes, bool(optional.get("valueBoolean")), value_set)

    def _variables(self, definition: fhir.Resource, scope: Scope) -> dict[str, Name]:
        # A name has one meaning among all that a definition sees: the checks of definitions hold that.
        for name, known in scope.names.items():
            if (strings := _strings(known.meaning)) is not None:
                scope.constants[name] = strings
        names = {}
        for item in fhir.extensions(definition, fhir.VARIABLE):
            expression = item["valueExpression"]
            name, compiled = expression["name"], scope.compile(expression)
            names[name] = Name(name, compiled, scope)
            if (strings := _strings(compiled)) is not None:
                scope.constants[name] = strings
        return names


def _optional_types(definitions: Iterable[fhir.Resource]) -> frozenset[str]:
    """The types that data requirements name, all of which are optional."""
    needed: dict[str, bool] = {}
    for definition in definitions:
        for requirement in fhir.as_list(definition.get("dataRequirement")):
            optional = fhir.extension(requirement, fhir.OPTIONAL_DATA) or {}
            kind = requirement["type"]
            needed[kind] = needed.get(kind, False) or not optional.get("valueBoolean")
    return frozenset(kind for kind, required in needed.items() if not required)


def _typed(key: str, value: Any) -> Any:
    """The value[x] of a default: a date or moment as one, all else as JSON has it."""
    if key in ("valueDate", "valueDateTime", "valueInstant") and isinstance(value, str):
        return temporal.parse(value) or value
    return value


def _strings(meaning: Retrieve | Parameter | Expression) -> list[str] | None:
    """The strings that a name always stands for; None when it may stand for something else."""
    items = meaning.constant if isinstance(meaning, Expression) else None
    return items if items and all(type(item) is str for item in items) else None
