"""From the text of a query to its nodes: the grammar is a library's, the choice of what is evaluated is ours."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Literal

import promql_parser as grammar

from monitoring.metrics.promql import syntax
from monitoring.metrics.promql.catalogue import AGGREGATIONS, FUNCTIONS, OPERATORS
from monitoring.metrics.promql.data import METRIC_NAME, Matcher
from monitoring.metrics.promql.errors import ParseError, Unsupported
from monitoring.metrics.promql.syntax import Expression, ValueType

MAX_QUERY_CHARACTERS = 20_000
MAX_NESTING = 50
MAX_OPERATORS = 200
"""The library's parser recurses on the stack of the calling thread and ends the whole process when that overflows
(seen from about 5,000 nested brackets or chained operators on 8 MiB), so both are bounded before it sees the text."""
MAX_DURATION_MS = 100 * 365 * 24 * 3_600_000

TOKEN = re.compile(
    r"""(?P<skip>\#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)"""
    r"""|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<operator>[-+*/%^<>!=]=?|\b(?:and|or|unless|atan2)\b)""",
    re.IGNORECASE | re.DOTALL,
)
UNKNOWN_FUNCTION = re.compile(r"unknown function with name '(?P<name>[^']*)'")
VALUE_TYPES: dict[str, ValueType] = {
    "ValueType.Vector": "instant vector",
    "ValueType.Scalar": "scalar",
    "ValueType.Matrix": "range vector",
    "ValueType.String": "string",
}
MATCH_OPERATORS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}


def parse_expression(text: str) -> Expression:
    """The nodes of a query.

    Raises ParseError for what is not PromQL, Unsupported for what is but is not evaluated here, by name.
    """
    check_size(text)
    return lower(parse_grammar(text))


def check_size(text: str) -> None:
    """Refuse a query that is too long or too deep to be parsed safely; raises ParseError."""
    if len(text) > MAX_QUERY_CHARACTERS:
        raise ParseError(f"the query is longer than {MAX_QUERY_CHARACTERS:,} characters", MAX_QUERY_CHARACTERS)
    depth = operators = 0
    in_matchers = False
    for token in TOKEN.finditer(text):
        kind, written = token.lastgroup, token[0]
        depth = max(depth + (kind == "open") - (kind == "close"), 0)
        in_matchers = written == "{" or (in_matchers and written != "}")
        operators += kind == "operator" and not in_matchers
        if depth > MAX_NESTING:
            raise ParseError(f"brackets are nested deeper than {MAX_NESTING}", token.start())
        if operators > MAX_OPERATORS:
            raise ParseError(f"the query has more than {MAX_OPERATORS} operators", token.start())


def parse_grammar(text: str) -> Any:
    """The library's tree of a query; raises ParseError, or Unsupported for a function nobody knows."""
    try:
        return grammar.parse(text)
    except ValueError as error:
        unknown = UNKNOWN_FUNCTION.search(str(error))
        if unknown is not None:
            raise Unsupported("function", unknown["name"], find_position(text, unknown["name"])) from error
        raise ParseError(f"invalid query: {error}") from error
    except BaseException as error:
        # The library panics on some numbers (`x offset 1e400`), which arrives as an exception of no exported class.
        if type(error).__name__ != "PanicException":
            raise
        raise ParseError(f"invalid query: {error}") from error


def find_position(text: str, word: str) -> int | None:
    """Where a word stands in the query, or None."""
    position = text.find(word)
    return None if position < 0 else position


def lower(node: Any) -> Expression:
    """Our node for one of the library's; raises Unsupported for what has none."""
    match node:
        case grammar.ParenExpr():
            return lower(node.expr)
        case grammar.NumberLiteral():
            return syntax.Number(node.val)
        case grammar.StringLiteral():
            return syntax.Text(node.val)
        case grammar.UnaryExpr():
            return syntax.Negation(lower(node.expr))
        case grammar.VectorSelector():
            return lower_selector(node)
        case grammar.MatrixSelector():
            return syntax.MatrixSelector(lower_selector(node.vector_selector), to_milliseconds(node.range))
        case grammar.Call():
            return lower_call(node)
        case grammar.AggregateExpr():
            return lower_aggregate(node)
        case grammar.BinaryExpr():
            return lower_binary(node)
        case grammar.SubqueryExpr():
            raise Unsupported("feature", "subquery")
        case _:
            raise Unsupported("feature", type(node).__name__)


