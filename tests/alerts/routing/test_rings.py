"""Rings of inhibitions: found as by comparing each rule with each, and never at the cost of that."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.routing.inhibition import InhibitRule, find_inhibitors
from alerts.routing.matchers import Matcher
from alerts.routing.rings import Rings, find_ring_of, find_rings
from tests.alerts.routing.test_inhibition import ALERTS, MATCHERS, RULES, Alerts, find_pairs, owned, rule

NAMES = ("kind", "host")
VALUES = ("", "a", "b", "c", "d", "e")
OWNED_RULES = st.lists(
    st.builds(
        lambda one, owner: owned(one, owner) if owner else one,
        st.builds(InhibitRule, MATCHERS, MATCHERS, st.sampled_from([(), ("host",), ("host", "kind")])),
        st.sampled_from(["", "erp", "shop"]),
    ),
    max_size=7,
)


def may_follow(one: InhibitRule, after: InhibitRule) -> bool:
    """Brute force, over every alert of few values: whether what one rule holds back may be what the next begins with."""
    asked = [
        *one.target_matchers,
        *(matcher for matcher in one.source_matchers if matcher.name in one.equal),
        *after.source_matchers,
        *(matcher for matcher in after.target_matchers if matcher.name in after.equal),
    ]
    by_label: dict[str, list[Matcher]] = {}
    for matcher in asked:
        by_label.setdefault(matcher.name, []).append(matcher)
    values = {name: ("", "erp", "shop", "x") if name == "application" else VALUES for name in by_label}
    return all(
        any(all(matcher.matches(value) for matcher in found) for value in values[name])
        for name, found in by_label.items()
    )


def reference_rings(rules: list[InhibitRule]) -> tuple[tuple[int, ...], ...]:
    """Return a shortest ring for each rule, of those that share no rule the first: by comparing each with each."""
    follows = {
        (one, after)
        for one, after in product(range(len(rules)), repeat=2)
        if one != after and may_follow(rules[one], rules[after])
    }
    found: list[tuple[int, ...]] = []
    for start in range(len(rules)):
        ways, ring = [(start,)], ()
        for _ in rules:
            ring = ring or next((way for way in ways if (way[-1], start) in follows and len(way) > 1), ())
            ways = [
                (*way, after)
                for way in ways
                for after in range(len(rules))
                if (way[-1], after) in follows and after not in way
            ]
        if ring and not any(set(ring) & set(other) for other in found):
            found.append(ring)
    return tuple(found)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], ()),
        ([rule("a=1", "a=2"), rule("a=2", "a=3")], ()),
        ([rule("a=1", "a=2"), rule("a=2", "a=1")], ((0, 1),)),
        ([rule("a=1", "a=2"), rule("a=8", "a=9"), rule("a=2", "a=3"), rule("a=3", "a=1", "x")], ((0, 2, 3),)),
        ([rule("a=1", "b=1"), rule("b=1", "a=1")], ((0, 1),)),
        ([rule("a=1,h=1", "a=2,h=1"), rule("a=2,h=2", "a=1,h=2")], ()),
        ([rule("a=1,h=1", "a=2", "h"), rule("a=2,h=2", "a=1", "h")], ()),
        ([rule("a=1", "a=~2|3"), rule("a=~4|5", "a=1")], ()),
        ([rule("a=1", "a=~2|3"), rule("a=~3|5", "a=1")], ((0, 1),)),
        ([rule("a=1", "a=~[23]"), rule("a=~[45]", "a=1")], ((0, 1),)),
        ([rule("a=1", "a=2"), rule("a!=2", "a=1")], ()),
        ([rule("a=~1|2", "a=~1|2")], ()),
        ([rule("severity=critical", "severity=warning"), rule("severity=warning", "severity=info")], ()),
    ],
)
def test_find_rings__rules__names_rings_that_may_be(
    rules: list[InhibitRule], expected: tuple[tuple[int, ...], ...]
) -> None:
    assert find_rings(rules) == Rings(expected)


@given(RULES, ALERTS)
def test_find_rings__alerts_that_inhibit_each_other__were_warned_of(rules: list[InhibitRule], alerts: Alerts) -> None:
    if len(find_inhibitors(rules, alerts)) < len({target for _, target in find_pairs(rules, alerts)}):
        assert find_rings(rules).found


@given(OWNED_RULES)
def test_find_rings__any_rules__those_of_comparing_each_with_each(rules: list[InhibitRule]) -> None:
    assert find_rings(rules) == Rings(reference_rings(rules))


@given(OWNED_RULES)
def test_find_ring_of__any_rule__one_if_the_rule_is_in_any(rules: list[InhibitRule]) -> None:
    for place in range(len(rules)):
        alone = reference_rings([rules[place], *rules[:place], *rules[place + 1 :]])
        ring = next(iter(find_ring_of(rules, place).found), ())
        assert (len(ring), ring[:1]) == (len(alone[0]), (place,)) if alone and alone[0][0] == 0 else ring == ()


def test_find_rings__thousands_of_five_applications__each_compared_with_few() -> None:
    rules = [
        owned(rule(f"kind=a{number}", f"kind=~b{number}.*,host!=x"), f"app{owner}")
        for owner in range(5)
        for number in range(200)
    ]
    pair = [owned(rule("kind=u", "kind=v"), "app0"), owned(rule("kind=v", "kind=u"), "app0")]

    found = find_rings([*rules, *pair], most=250_000)

    assert found == Rings(((1000, 1001),))


def test_find_rings__more_alike_than_are_compared__the_precise_ones_are_judged_and_it_is_said() -> None:
    vague = [owned(rule(f"kind=~a{number}.*", f"kind=~b{number}.*"), "erp") for number in range(100)]
    pair = [owned(rule("kind=u", "kind=v"), "shop"), owned(rule("kind=v", "kind=u"), "shop")]

    found = find_rings([*vague, *pair], most=50)

    assert found == Rings(((100, 101),), is_complete=False)
