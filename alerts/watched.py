"""Which series a rule watches for missing data: those of its condition, without what filters them. Pure.

`system_cpu_utilization_ratio > 0.8` watches `system_cpu_utilization_ratio`: a series is there whenever the condition could
be judged, whether or not it is met. The labels stay those that the condition's answers have, so that a missing series
and the alert of its threshold are known by the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from alerts.conditions import BadCondition, check_condition
from monitoring.metrics import promql
from monitoring.metrics.promql import syntax
from monitoring.metrics.promql.catalogue import COMPARISONS

#: Answer only while something is not there: the opposite of what is watched.
_ABSENCE = frozenset({"absent", "absent_over_time"})
#: Keep some of their operand's series, by value; which ones they keep says nothing about what is missing.
_CHOOSING = frozenset({"topk", "bottomk"})


@lru_cache(maxsize=2048)
def find_watched(condition: str) -> tuple[promql.Query, ...]:
    """Return the queries whose answers together are the series that a condition is about.

    A comparison is watched without the comparison (between two vectors: wherever both sides have the series), `and` and
    `unless` by their left side, `or` by both. Raises BadCondition, in words, for what is no condition and for what can't
    be watched.
    """
    query = check_condition(condition)
    if not query.selectors():
        raise BadCondition(
            "This condition reads no metric, so nothing of it can be missing. Leave “no data after” empty."
        )
    return tuple(promql.Query("", node) for node in dict.fromkeys(_split(query.expression)))


def identify_watched(queries: tuple[promql.Query, ...]) -> str:
    """Return a text that is equal for equal queries: whether a rule still watches what it did."""
    return repr([query.expression for query in queries])


def _split(node: syntax.Expression) -> Iterator[syntax.Expression]:
    """Yield what an expression is about; the two sides of `or` apart, because one hides the other's series."""
    match node:
        case syntax.Binary(operator="or"):
            yield from _split(node.left)
            yield from _split(node.right)
        case syntax.Binary(operator="and" | "unless"):
            yield from _split(node.left)
        case syntax.Binary() if _is_filter(node) and (side := _find_only_vector(node)) is not None:
            yield from _split(side)
        case _:
            yield _strip(node)


def _strip(node: syntax.Expression) -> syntax.Expression:
    """Return an expression without its filters, however deep they are."""
    match node:
        case syntax.Binary(operator="and" | "unless"):
            return _strip(node.left)
        case syntax.Binary():
            return _strip_binary(node)
        case syntax.Aggregate(operator="count_values"):
            raise BadCondition("With count_values the series follow the values, so none of them can be missing.")
        case syntax.Aggregate():
            operand = _strip(node.operand)
            return operand if node.operator in _CHOOSING else replace(node, operand=operand)
        case syntax.Call() if node.function in _ABSENCE:
            raise BadCondition(
                f"{node.function}() looks for missing data by itself: take it out, or leave “no data after” empty."
            )
        case syntax.Call():
            return replace(node, arguments=tuple(_strip(argument) for argument in node.arguments))
        case syntax.Negation():
            return replace(node, operand=_strip(node.operand))
        case _:
            return node


def _strip_binary(node: syntax.Binary) -> syntax.Expression:
    if not _is_filter(node):
        return replace(node, left=_strip(node.left), right=_strip(node.right))
    if (side := _find_only_vector(node)) is not None:
        return _strip(side)
    # A sum matches as the comparison does and has the same labels, but keeps every match.
    return replace(node, operator="+", left=_strip(node.left), right=_strip(node.right))


def _is_filter(node: syntax.Binary) -> bool:
    return node.operator in COMPARISONS and not node.returns_bool and syntax.type_of(node) == "instant vector"


def _find_only_vector(node: syntax.Binary) -> syntax.Expression | None:
    """Return the side of an operation that is a vector, None if both are."""
    if syntax.type_of(node.right) == "scalar":
        return node.left
    return node.right if syntax.type_of(node.left) == "scalar" else None
