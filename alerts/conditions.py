"""Conditions of rules: checked when written, taken apart for graphs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import promql_parser as grammar

from monitoring.metrics import promql
from monitoring.metrics.promql import syntax

_COMPARISONS = frozenset({">", "<", ">=", "<=", "==", "!="})


class BadCondition(Exception):
    """A condition that can't be used. `position` is the offset of the character where it goes wrong, if that is known."""

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.position = position

    def __str__(self) -> str:
        """The message, with the place."""
        return self.message if self.position is None else f"{self.message} (at character {self.position + 1})"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A condition of the form “expression > number”: what to draw, and the line to draw across it."""

    expression: str
    operator: str
    threshold: float


def check_condition(text: str) -> promql.Query:
    """Return the condition parsed; raise BadCondition, in words, if it can't be one."""
    if not text.strip():
        raise BadCondition("Write a condition in PromQL, for example system_cpu_utilization_ratio > 0.8.")
    try:
        query = promql.parse(text)
    except promql.PromQLError as error:
        raise BadCondition(_as_sentence(error.message), error.position) from error
    if query.type == "scalar":
        raise BadCondition("This is a bare number and so it would always be true. Compare a metric with it.")
    if query.type != "instant vector":
        raise BadCondition(f"A condition must return one number for each series; this is a {query.type}.")
    if isinstance(query.expression, syntax.Binary) and query.expression.returns_bool:
        raise BadCondition(
            "With “bool” the comparison returns 0 or 1 for every series and so it is always met. Leave it out."
        )
    return query


def split_comparison(text: str) -> Comparison | None:
    """Return a condition's expression and threshold if it compares with a plain number, else None.

    Raises BadCondition for what is no condition.
    """
    check_condition(text)  # also bounds the text, before the grammar recurses into it
    node = _unwrap(grammar.parse(text))
    if not isinstance(node, grammar.BinaryExpr) or str(node.op) not in _COMPARISONS:
        return None
    left, right, operator = _unwrap(node.lhs), _unwrap(node.rhs), str(node.op)
    if (number := _read_number(right)) is not None:
        return Comparison(str(left.prettify()), operator, number)
    if (number := _read_number(left)) is not None:
        return Comparison(str(right.prettify()), operator.translate(str.maketrans("<>", "><")), number)
    return None


def describe_condition(text: str) -> str:
    """Return a condition in one line."""
    return " ".join(text.split())


def _unwrap(node: Any) -> Any:
    while isinstance(node, grammar.ParenExpr):
        node = node.expr
    return node


def _read_number(node: Any) -> float | None:
    if isinstance(node, grammar.NumberLiteral):
        return float(node.val)
    if isinstance(node, grammar.UnaryExpr) and isinstance(inner := _unwrap(node.expr), grammar.NumberLiteral):
        return -float(inner.val)
    return None


def _as_sentence(message: str) -> str:
    text = message.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
