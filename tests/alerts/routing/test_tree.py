from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.routing.matchers import Matcher, matches, parse_matchers
from alerts.routing.tree import (
    ALL_LABELS,
    GROUP_INTERVAL,
    GROUP_WAIT,
    MAX_DEPTH,
    MAX_ROUTES,
    REPEAT_INTERVAL,
    ResolvedRoute,
    Route,
    check_tree,
    group_key,
    group_labels,
    resolve,
)

MINUTE = timedelta(minutes=1)
LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "1", "2"]), max_size=3)
MATCHERS = st.lists(
    st.builds(Matcher, st.sampled_from("abc"), st.sampled_from(["=", "!=", "=~"]), st.sampled_from(["", "1", "2"])),
    max_size=2,
).map(tuple)


def route(route_id: int, text: str = "", *children: Route, continues: bool = False) -> Route:
    return Route(
        route_id=route_id,
        matchers=parse_matchers(text),
        receiver=f"r{route_id}",
        continues=continues,
        children=children,
    )


def resolve_ids(root: Route, **labels: str) -> list[int]:
    return [resolved.route_id for resolved in resolve(root, labels)]


def make_routes(children: st.SearchStrategy[list[Route]]) -> st.SearchStrategy[Route]:
    return st.builds(
        Route, route_id=st.just(0), matchers=MATCHERS, continues=st.booleans(), children=children.map(tuple)
    )


def give_ids(root: Route, ids: Iterator[int]) -> Route:
    return replace(root, route_id=next(ids), children=tuple(give_ids(child, ids) for child in root.children))


TREES = st.recursive(
    make_routes(st.just([])), lambda children: make_routes(st.lists(children, max_size=3)), max_leaves=12
).map(lambda root: give_ids(root, count(1)))


def test_resolve__no_child_matches__is_the_route_itself() -> None:
    assert resolve_ids(route(1, "", route(2, "a=1")), a="2") == [1]


def test_resolve__two_children_match__is_the_first() -> None:
    assert resolve_ids(route(1, "", route(2, "a=1"), route(3, "a=1")), a="1") == [2]


def test_resolve__first_continues__is_both() -> None:
    root = route(1, "", route(2, "a=1", continues=True), route(3, "b=1"), route(4, "a=1"), route(5))

    assert resolve_ids(root, a="1") == [2, 4]


def test_resolve__child_has_children__is_the_deepest_and_never_its_parent_too() -> None:
    root = route(1, "", route(2, "a=1", route(3, "b=1"), continues=True), route(4, "a=1"))

    assert resolve_ids(root, a="1", b="1") == [3, 4]
    assert resolve_ids(root, a="1") == [2, 4]


def test_resolve__grandchild_continues__its_parent_still_stops() -> None:
    root = route(1, "", route(2, "a=1", route(3, "", continues=True)), route(4, "a=1"))

    assert resolve_ids(root, a="1") == [3]


def test_resolve__root_with_matchers__matches_all_the_same() -> None:
    assert resolve_ids(route(1, "a=1"), a="2") == [1]


def test_resolve__what_a_route_leaves_open__is_its_parents() -> None:
    leaf = Route(route_id=3, repeat_interval=9 * MINUTE)
    middle = Route(route_id=2, receiver="b", group_by=("x",), group_interval=2 * MINUTE, children=(leaf,))
    root = Route(route_id=1, receiver="a", group_by=("y",), group_wait=timedelta(0), children=(middle,))

    assert resolve(root, {}) == [
        ResolvedRoute(
            route_id=3,
            receiver="b",
            group_by=("x",),
            group_wait=timedelta(0),
            group_interval=2 * MINUTE,
            repeat_interval=9 * MINUTE,
            path=(1, 2, 3),
        )
    ]


def test_resolve__nobody_says__are_the_defaults() -> None:
    (resolved,) = resolve(Route(route_id=1, receiver=7), {})

    assert resolved.group_by == ()
    assert (resolved.group_wait, resolved.group_interval, resolved.repeat_interval) == (
        GROUP_WAIT,
        GROUP_INTERVAL,
        REPEAT_INTERVAL,
    )


def test_resolve__parent_is_muted__child_is_not() -> None:
    child = Route(route_id=3, active_intervals=("office",))
    middle = Route(route_id=2, mute_intervals=("night",), active_intervals=("week",), children=(child,))

    (resolved,) = resolve(Route(route_id=1, receiver="a", children=(middle,)), {})

    assert (resolved.mute_intervals, resolved.active_intervals) == ((), ("office",))


