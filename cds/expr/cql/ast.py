"""The syntax tree of CQL 1.5.3, named by the terms of its grammar (cql.g4).

Parentheses leave no node. Words that mean the same are kept once: `|` is `union`, `ascending` is `asc`, `included in`
is `during`, precisions are singular ("day"), `occurs` is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from cds.expr import temporal

Access = Literal["public", "private"]
Boundary = Literal["start", "end"]
Direction = Literal["asc", "desc"]
Precision = Literal["year", "month", "week", "day", "hour", "minute", "second", "millisecond"]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """Any node: `at` is the offset of its first character in the text, `end` the one behind its last."""

    at: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Expression(Node):
    """Anything that has a value."""


# --- type specifiers ---


@dataclass(frozen=True, slots=True, eq=False)
class TypeSpecifier(Node):
    """Any type as it is written."""


@dataclass(frozen=True, slots=True, eq=False)
class NamedTypeSpecifier(TypeSpecifier):
    """`Integer`, `FHIR.Patient`: the qualifiers and then the name."""

    name: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ListTypeSpecifier(TypeSpecifier):
    """`List<element>`."""

    element: TypeSpecifier


@dataclass(frozen=True, slots=True, eq=False)
class IntervalTypeSpecifier(TypeSpecifier):
    """`Interval<point>`."""

    point: TypeSpecifier


@dataclass(frozen=True, slots=True, eq=False)
class TupleElementDefinition(Node):
    """`name type` in a tuple type."""

    name: str
    type: TypeSpecifier


@dataclass(frozen=True, slots=True, eq=False)
class TupleTypeSpecifier(TypeSpecifier):
    """`Tuple { name type, ... }`."""

    elements: tuple[TupleElementDefinition, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ChoiceTypeSpecifier(TypeSpecifier):
    """`Choice<type, ...>`."""

    choices: tuple[TypeSpecifier, ...]


# --- the library and its definitions ---


@dataclass(frozen=True, slots=True, eq=False)
class TerminologyIdentifier(Node):
    """The name of a code system or code, of this library or (`library`) of an included one."""

    library: str | None
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class UsingDefinition(Node):
    """`using FHIR version '4.0.1' called Alias`."""

    name: tuple[str, ...]
    version: str | None
    called: str | None


@dataclass(frozen=True, slots=True, eq=False)
class IncludeDefinition(Node):
    """`include Namespace.Name version '1' called Alias`."""

    name: tuple[str, ...]
    version: str | None
    called: str | None


@dataclass(frozen=True, slots=True, eq=False)
class CodesystemDefinition(Node):
    """`codesystem "name": 'id' version 'v'`."""

    access: Access
    name: str
    id: str
    version: str | None


@dataclass(frozen=True, slots=True, eq=False)
class ValuesetDefinition(Node):
    """`valueset "name": 'id' version 'v' codesystems { ... }`."""

    access: Access
    name: str
    id: str
    version: str | None
    codesystems: tuple[TerminologyIdentifier, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CodeDefinition(Node):
    """`code "name": 'id' from "code system" display 'text'`."""

    access: Access
    name: str
    id: str
    codesystem: TerminologyIdentifier
    display: str | None


@dataclass(frozen=True, slots=True, eq=False)
class ConceptDefinition(Node):
    """`concept "name": { "code", ... } display 'text'`."""

    access: Access
    name: str
    codes: tuple[TerminologyIdentifier, ...]
    display: str | None


@dataclass(frozen=True, slots=True, eq=False)
class ParameterDefinition(Node):
    """`parameter "name" type default expression`."""

    access: Access
    name: str
    type: TypeSpecifier | None
    default: Expression | None


@dataclass(frozen=True, slots=True, eq=False)
class ContextDefinition(Node):
    """`context Patient`; it holds for the statements that follow."""

    model: str | None
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class ExpressionDefinition(Node):
    """`define "name": expression`."""

    access: Access
    name: str
    expression: Expression


@dataclass(frozen=True, slots=True, eq=False)
class OperandDefinition(Node):
    """`name type` of a function."""

    name: str
    type: TypeSpecifier


@dataclass(frozen=True, slots=True, eq=False)
class FunctionDefinition(Node):
    """`define fluent function name(operands) returns type: body`; an external one has no body."""

    access: Access
    fluent: bool
    name: str
    operands: tuple[OperandDefinition, ...]
    returns: TypeSpecifier | None
    body: Expression | None


Definition = (
    UsingDefinition
    | IncludeDefinition
    | CodesystemDefinition
    | ValuesetDefinition
    | CodeDefinition
    | ConceptDefinition
    | ParameterDefinition
)
Statement = ContextDefinition | ExpressionDefinition | FunctionDefinition


@dataclass(frozen=True, slots=True, eq=False)
class Library(Node):
    """A whole text. `name` is empty where the text has no library definition; its last part is the name, those before
    it the namespace. Definitions and statements are in the order of the text, kept to tell lines from offsets."""

    text: str
    name: tuple[str, ...]
    version: str | None
    definitions: tuple[Definition, ...]
    statements: tuple[Statement, ...]


# --- literals and selectors ---


@dataclass(frozen=True, slots=True, eq=False)
class NullLiteral(Expression):
    """`null`."""


@dataclass(frozen=True, slots=True, eq=False)
class BooleanLiteral(Expression):
    """`true` or `false`."""

    value: bool


@dataclass(frozen=True, slots=True, eq=False)
class StringLiteral(Expression):
    """`'text'`, its escapes resolved."""

    value: str


@dataclass(frozen=True, slots=True, eq=False)
class NumberLiteral(Expression):
    """An Integer (int) or a Decimal as written, in range; 2147483648 only behind a minus sign."""

    value: int | Decimal


@dataclass(frozen=True, slots=True, eq=False)
class LongNumberLiteral(Expression):
    """`1L`."""

    value: int


@dataclass(frozen=True, slots=True, eq=False)
class DateLiteral(Expression):
    """`@2014-01-25`."""

    value: temporal.Date


@dataclass(frozen=True, slots=True, eq=False)
class DateTimeLiteral(Expression):
    """`@2014-01-25T14:30:14.559+01:00`, also without an offset."""

    value: temporal.DateTime


@dataclass(frozen=True, slots=True, eq=False)
class TimeLiteral(Expression):
    """`@T14:30`."""

    value: temporal.Time


@dataclass(frozen=True, slots=True, eq=False)
class QuantityLiteral(Expression):
    """`3 days` or `5 'mg'`: the unit is a calendar word as written ("day", "days") or a UCUM code. Within a ratio or an
    offset a bare number has the unit None."""

    value: int | Decimal
    unit: str | None


@dataclass(frozen=True, slots=True, eq=False)
class RatioLiteral(Expression):
    """`1 'mg' : 2 'mL'`."""

    numerator: QuantityLiteral
    denominator: QuantityLiteral


@dataclass(frozen=True, slots=True, eq=False)
class ExternalConstant(Expression):
    """`%name`."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class IntervalSelector(Expression):
    """`Interval[low, high)`."""

    low: Expression
    high: Expression
    low_closed: bool
    high_closed: bool


