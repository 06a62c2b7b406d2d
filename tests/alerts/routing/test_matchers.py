from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.routing.matchers import (
    MAX_MATCHERS,
    MAX_TEXT_LENGTH,
    MAX_VALUE_LENGTH,
    OPERATORS,
    Matcher,
    MatcherInvalid,
    Operator,
    matches,
    parse_matchers,
    write_matchers,
)

NAMES = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,8}", fullmatch=True)
VALUES = st.text(st.one_of(st.sampled_from('abc,{}="\\\n\t '), st.characters(exclude_categories=["Cs"])), max_size=20)
PLAIN = st.builds(Matcher, NAMES, st.sampled_from(["=", "!="]), VALUES.filter(lambda value: "\0" not in value))
EXPRESSIONS = st.builds(
    Matcher, NAMES, st.sampled_from(["=~", "!~"]), st.sampled_from(["", "a|b", r"\d+", ".*", '"', r"a{2},", "(?i)É"])
)
MATCHERS = st.lists(PLAIN | EXPRESSIONS, max_size=5).map(tuple)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("{}", []),
        ("{ }", []),
        ("a=b", [("a", "=", "b")]),
        ('a=b,c!="d"', [("a", "=", "b"), ("c", "!=", "d")]),
        ('{a="b", c=~"d|e"}', [("a", "=", "b"), ("c", "=~", "d|e")]),
        ('{a="b",c!~"d",}', [("a", "=", "b"), ("c", "!~", "d")]),
        (' \n{ a = "b" ,\n c =~ "d" , }\n', [("a", "=", "b"), ("c", "=~", "d")]),
        ("a=", [("a", "=", "")]),
        ("a=,b=c", [("a", "=", ""), ("b", "=", "c")]),
        ("a=b c", [("a", "=", "b c")]),
        ("a=b=c", [("a", "=", "b=c")]),
        ('a=" b "', [("a", "=", " b ")]),
        ('a="b,c}"', [("a", "=", "b,c}")]),
        (r'a="b\"c\\d\ne\tf"', [("a", "=", 'b"c\\d\ne\\tf')]),
        (r"a=b\"c\\d", [("a", "=", 'b"c\\d')]),
        (r"a=b\,c=d", [("a", "=", "b\\"), ("c", "=", "d")]),
        (r'a=~"\\d+\d"', [("a", "=~", r"\d+\d")]),
        ("a:b=é", [("a:b", "=", "é")]),
    ],
)
def test_parse_matchers__spelling_of_alertmanager__is_read(
    text: str, expected: list[tuple[str, Operator, str]]
) -> None:
    assert parse_matchers(text) == tuple(Matcher(*parts) for parts in expected)


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("{a=b", 0, "never closed"),
        ("a=b}", 3, "never opened"),
        ("a={b},", 2, "stands a brace"),
        ("a==b", 2, "begins with ="),
        ("a='b'", 2, "double quotes"),
        ("a", 1, 'write a="value"'),
        ("x=y, a ?b", 7, "comes one of =, !="),
        ("a!b", 1, "comes one of"),
        ("x=y,1a=b", 4, "begins with a label's name"),
        ("é=b", 0, "begins with a label's name"),
        ('"a"=b', 0, "without quotes"),
        ("a=b,,c=d", 4, "no matcher before it"),
        (",a=b", 0, "no matcher before it"),
        (",", 0, "no matcher before it"),
        ('x=y,a="b', 6, "no closing quote"),
        ('a="b\\"', 2, "no closing quote"),
        ('a="b"c', 5, "a comma is missing"),
        ('a=b"c"', 3, "stands a quote"),
        ('x=y,a=~"("', 7, "no regular expression"),
        ('a=~"(?=b)"', 3, "no regular expression"),
        ("a=\ud800", 2, "no label can have"),
        ("a=" + "x" * (MAX_VALUE_LENGTH + 1), 2, "longer than 1000"),
        ("x" * (MAX_TEXT_LENGTH + 1), MAX_TEXT_LENGTH, "longer than 20000"),
        ("a=b," * (MAX_MATCHERS + 1), 4 * MAX_MATCHERS, "more than 50"),
    ],
)
def test_parse_matchers__bad_text__is_refused_in_words_with_the_place(text: str, position: int, words: str) -> None:
    with pytest.raises(MatcherInvalid, match=words) as refused:
        parse_matchers(text)

    assert refused.value.position == position


@given(MATCHERS)
def test_parse_matchers__written_matchers__are_the_same_again(matchers: tuple[Matcher, ...]) -> None:
    assert parse_matchers(write_matchers(matchers)) == matchers


def read_or_refuse(text: str) -> tuple[Matcher, ...] | int:
    """Return the matchers, or the place where they go wrong."""
    try:
        return parse_matchers(text)
    except MatcherInvalid as refused:
        return -1 if refused.position is None else refused.position


@given(st.text(st.sampled_from('ab=!~,{}"\\ \n1(|'), max_size=25))
def test_parse_matchers__any_text__is_read_or_refused_at_a_place_in_it(text: str) -> None:
    outcome = read_or_refuse(text)

    if isinstance(outcome, tuple):
        assert parse_matchers(write_matchers(outcome)) == outcome
    else:
        assert 0 <= outcome <= len(text)


@pytest.mark.parametrize(
    ("operator", "value", "label", "expected"),
    [
        ("=", "a", "a", True),
        ("=", "a", "A", False),
        ("=", "", None, True),
        ("!=", "a", None, True),
        ("!=", "", None, False),
        ("=~", "a|b", "b", True),
        ("=~", "a|b", "ab", False),
        ("=~", "a", "xay", False),
        ("=~", ".*", None, True),
        ("=~", ".+", None, False),
        ("=~", "a.b", "a\nb", False),
        ("!~", "a.*", "abc", False),
        ("!~", "a", None, True),
        ("=~", "(?i)é", "É", True),
        ("=~", "a.*", "a\ud800", True),
    ],
)
def test_matches__label_or_its_absence__is_judged_whole(
    operator: Operator, value: str, label: str | None, expected: bool
) -> None:
    labels = {} if label is None else {"x": label}

    assert matches((Matcher("x", operator, value),), labels) is expected


@given(MATCHERS, st.dictionaries(NAMES, VALUES, max_size=4))
def test_matches__several_matchers__all_must(matchers: tuple[Matcher, ...], labels: dict[str, str]) -> None:
    assert matches(matchers, labels) is all(matches((matcher,), labels) for matcher in matchers)


@given(PLAIN | EXPRESSIONS, VALUES)
def test_matcher__opposite_operator__judges_the_opposite(matcher: Matcher, value: str) -> None:
    opposite = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}[matcher.operator]

    assert Matcher(matcher.name, opposite, matcher.value).matches(value) is not matcher.matches(value)


@pytest.mark.parametrize(("name", "operator"), [("a-b", "="), ("", "="), ("a", "=="), ("a", "")])
def test_matcher__bad_name_or_operator__is_refused(name: str, operator: str) -> None:
    assert operator not in OPERATORS or name != "a"
    with pytest.raises(MatcherInvalid):
        Matcher(name, operator, "b")