@given(TREES, LABELS)
def test_resolve__any_tree__every_end_is_reached_through_matches_and_has_no_matching_child(
    root: Route, labels: dict[str, str]
) -> None:
    ends = resolve(root, labels)

    assert ends
    for end in ends:
        node = root
        assert end.path[0] == root.route_id
        for route_id in end.path[1:]:
            node = next(child for child in node.children if child.route_id == route_id)
            assert matches(node.matchers, labels)
        assert not any(matches(child.matchers, labels) for child in node.children)


@given(TREES, LABELS)
def test_resolve__everything_continues__ends_are_kept_in_order_and_only_added_to(
    root: Route, labels: dict[str, str]
) -> None:
    ends = [end.path for end in resolve(root, labels)]

    more = [end.path for end in resolve(let_continue(root), labels)]

    assert [path for path in more if path in ends] == ends


def let_continue(root: Route) -> Route:
    return replace(root, continues=True, children=tuple(map(let_continue, root.children)))


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        ((), {}),
        (("b", "a", "missing"), {"a": "1", "b": "2"}),
        (ALL_LABELS, {"a": "1", "b": "2"}),
    ],
)
def test_group_labels__grouping__has_what_the_alert_has(group_by: tuple[str, ...], expected: dict[str, str]) -> None:
    resolved = ResolvedRoute(route_id=1, receiver=1, group_by=group_by)

    assert group_labels(resolved, {"b": "2", "a": "1", "empty": ""}) == expected


def test_group_key__example__names_route_and_labels() -> None:
    resolved = ResolvedRoute(route_id=12, receiver=1, group_by=("b", "a"))

    assert group_key(resolved, {"a": 'x"', "b": "é"}) == '12:{"a":"x\\"","b":"é"}'


@given(LABELS, LABELS, st.sampled_from([(), ("a",), ("b", "a"), ALL_LABELS]))
def test_group_key__two_alerts__is_equal_exactly_if_their_group_labels_are(
    one: dict[str, str], other: dict[str, str], group_by: tuple[str, ...]
) -> None:
    resolved = ResolvedRoute(route_id=1, receiver=1, group_by=group_by)

    same = group_labels(resolved, one) == group_labels(resolved, other)

    assert (group_key(resolved, one) == group_key(resolved, other)) is same
    assert group_key(resolved, one) != group_key(replace(resolved, route_id=11), one)


def check(root: Route) -> list[str]:
    return check_tree(root, receivers={"a", "b"}, intervals={"night"})


def test_check_tree__usable_tree__says_nothing() -> None:
    child = Route(route_id=2, matchers=parse_matchers("a=1"), mute_intervals=("night",), group_by=ALL_LABELS)

    assert check(Route(route_id=1, receiver="a", group_wait=timedelta(0), children=(child,))) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"matchers": parse_matchers("a=1")}, "can't have matchers"),
        ({"continues": True}, "can't continue"),
        ({"receiver": None}, "needs a receiver"),
        ({"mute_intervals": ("night",)}, "can't have time intervals"),
        ({"receiver": "c"}, "“c”, a receiver that does not exist"),
        ({"group_by": ("x", "x")}, "groups by “x” twice"),
        ({"group_by": ("x", "...")}, "leave out either"),
        ({"group_by": ("x-y",)}, "can't be a label"),
        ({"group_wait": -MINUTE}, "negative group wait"),
        ({"group_interval": timedelta(0)}, "group interval longer than zero"),
        ({"repeat_interval": timedelta(0)}, "repeat interval longer than zero"),
        ({"children": (Route(route_id=2), Route(route_id=2))}, "The id 2 is given to 2 routes"),
        ({"children": (Route(route_id=2, receiver="c"),)}, "The route 2 sends to “c”"),
        ({"children": (Route(route_id=2, active_intervals=("noon",)),)}, "“noon”, which does not exist"),
    ],
)
def test_check_tree__one_mistake__is_named(changes: dict[str, object], words: str) -> None:
    (error,) = check(replace(Route(route_id=1, receiver="a"), **changes))

    assert words in error


@pytest.mark.parametrize(("depth", "is_refused"), [(MAX_DEPTH, False), (MAX_DEPTH + 1, True), (5_000, True)])
def test_check_tree__depth__is_bounded(depth: int, is_refused: bool) -> None:
    root = Route(route_id=depth)
    for number in range(1, depth):
        root = Route(route_id=depth - number, receiver="a", children=(root,))

    assert bool(check(root)) is is_refused


@pytest.mark.parametrize(("size", "is_refused"), [(MAX_ROUTES, False), (MAX_ROUTES + 1, True)])
def test_check_tree__number_of_routes__is_bounded(size: int, is_refused: bool) -> None:
    children = tuple(Route(route_id=number) for number in range(2, size + 1))

    assert bool(check(Route(route_id=1, receiver="a", children=children))) is is_refused