@dataclass(frozen=True, slots=True, eq=False)
class ElementSelector(Node):
    """`name: value` of a tuple or an instance."""

    name: str
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class TupleSelector(Expression):
    """`Tuple { name: value, ... }`."""

    elements: tuple[ElementSelector, ...]


@dataclass(frozen=True, slots=True, eq=False)
class InstanceSelector(Expression):
    """`FHIR.Quantity { value: 1 }`."""

    type: NamedTypeSpecifier
    elements: tuple[ElementSelector, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ListSelector(Expression):
    """`List<type> { item, ... }`, or without the type."""

    type: TypeSpecifier | None
    elements: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CodeSelector(Expression):
    """`Code 'code' from "code system" display 'text'`."""

    code: str
    codesystem: TerminologyIdentifier
    display: str | None


@dataclass(frozen=True, slots=True, eq=False)
class ConceptSelector(Expression):
    """`Concept { Code ..., ... } display 'text'`."""

    codes: tuple[CodeSelector, ...]
    display: str | None


# --- invocations ---


@dataclass(frozen=True, slots=True, eq=False)
class MemberInvocation(Expression):
    """A name that stands alone: an alias, operand, definition, library, element of the implicit `$this`, ..."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class FunctionInvocation(Expression):
    """`name(arguments)`."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class QualifiedMemberInvocation(Expression):
    """`source.name`."""

    source: Expression
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class QualifiedFunctionInvocation(Expression):
    """`source.name(arguments)`: a function of a library, or a fluent one."""

    source: Expression
    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class IndexedExpression(Expression):
    """`source[index]`."""

    source: Expression
    index: Expression


@dataclass(frozen=True, slots=True, eq=False)
class ThisInvocation(Expression):
    """`$this`."""


@dataclass(frozen=True, slots=True, eq=False)
class IndexInvocation(Expression):
    """`$index`."""


@dataclass(frozen=True, slots=True, eq=False)
class TotalInvocation(Expression):
    """`$total`."""


# --- operators ---


@dataclass(frozen=True, slots=True, eq=False)
class UnaryExpression(Expression):
    """`operator operand`; the operator is one of `+ - not exists distinct flatten`, `start of`, `end of`, `width of`,
    `successor of`, `predecessor of`, `singleton from` and `point from`."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True, eq=False)
class BinaryExpression(Expression):
    """`left operator right`; the operator is one of `^ * / div mod + - & union intersect except < <= > >= = != ~ !~ and
    or xor implies`. `operator_at` is its offset."""

    operator: str
    left: Expression
    right: Expression
    operator_at: int


@dataclass(frozen=True, slots=True, eq=False)
class MembershipExpression(Expression):
    """`left in day of right`, `left contains right`."""

    operator: Literal["in", "contains"]
    precision: Precision | None
    left: Expression
    right: Expression
    operator_at: int


@dataclass(frozen=True, slots=True, eq=False)
class BooleanExpression(Expression):
    """`operand is not null`; the test is `null`, `true` or `false`."""

    operand: Expression
    negated: bool
    test: Literal["null", "true", "false"]


@dataclass(frozen=True, slots=True, eq=False)
class TypeExpression(Expression):
    """`operand is type`, `operand as type`."""

    operator: Literal["is", "as"]
    operand: Expression
    type: TypeSpecifier


@dataclass(frozen=True, slots=True, eq=False)
class CastExpression(Expression):
    """`cast operand as type`: an error where `as` would give null."""

    operand: Expression
    type: TypeSpecifier


@dataclass(frozen=True, slots=True, eq=False)
class ConversionExpression(Expression):
    """`convert operand to type`, or to a unit; one of the two is None."""

    operand: Expression
    type: TypeSpecifier | None
    unit: str | None


@dataclass(frozen=True, slots=True, eq=False)
class BetweenExpression(Expression):
    """`operand properly between low and high`."""

    operand: Expression
    proper: bool
    low: Expression
    high: Expression


@dataclass(frozen=True, slots=True, eq=False)
class DurationBetweenExpression(Expression):
    """`days between low and high` (duration), `difference in days between low and high`."""

    operator: Literal["duration", "difference"]
    precision: Precision
    low: Expression
    high: Expression


@dataclass(frozen=True, slots=True, eq=False)
class DurationExpression(Expression):
    """`duration in days of operand`, `difference in days of operand`."""

    operator: Literal["duration", "difference"]
    precision: Precision
    operand: Expression


@dataclass(frozen=True, slots=True, eq=False)
class TimeUnitExpression(Expression):
    """`component from operand`; the component is a precision, `date`, `time`, `timezone` or `timezoneoffset`."""

    component: str
    operand: Expression


@dataclass(frozen=True, slots=True, eq=False)
class TypeExtentExpression(Expression):
    """`minimum type`, `maximum type`."""

    extent: Literal["minimum", "maximum"]
    type: NamedTypeSpecifier


@dataclass(frozen=True, slots=True, eq=False)
class SetAggregateExpression(Expression):
    """`expand operand per step`, `collapse operand per step`; `per day` is written out as `per 1 day`."""

    operator: Literal["expand", "collapse"]
    operand: Expression
    per: Expression | None


@dataclass(frozen=True, slots=True, eq=False)
class IfThenElse(Expression):
    """`if condition then consequent else alternative`."""

    condition: Expression
    consequent: Expression
    alternative: Expression


@dataclass(frozen=True, slots=True, eq=False)
class CaseItem(Node):
    """`when condition then result`."""

    condition: Expression
    result: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Case(Expression):
    """`case comparand when ... else alternative end`; without a comparand the conditions are Booleans."""

    comparand: Expression | None
    items: tuple[CaseItem, ...]
    alternative: Expression


# --- timing phrases ---


@dataclass(frozen=True, slots=True, eq=False)
class TimingPhrase(Node):
    """What stands between the operands of a timing expression. `left` and `right` say that a phrase is about a boundary
    of that operand (`starts ...`, `... end`)."""


@dataclass(frozen=True, slots=True, eq=False)
class QuantityOffset(Node):
    """`3 days or more` of `3 days or more before`."""

    quantity: QuantityLiteral
    qualifier: Literal["or more", "or less", "less than", "more than"] | None


@dataclass(frozen=True, slots=True, eq=False)
class ConcurrentWith(TimingPhrase):
    """`starts same day or before end`."""

    left: Boundary | None
    precision: Precision | None
    relation: Literal["as", "or before", "or after"]
    right: Boundary | None


@dataclass(frozen=True, slots=True, eq=False)
class Includes(TimingPhrase):
    """`properly includes day of start`."""

    proper: bool
    precision: Precision | None
    right: Boundary | None


@dataclass(frozen=True, slots=True, eq=False)
class IncludedIn(TimingPhrase):
    """`starts properly during day of`."""

    left: Boundary | None
    proper: bool
    precision: Precision | None


@dataclass(frozen=True, slots=True, eq=False)
class BeforeOrAfter(TimingPhrase):
    """`starts 3 days or less on or before day of end`."""

    left: Boundary | None
    offset: QuantityOffset | None
    relation: Literal["before", "after"]
    inclusive: bool
    precision: Precision | None
    right: Boundary | None


@dataclass(frozen=True, slots=True, eq=False)
class Within(TimingPhrase):
    """`starts properly within 3 days of start`."""

    left: Boundary | None
    proper: bool
    quantity: QuantityLiteral
    right: Boundary | None


@dataclass(frozen=True, slots=True, eq=False)
class Meets(TimingPhrase):
    """`meets before day of`."""

    relation: Literal["before", "after"] | None
    precision: Precision | None


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps(TimingPhrase):
    """`overlaps after day of`."""

    relation: Literal["before", "after"] | None
    precision: Precision | None


@dataclass(frozen=True, slots=True, eq=False)
class Starts(TimingPhrase):
    """`starts day of`."""

    precision: Precision | None


@dataclass(frozen=True, slots=True, eq=False)
class Ends(TimingPhrase):
    """`ends day of`."""

    precision: Precision | None


@dataclass(frozen=True, slots=True, eq=False)
class TimingExpression(Expression):
    """`left phrase right`."""

    left: Expression
    phrase: TimingPhrase
    right: Expression


# --- retrieves and queries ---


@dataclass(frozen=True, slots=True, eq=False)
class Retrieve(Expression):
    """`[context -> type: code path comparator terminology]`."""

    context: Expression | None
    type: NamedTypeSpecifier
    code_path: str | None
    comparator: Literal["in", "=", "~"] | None
    terminology: Expression | None


@dataclass(frozen=True, slots=True, eq=False)
class AliasedQuerySource(Node):
    """`source alias`."""

    expression: Expression
    alias: str


@dataclass(frozen=True, slots=True, eq=False)
class LetClauseItem(Node):
    """`let name: expression`."""

    name: str
    expression: Expression


@dataclass(frozen=True, slots=True, eq=False)
class WithClause(Node):
    """`with source alias such that condition`."""

    source: AliasedQuerySource
    condition: Expression


@dataclass(frozen=True, slots=True, eq=False)
class WithoutClause(Node):
    """`without source alias such that condition`."""

    source: AliasedQuerySource
    condition: Expression


@dataclass(frozen=True, slots=True, eq=False)
class AggregateClause(Node):
    """`aggregate distinct name starting value: expression`."""

    modifier: Literal["all", "distinct"] | None
    name: str
    starting: Expression | None
    expression: Expression


@dataclass(frozen=True, slots=True, eq=False)
class ReturnClause(Node):
    """`return all expression`."""

    modifier: Literal["all", "distinct"] | None
    expression: Expression


@dataclass(frozen=True, slots=True, eq=False)
class SortByItem(Node):
    """`expression desc`; without a direction it is ascending."""

    expression: Expression
    direction: Direction


@dataclass(frozen=True, slots=True, eq=False)
class SortClause(Node):
    """`sort desc` of the items themselves (`items` is empty) or `sort by item, ...` (`direction` is None)."""

    direction: Direction | None
    items: tuple[SortByItem, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Query(Expression):
    """`from sources let ... with ... where ... return ... sort ...`."""

    sources: tuple[AliasedQuerySource, ...]
    lets: tuple[LetClauseItem, ...]
    inclusions: tuple[WithClause | WithoutClause, ...]
    where: Expression | None
    aggregate: AggregateClause | None
    returns: ReturnClause | None
    sort: SortClause | None
