from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.routing.components import MAX_COMPONENTS, Component, ComponentHold, check_components, find_held
from alerts.routing.matchers import parse_matchers

Alerts = list[tuple[int, dict[str, str]]]


def component(component_id: int, *parents: int, text: str | None = None) -> Component:
    """Alerts with `c3=y` belong to component 3, so that one can belong to several."""
    matchers = parse_matchers(f"c{component_id}=y" if text is None else text)
    return Component(component_id, f"C{component_id}", matchers, parents)


def alert(alert_id: int, *component_ids: int) -> tuple[int, dict[str, str]]:
    return alert_id, {f"c{component_id}": "y" for component_id in component_ids}


@st.composite
def draw_graphs(draw: st.DrawFn) -> list[Component]:
    """Acyclic: whoever comes later in a shuffled row may need those before."""
    row = draw(st.permutations(range(1, 8)))
    return [
        component(
            component_id,
            *draw(st.lists(st.sampled_from(row[:place]), max_size=3, unique=True) if place else st.just([])),
        )
        for place, component_id in enumerate(row)
    ]


ALERTS = st.dictionaries(st.integers(1, 50), st.sets(st.integers(1, 8), max_size=3), max_size=8).map(
    lambda alerts: [alert(alert_id, *owners) for alert_id, owners in alerts.items()]
)
CHAIN = [component(1), component(2, 1), component(3, 2)]


def find_ancestors(components: list[Component]) -> dict[int, set[int]]:
    parents = {one.component_id: set(one.parents) for one in components}
    above = {component_id: set(found) for component_id, found in parents.items()}
    for _ in components:
        for found in above.values():
            found.update(*(parents[component_id] for component_id in list(found)))
    return above


def test_find_held__parent_is_broken__child_is_held() -> None:
    assert find_held(CHAIN, [alert(10, 1), alert(11, 2)]) == {11: ComponentHold(2, 1, 10)}


def test_find_held__parent_is_well__nothing_is_held() -> None:
    assert find_held(CHAIN, [alert(10, 2), alert(11, 2), alert(12)]) == {}


def test_find_held__grandparent_is_broken__is_held_past_the_well_parent() -> None:
    assert find_held(CHAIN, [alert(10, 3), alert(11, 1)]) == {10: ComponentHold(3, 1, 11)}


def test_find_held__three_levels_broken__the_topmost_is_the_cause_of_all() -> None:
    alerts = [alert(10, 3), alert(11, 2), alert(13, 1), alert(12, 1)]

    assert find_held(CHAIN, alerts) == {10: ComponentHold(3, 1, 12), 11: ComponentHold(2, 1, 12)}


def test_find_held__diamond__one_broken_side_is_enough() -> None:
    diamond = [component(1), component(2, 1), component(3, 1), component(4, 2, 3)]

    assert find_held(diamond, [alert(10, 4), alert(11, 3)]) == {10: ComponentHold(4, 3, 11)}
    assert find_held(diamond, [alert(10, 4), alert(11, 3), alert(12, 2)]) == {10: ComponentHold(4, 2, 12)}


def test_find_held__component_without_matchers__passes_on_what_is_broken_above() -> None:
    components = [component(1), component(2, 1, text=""), component(3, 2)]

    assert find_held(components, [alert(10, 3), alert(11, 1)]) == {10: ComponentHold(3, 1, 11)}


def test_find_held__alert_of_several_components__is_held_only_if_all_are() -> None:
    components = [component(1), component(2, 1), component(3, 1), component(4)]
    alerts = [alert(10, 1), alert(11, 2, 3), alert(12, 2, 4), alert(13, 1, 2)]

    assert find_held(components, alerts) == {11: ComponentHold(2, 1, 10)}


def test_find_held__loop__holds_nothing_and_the_rest_still_works() -> None:
    components = [component(1, 2), component(2, 1), component(3, 2), component(4), component(5, 4, 99)]
    alerts = [alert(10, 1), alert(11, 2), alert(12, 3), alert(13, 4), alert(14, 5)]

    assert find_held(components, alerts) == {14: ComponentHold(5, 4, 13)}


@given(draw_graphs(), ALERTS)
def test_find_held__any_graph__held_exactly_if_each_component_has_an_alert_above_that_goes_out(
    components: list[Component], alerts: Alerts
) -> None:
    above = find_ancestors(components)
    owners = {alert_id: {int(name[1:]) for name in labels} & above.keys() for alert_id, labels in alerts}

    held = find_held(components, alerts)

    outgoing = {owner for alert_id, owned in owners.items() if alert_id not in held for owner in owned}
    for alert_id, owned in owners.items():
        assert (alert_id in held) is (bool(owned) and all(above[owner] & outgoing for owner in owned))
    for alert_id, hold in held.items():
        assert hold.component_id in owners[alert_id]
        assert hold.cause_component_id in above[hold.component_id]
        assert hold.cause_component_id in owners[hold.cause_alert_id]
        assert hold.cause_alert_id not in held


@given(draw_graphs(), ALERTS, st.randoms(use_true_random=False))
def test_find_held__order__does_not_matter(components: list[Component], alerts: Alerts, chance: random.Random) -> None:
    shuffled = find_held(chance.sample(components, len(components)), chance.sample(alerts, len(alerts)))

    assert shuffled == find_held(components, alerts)


@pytest.mark.timeout(20)
def test_find_held__thousand_components_and_alerts__is_quick() -> None:
    components = [component(1), *(component(number, number // 2) for number in range(2, 1_001))]
    alerts = [alert(number, number % 1_000 + 1) for number in range(5_000)]

    held = find_held(components, alerts)

    assert len(held) == 4_995


def test_check_components__usable__says_nothing() -> None:
    assert check_components([*CHAIN, component(4, 1, 3, text="")]) == []


def test_check_components__loop__is_named() -> None:
    (error,) = check_components([component(4, 3), component(1, 3), component(2, 1), component(3, 2)])

    assert error == "Components can't need each other in a loop: “C1” needs “C3” needs “C2” needs “C1”."


def test_check_components__needs_itself__is_named() -> None:
    assert check_components([component(1, 1)]) == ["Components can't need each other in a loop: “C1” needs “C1”."]


def test_check_components__two_loops__both_are_named() -> None:
    assert len(check_components([component(1, 2), component(2, 1), component(3, 4), component(4, 3)])) == 2


def test_check_components__other_mistakes__are_named() -> None:
    errors = check_components([component(1, 7), component(1), component(2, text="a!=b")])

    assert [error.partition(",")[0] for error in errors] == [
        "The id 1 is given to 2 components.",
        "“C1” needs the component 7",
        "The matchers of “C2” are met by alerts that have none of these labels",
    ]


def test_check_components__more_than_one_application_may_have__loops_are_named_all_the_same() -> None:
    components = [component(number) for number in range(3, MAX_COMPONENTS + 3)]

    assert len(check_components([*components, component(1, 2), component(2, 1)])) == 1
