from __future__ import annotations

import pytest

from monitoring.metrics.promql import Matcher, ParseError


@pytest.mark.parametrize(
    ("operator", "pattern", "value", "matches"),
    [
        ("=", "a", "a", True),
        ("=", "", "", True),
        ("!=", "a", "", True),
        ("!=", "a", "a", False),
        ("=~", "a|b", "b", True),
        ("=~", "a|b", "ab", False),
        ("=~", "a", "xa", False),
        ("=~", "", "", True),
        ("=~", ".*", "a\nb", False),
        ("=~", "(?i)api", "API", True),
        ("=~", "é+", "éé", True),
        ("!~", "a.*", "abc", False),
        ("!~", "a", "abc", True),
    ],
)
def test_matcher__value__is_judged_whole(operator: str, pattern: str, value: str, matches: bool) -> None:
    assert Matcher("label", operator, pattern).matches(value) is matches


@pytest.mark.parametrize("pattern", ["(", "a{2000}", "(?=a)", r"(a)\1"])
def test_matcher__expression_outside_re2__is_refused_with_the_reason(pattern: str) -> None:
    with pytest.raises(ParseError, match="invalid regular expression"):
        Matcher("label", "=~", pattern).matches("a")


def test_matcher__as_text__is_written_as_in_a_query() -> None:
    assert str(Matcher("job", "=~", 'a"b\\d')) == r'job=~"a\"b\\d"'