def lower_selector(node: Any) -> syntax.VectorSelector:
    """A selector with its matchers, the metric's name being one of them."""
    if node.at is not None:
        raise Unsupported("modifier", "@")
    if node.matchers.or_matchers:
        raise Unsupported("feature", "or between label matchers")
    matchers = [Matcher(METRIC_NAME, "=", node.name)] if node.name else []
    matchers += [Matcher(each.name, MATCH_OPERATORS[str(each.op)], each.value) for each in node.matchers.matchers]
    if all(matcher.matches("") for matcher in matchers):
        raise ParseError("vector selector must contain at least one non-empty matcher")
    return syntax.VectorSelector(tuple(matchers), 0 if node.offset is None else to_milliseconds(node.offset))


def to_milliseconds(duration: timedelta) -> int:
    """A duration in whole milliseconds; raises ParseError beyond a hundred years, where times leave 64 bits."""
    milliseconds = duration // timedelta(milliseconds=1)
    if abs(milliseconds) > MAX_DURATION_MS:
        raise ParseError("durations are limited to 100 years")
    return milliseconds


def lower_call(node: Any) -> syntax.Call:
    """A function's call, its constant arguments checked."""
    name = node.func.name
    if name not in FUNCTIONS:
        raise Unsupported("function", name)
    arguments = tuple(lower(argument) for argument in node.args)
    return_type = VALUE_TYPES[str(node.func.return_type)]
    if name == "label_replace":
        check_label_replace(arguments)
    return syntax.Call(name, arguments, return_type)


def check_label_replace(arguments: tuple[Expression, ...]) -> None:
    """Refuse a destination that is no label name and an expression that RE2 does not take."""
    _, destination, _, _, pattern = arguments
    assert isinstance(destination, syntax.Text)
    assert isinstance(pattern, syntax.Text)
    check_label_name(destination.value, context="destination label name in label_replace()")
    Matcher("", "=~", pattern.value).matches("")


def check_label_name(name: str, *, context: str = "label name") -> None:
    """Refuse what is no label name; raises ParseError."""
    if re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) is None:
        raise ParseError(f"invalid {context}: {name!r}")


def lower_aggregate(node: Any) -> syntax.Aggregate:
    """An aggregation with its grouping; without a grouping all elements are one group."""
    operator = str(node.op).strip()
    if operator not in AGGREGATIONS:
        raise Unsupported("aggregation", operator)
    parameter = None if node.param is None else lower(node.param)
    if operator == "count_values":
        assert isinstance(parameter, syntax.Text)
        check_label_name(parameter.value)
    modifier = node.modifier
    return syntax.Aggregate(
        operator=operator,
        operand=lower(node.expr),
        parameter=parameter,
        grouping=() if modifier is None else tuple(modifier.labels),
        without=modifier is not None and modifier.type == grammar.AggModifierType.Without,
    )


def lower_binary(node: Any) -> syntax.Binary:
    """An operation of two operands."""
    operator = str(node.op).strip()
    if operator not in OPERATORS:
        raise Unsupported("operator", operator)
    modifier = node.modifier
    return syntax.Binary(
        operator=operator,
        left=lower(node.lhs),
        right=lower(node.rhs),
        matching=lower_matching(modifier),
        returns_bool=modifier is not None and modifier.return_bool,
    )


def lower_matching(modifier: Any) -> syntax.Matching:
    """How two vectors are matched; without a modifier by all labels but the name."""
    if modifier is None:
        return syntax.Matching(on=False, labels=(), many=None, include=())
    fill = modifier.fill_values
    if fill.lhs is not None or fill.rhs is not None:
        raise Unsupported("modifier", "fill")
    matching = modifier.matching
    return syntax.Matching(
        on=matching is not None and matching.type == grammar.LabelModifierType.Include,
        labels=() if matching is None else tuple(matching.labels),
        many=many_side(modifier.card),
        include=tuple(modifier.group_labels or ()),
    )


def many_side(cardinality: Any) -> Literal["left", "right"] | None:
    """Which side of an operation may have several elements in one match."""
    if cardinality == grammar.VectorMatchCardinality.ManyToOne:
        return "left"
    if cardinality == grammar.VectorMatchCardinality.OneToMany:
        return "right"
    return None
