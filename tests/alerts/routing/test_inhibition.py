from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.routing.inhibition import InhibitRule, find_inhibitors
from alerts.routing.matchers import Matcher, matches, parse_matchers

Alerts = list[tuple[int, dict[str, str]]]

LABELS = st.dictionaries(st.sampled_from(["kind", "host"]), st.sampled_from(["a", "b", "c", "d"]), max_size=2)
ALERTS = st.dictionaries(st.integers(1, 99), LABELS, max_size=12).map(lambda alerts: list(alerts.items()))
MATCHERS = st.lists(
    st.builds(
        Matcher,
        st.sampled_from(["kind", "kind", "host"]),
        st.sampled_from(["=", "!=", "=~"]),
        st.sampled_from(["a", "b", "c", "d"]),
    ),
    min_size=1,
    max_size=2,
).map(tuple)
RULES = st.lists(
    st.builds(InhibitRule, MATCHERS, MATCHERS, st.sampled_from([(), ("host",), ("host", "kind")])), max_size=6
)


def rule(source: str, target: str, *equal: str) -> InhibitRule:
    return InhibitRule(parse_matchers(source), parse_matchers(target), equal)


def owned(one: InhibitRule, name: str) -> InhibitRule:
    own = (Matcher("application", "=", name),)
    return InhibitRule(one.source_matchers + own, one.target_matchers + own, one.equal)


def find_pairs(rules: list[InhibitRule], alerts: Alerts) -> set[tuple[int, int]]:
    """Brute force, by the words of the documentation: who inhibits whom."""
    return {
        (source_id, target_id)
        for one in rules
        for source_id, source in alerts
        for target_id, target in alerts
        if matches(one.source_matchers, source)
        and matches(one.target_matchers, target)
        and all(source.get(name, "") == target.get(name, "") for name in one.equal)
        and not (matches(one.target_matchers, source) and matches(one.source_matchers, target))
    }


def test_find_inhibitors__source_fires__target_is_held() -> None:
    alerts = [(1, {"kind": "a"}), (2, {"kind": "b"}), (3, {"kind": "c"})]

    assert find_inhibitors([rule("kind=b", "kind=a")], alerts) == {1: 2}


@pytest.mark.parametrize(
    ("source", "target", "is_held"),
    [
        ({"host": "x"}, {"host": "x"}, True),
        ({"host": "x"}, {"host": "y"}, False),
        ({"host": "x"}, {}, False),
        ({}, {}, True),
        ({"host": ""}, {}, True),
    ],
)
def test_find_inhibitors__equal_labels__must_be_equal_or_both_missing(
    source: dict[str, str], target: dict[str, str], is_held: bool
) -> None:
    alerts = [(1, {"kind": "a", **source}), (2, {"kind": "b", **target})]

    assert find_inhibitors([rule("kind=a", "kind=b", "host")], alerts) == ({2: 1} if is_held else {})


def test_find_inhibitors__alert_on_both_sides__is_held_by_one_sided_ones_only() -> None:
    rules = [rule("kind=~a|b", "kind=~b|c")]

    assert find_inhibitors(rules, [(1, {"kind": "b"}), (2, {"kind": "b"})]) == {}
    assert find_inhibitors(rules, [(1, {"kind": "b"}), (2, {"kind": "c"})]) == {2: 1}
    assert find_inhibitors(rules, [(1, {"kind": "b"}), (2, {"kind": "a"})]) == {1: 2}


def test_find_inhibitors__inhibitor_is_held_itself__still_holds() -> None:
    alerts = [(1, {"kind": "c"}), (2, {"kind": "b"}), (3, {"kind": "a"})]

    assert find_inhibitors([rule("kind=a", "kind=b"), rule("kind=b", "kind=c")], alerts) == {1: 2, 2: 3}


def test_find_inhibitors__several_inhibitors__names_the_one_that_goes_out_then_the_lowest_id() -> None:
    rules = [rule("kind=a", "kind=b"), rule("kind=~a|b", "kind=c")]
    alerts = [(1, {"kind": "b"}), (2, {"kind": "c"}), (3, {"kind": "a"}), (4, {"kind": "a"})]

    assert find_inhibitors(rules, alerts) == {1: 3, 2: 3}


def test_find_inhibitors__two_inhibit_each_other__the_lower_id_goes_out() -> None:
    rules = [rule("kind=a", "kind=b"), rule("kind=b", "kind=a")]

    assert find_inhibitors(rules, [(7, {"kind": "a"}), (5, {"kind": "b"})]) == {7: 5}


