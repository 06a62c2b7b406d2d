"""A parsed query: small immutable nodes, holding only what can be evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from monitoring.metrics.promql.data import Matcher

ValueType = Literal["scalar", "string", "instant vector", "range vector"]


@dataclass(frozen=True, slots=True)
class Number:
    """A literal number."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A literal string."""

    value: str


@dataclass(frozen=True, slots=True)
class VectorSelector:
    """The newest sample, at each step, of every series that the matchers select; `offset_ms` looks back (+) or ahead (-)."""

    matchers: tuple[Matcher, ...]
    offset_ms: int


@dataclass(frozen=True, slots=True)
class MatrixSelector:
    """All samples of the last `range_ms` before each step, both ends included."""

    vector: VectorSelector
    range_ms: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function applied to its arguments; `type` is that of its answer."""

    function: str
    arguments: tuple[Expression, ...]
    type: ValueType


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A vector's elements put together in groups: by the given labels, or by all but them (`without`)."""

    operator: str
    operand: Expression
    parameter: Expression | None
    grouping: tuple[str, ...]
    without: bool


@dataclass(frozen=True, slots=True)
class Matching:
    """Which elements of two vectors belong together.

    `on`: labels are the ones compared; else they are the ones left out. `many` names the side that may have several
    elements in a match; `include` are labels taken over from the other side.
    """

    on: bool
    labels: tuple[str, ...]
    many: Literal["left", "right"] | None
    include: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic, comparison or set operation of two operands; `matching` counts only between two vectors."""

    operator: str
    left: Expression
    right: Expression
    matching: Matching
    returns_bool: bool


@dataclass(frozen=True, slots=True)
class Negation:
    """Unary minus."""

    operand: Expression


Expression = Number | Text | VectorSelector | MatrixSelector | Call | Aggregate | Binary | Negation


def type_of(expression: Expression) -> ValueType:
    """The type of an expression's value."""
    match expression:
        case Number():
            return "scalar"
        case Text():
            return "string"
        case MatrixSelector():
            return "range vector"
        case VectorSelector() | Aggregate():
            return "instant vector"
        case Call():
            return expression.type
        case Negation():
            return type_of(expression.operand)
        case Binary():
            both_scalar = type_of(expression.left) == "scalar" and type_of(expression.right) == "scalar"
            return "scalar" if both_scalar else "instant vector"


def children_of(expression: Expression) -> tuple[Expression, ...]:
    """The expressions directly inside an expression, in the order they are written."""
    match expression:
        case Call():
            return expression.arguments
        case Aggregate():
            return (expression.operand,) if expression.parameter is None else (expression.parameter, expression.operand)
        case Binary():
            return (expression.left, expression.right)
        case Negation():
            return (expression.operand,)
        case _:
            return ()
