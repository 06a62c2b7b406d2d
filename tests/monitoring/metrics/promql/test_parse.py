from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.metrics.promql import Matcher, ParseError, PromQLError, SelectorNeed, Unsupported, parse
from monitoring.metrics.promql.parse import MAX_NESTING, MAX_OPERATORS, MAX_QUERY_CHARACTERS


@pytest.mark.parametrize(
    ("text", "feature", "name"),
    [
        ("holt_winters(x[5m], 0.1, 0.2)", "function", "holt_winters"),
        ("ts_of_max_over_time(x[5m])", "function", "ts_of_max_over_time"),
        ("sum(day_of_week())", "function", "day_of_week"),
        ("label_join(x, 'a', '', 'b')", "function", "label_join"),
        ("nosuch(x)", "function", "nosuch"),
        ("limitk(1, x)", "aggregation", "limitk"),
        ("x[5m:1m]", "feature", "subquery"),
        ("max_over_time(rate(x[5m])[1h:])", "feature", "subquery"),
        ("x @ 1", "modifier", "@"),
        ("rate(x[5m] @ end())", "modifier", "@"),
        ('x{a="1" or b="2"}', "feature", "or between label matchers"),
        ("x + fill(0) y", "modifier", "fill"),
    ],
)
def test_parse__not_evaluated_here__refuses_it_by_name(text: str, feature: str, name: str) -> None:
    with pytest.raises(Unsupported) as refusal:
        parse(text)
    assert (refusal.value.feature, refusal.value.name) == (feature, name)
    assert name in refusal.value.message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x +",
        "{}",
        '{a=""}',
        '{a=~".*"}',
        'x{a=~"("}',
        "rate(x)",
        "x[5m] + 1",
        "1 == 1",
        "sum('a')",
        "1 and x",
        "x offset 1e400",
        "x[300y]",
        "x[0s]",
        'count_values("not a label", x)',
        'label_replace(x, "not-a-label", "", "", "")',
        'label_replace(x, "a", "", "b", "(")',
        "\ud800",
        "(" * (MAX_NESTING + 1) + "1" + ")" * (MAX_NESTING + 1),
        "1" + " + 1" * (MAX_OPERATORS + 1),
        "-" * 15_000 + "1",
        "x" + " " * MAX_QUERY_CHARACTERS,
    ],
)
def test_parse__not_promql__is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * MAX_NESTING + "1" + ")" * MAX_NESTING,
        "1" + " + 1" * MAX_OPERATORS,
        "x{" + 'a!="b",' * 2 * MAX_OPERATORS + "}",
        'x{a="' + "(" * 2 * MAX_NESTING + '"}',
        "x # " + "(" * 2 * MAX_NESTING,
    ],
)
def test_parse__just_within_bounds__passes(text: str) -> None:
    assert parse(text).text == text


@given(st.text(alphabet="x1 +-*/^()[]{}<>=!~,\"'`\\#:@amsohvrbydnt.e_\n\x00é", max_size=40))
def test_parse__any_text__is_a_query_or_is_refused(text: str) -> None:
    assert describe(text) in {"scalar", "string", "instant vector", "range vector", "refused"}


def describe(text: str) -> str:
    try:
        return parse(text).type
    except PromQLError:
        return "refused"


def test_parse__unknown_function__says_where() -> None:
    with pytest.raises(Unsupported) as refusal:
        parse("1 + nosuch(x)")
    assert refusal.value.position == 4


def test_selectors__nested_query__lists_every_need_once() -> None:
    load = (Matcher("__name__", "=", "load"), Matcher("job", "!~", "a|b"))
    query = parse('sum(load{job!~"a|b"}) / rate(load{job!~"a|b"}[5m] offset -1m) > timestamp(up) + load{job!~"a|b"}')
    assert query.selectors() == [
        SelectorNeed(load, range_ms=0, offset_ms=0, function=None),
        SelectorNeed(load, range_ms=300_000, offset_ms=-60_000, function="rate"),
        SelectorNeed((Matcher("__name__", "=", "up"),), range_ms=0, offset_ms=0, function="timestamp"),
    ]


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("x", (700_000, 1_000_000)),
        ("x offset 1m", (640_000, 940_000)),
        ("rate(x[1m])", (940_000, 1_000_000)),
        ("rate(x[1m] offset -1m)", (1_000_000, 1_060_000)),
    ],
)
def test_span__selector__reaches_as_far_as_evaluation_will(text: str, span: tuple[int, int]) -> None:
    (need,) = parse(text).selectors()
    assert need.span(1_000_000) == span


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1 + 2", "scalar"),
        ("'a'", "string"),
        ("x[5m]", "range vector"),
        ("-x", "instant vector"),
        ("1 + x", "instant vector"),
        ("scalar(x)", "scalar"),
        ("sum(x)", "instant vector"),
    ],
)
def test_type__query__is_that_of_its_answer(text: str, kind: str) -> None:
    assert parse(text).type == kind