def test_find_inhibitors__ring_with_followers__one_of_the_ring_goes_out_and_no_follower() -> None:
    rules = [rule("kind=a", "kind=b"), rule("kind=b", "kind=a"), rule("kind=b", "kind=c")]

    assert find_inhibitors(rules, [(1, {"kind": "c"}), (2, {"kind": "a"}), (3, {"kind": "b"})]) == {1: 3, 3: 2}


def test_find_inhibitors__ring_held_from_outside__is_held_whole() -> None:
    rules = [rule("kind=a", "kind=b"), rule("kind=b", "kind=a"), rule("kind=d", "kind=a")]

    assert find_inhibitors(rules, [(1, {"kind": "a"}), (2, {"kind": "b"}), (3, {"kind": "d"})]) == {1: 3, 2: 1}


@given(RULES, ALERTS)
def test_find_inhibitors__any_rules__named_inhibitor_inhibits_and_a_chain_begins_at_one_that_goes_out(
    rules: list[InhibitRule], alerts: Alerts
) -> None:
    pairs = find_pairs(rules, alerts)

    held = find_inhibitors(rules, alerts)

    assert {(source, target) for target, source in held.items()} <= pairs
    for alert in held:
        for _ in alerts:
            alert = held.get(alert, alert)
        assert alert not in held


@given(RULES, ALERTS)
def test_find_inhibitors__any_rules__only_the_lowest_of_a_ring_goes_out_of_those_that_have_inhibitors(
    rules: list[InhibitRule], alerts: Alerts
) -> None:
    pairs = find_pairs(rules, alerts)
    leads_to = {alert: {alert} for alert, _ in alerts}
    for _ in alerts:
        for source, target in pairs:
            leads_to[target] |= leads_to[source]
    rings = {target: {source for source in leads_to[target] if target in leads_to[source]} for _, target in pairs}
    survivors = {
        target for target, ring in rings.items() if len(ring) > 1 and ring == leads_to[target] and target == min(ring)
    }

    assert set(find_inhibitors(rules, alerts)) == {target for _, target in pairs} - survivors


@given(RULES, ALERTS, st.randoms(use_true_random=False))
def test_find_inhibitors__order_of_alerts__does_not_matter(
    rules: list[InhibitRule], alerts: Alerts, chance: random.Random
) -> None:
    shuffled = chance.sample(alerts, len(alerts))

    assert find_inhibitors(rules, shuffled) == find_inhibitors(rules, alerts)


@pytest.mark.timeout(20)
def test_find_inhibitors__thousands_on_each_side__are_not_compared_pair_by_pair() -> None:
    rules = [rule("kind=a", "kind=b"), rule("kind=b", "kind=c", "host"), rule("kind=~c|b", "kind=a")]
    alerts = [(number, {"kind": "abc"[number % 3], "host": str(number % 7)}) for number in range(6_000)]

    held = find_inhibitors(rules, alerts)

    assert len(held) == 5_999


@given(RULES, ALERTS)
def test_find_inhibitors__alerts_of_other_applications_and_their_rules__change_nothing(
    rules: list[InhibitRule], alerts: Alerts
) -> None:
    own = [owned(one, "erp") for one in rules]
    mine = [(number, {**labels, "application": "erp"}) for number, labels in alerts]
    others = [(number + 100, {**labels, "application": "shop"}) for number, labels in alerts]

    held = find_inhibitors([*own, *(owned(one, "shop") for one in rules)], [*others, *mine])

    expected = find_inhibitors(rules, alerts)
    assert held == expected | {target + 100: source + 100 for target, source in expected.items()}


class Asked(dict[str, str]):
    """Labels that count how often they are asked for."""

    times = 0

    def get(self, name: str, default: Any = None) -> Any:
        self.times += 1
        return super().get(name, default)


def test_find_inhibitors__rules_of_other_applications__ask_an_alert_nothing() -> None:
    alerts = [(number, Asked(kind="a", host="x", application=f"app{number}")) for number in range(10)]
    rules = [owned(rule("kind=~a.*", "host=~x.*"), "app3") for _ in range(50)]

    find_inhibitors(rules, alerts)

    assert [labels.times > 0 for _, labels in alerts] == [number == 3 for number in range(10)]
